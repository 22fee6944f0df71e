"""Equal values of many records kept once: task, doc_hash, grader, reasons, short answers.

    share = SharedValues().share
    share(row)                      # row["grader"] is now the same object as in every earlier row

JSON makes a new string for each value it reads, and the samples of a run name the same few over and over. Knows rows
of samples.jsonl only.
"""

from __future__ import annotations

from typing import Any

NAMES = ("task", "doc_hash", "grader", "why", "extracted")
"""Fields of a sample that often repeat those of another one."""
MOST = 1 << 14
"""Values that are remembered; with more of them, all are forgotten and collected anew."""
LONGEST = 200


class SharedValues:
    """The values that were read so far."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._nothing: dict[str, Any] = {}

    def share(self, row: dict[str, Any]) -> None:
        """Put values that were read before in place of equal ones of `row`, which was checked to be a sample."""
        known = self._known
        if len(known) > MOST:
            known.clear()
        for name in NAMES:
            value = row.get(name)
            if value is not None and len(value) < LONGEST:
                row[name] = known.setdefault(value, value)
        if type(row["score"]) is float and row["score"] == 1.0:
            row["score"] = 1.0
        for name in ("metrics", "weights"):
            if name in row and not row[name]:
                row[name] = self._nothing
