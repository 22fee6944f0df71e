"""Where each record of a JSON Lines file lies, so that one can be read without reading all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

# The heads of lines as this project writes them; a line written elsewhere is parsed instead.
_GENERATION = re.compile(rb'\{"key":("[^"\\]{1,200}")')


_DOC = re.compile(rb'\{"task":("[^"\\]{1,200}"),"doc_id":\d+,"doc_hash":("[^"\\]{1,200}")')


class Place(NamedTuple):
    """Where a record lies in its file."""

    line: int  # from 1
    start: int
    length: int  # bytes


def _places(path: Path, pattern: re.Pattern[bytes], name: Callable[[Any], tuple[str, ...]]) -> dict[Any, Place]:
    """Each record's place by its name; the last counts where a name stands twice."""
    found: dict[tuple[str, ...], Place] = {}
    if not path.exists():
        return found
    start = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                head = pattern.match(line)
                found[tuple(map(json.loads, head.groups())) if head else name(json.loads(line))] = Place(
                    number, start, len(line)
                )
            except (ValueError, KeyError, TypeError):
                pass  # cut short by a kill; the run's next start takes it out
            start += len(line)
    return found


class RecordFile:
    """Records read one at a time by their place; of a file that is gone, every record is None."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] | None = path.open("rb") if path.exists() else None

    def read(self, place: Place | None) -> dict[str, Any] | None:
        """The record at `place`; None where there is none, or no object."""
        if self._file is None or place is None:
            return None
        self._file.seek(place.start)
        try:
            row = json.loads(self._file.read(place.length))
        except ValueError:
            return None
        return row if isinstance(row, dict) else None

    def close(self) -> None:
        """Lets the file go."""
        if self._file is not None:
            self._file.close()
