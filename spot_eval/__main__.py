"""Run `python -m spot_eval` as `spot-eval`: without the modules of the folder it is started in."""

import os
import sys

# `python -m` puts the working folder first on the import path. A project's own `trainer.py` or `yaml.py` there would
# be imported in place of ours, and run.
if not sys.flags.safe_path and sys.path:
    ours = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    if os.path.realpath(sys.path[0] or os.curdir) != ours:
        del sys.path[0]

from spot_eval.cli import main

if __name__ == "__main__":
    main()
