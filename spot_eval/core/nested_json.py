"""JSON read with a limit of its depth, so that a hostile file ends in a sentence, not in a RecursionError.

parsed('{"a": [1]}')                   # {"a": [1]}
parsed("[" * 200 + "]" * 200)          # TooDeepError: nested deeper than 100 levels
"""

from __future__ import annotations

import json
from typing import Any

MOST_NESTED = 100
"""Levels of lists and objects in a JSON file. Python's own limit lies near 1,000, and ends in a RecursionError."""


class TooDeepError(ValueError):
    """JSON nested deeper than `MOST_NESTED`."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MOST_NESTED} levels")


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises TooDeepError, or ValueError if it is not JSON."""
    try:
        value = json.loads(text)
    except RecursionError as problem:
        raise TooDeepError from problem
    if _too_deep(text, value):
        raise TooDeepError
    return value


def _too_deep(text: str | bytes, value: Any) -> bool:
    openings = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if openings <= MOST_NESTED:
        return False
    level = [value]
    for _ in range(MOST_NESTED):
        level = [
            part
            for one in level
            for part in (one.values() if type(one) is dict else one)
            if type(part) is dict or type(part) is list
        ]
        if not level:
            return False
    return True
