"""Equal values of many records kept once: task, doc_hash, grader, reasons, short answers, columns of a doc.

    values = SharedValues()
    values.share(row)               # row["grader"] is now the same object as in every earlier row
    values.one(key, value)          # the value that came first with this key

JSON makes a new string for each value it reads, and the samples of a run name the same few over and over.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeVar

T = TypeVar("T")

NAMES = ("task", "doc_hash", "grader", "why", "extracted")
"""Fields of a sample that often repeat those of another one."""
MOST = 1 << 14
"""Values that are remembered; with more of them, all are forgotten and collected anew."""
LONGEST = 200


class SharedValues:
    """The values that were read so far."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._nothing: dict[str, Any] = {}

    def one(self, key: Hashable, value: T) -> T:
        """Return the value that was first given with an equal key: `value`, if this is the first."""
        self._forget()
        kept: T = self._known.setdefault(key, value)
        return kept

    def _forget(self) -> None:
        if len(self._known) > MOST:
            self._known.clear()

    def share(self, row: dict[str, Any]) -> None:
        """Put values that were read before in place of equal ones of `row`, which was checked to be a sample."""
        self._forget()
        known = self._known
        for name in NAMES:
            value = row.get(name)
            if value is not None and len(value) < LONGEST:
                row[name] = known.setdefault(value, value)
        # the commonest score by far: one object for all of them
        if type(row["score"]) is float and row["score"] == 1.0:
            row["score"] = 1.0
        for name in ("metrics", "weights"):
            if name in row and not row[name]:
                row[name] = self._nothing
