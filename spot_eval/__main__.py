"""`python -m spot_eval` is `spot-eval`."""

from spot_eval.cli import main

if __name__ == "__main__":
    main()
