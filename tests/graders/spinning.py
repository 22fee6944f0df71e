"""A grader that uses up what its worker is given: CPU time for the text "spin", memory for "hoard"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def judge(row: Mapping[str, Any], text: str) -> bool:
    """Return True for any other text."""
    del row
    kept = []
    while text == "spin":
        pass
    while text == "hoard":
        kept.append(bytearray(1 << 20))
    return True
