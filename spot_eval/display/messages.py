"""Print messages to stderr, where they are not mixed up with results."""

from __future__ import annotations

import sys

from spot_eval.display.format import plain


def say(sentence: str) -> None:
    """Print a message to stderr. Names in it cannot steer the terminal."""
    print(f"spot-eval: {plain(sentence)}", file=sys.stderr)  # noqa: T201
