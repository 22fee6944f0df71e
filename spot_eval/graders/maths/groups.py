r"""Groups in braces: find where the argument of a command such as ``\text{ km}`` begins and ends."""

from __future__ import annotations

import re

from spot_eval.graders.maths.tokens import UnreadableError

_OPENS = re.compile(r"\s*\{")


def starts_group(text: str, at: int) -> bool:
    """Return True if a group in braces starts here, after white space."""
    return _OPENS.match(text, at) is not None


def group(text: str, at: int) -> tuple[int, int]:
    """Return (start, end) of the text inside the braces that start at `at`, after white space.

    Raises UnreadableError if none start there, or if they never close.
    """
    opens = _OPENS.match(text, at)
    if opens is None:
        raise UnreadableError("a command without its group in braces")
    start = opens.end() - 1
    depth, i = 0, start
    while i < len(text):
        c = text[i]
        if c == "\\":
            i += 1
        elif c == "{":
            depth += 1
        elif c == "}":
            depth -= 1
            if not depth:
                return start + 1, i
        i += 1
    raise UnreadableError("braces that never close")


def group_end(text: str, at: int) -> int:
    """Return the position after the group that starts at `at`. Raises UnreadableError as `group` does."""
    return group(text, at)[1] + 1
