"""Find single records of a JSON Lines file, so that one can be read without reading all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

# The heads of lines as this project writes them; a line written elsewhere is parsed instead.
_GENERATION = re.compile(rb'\{"key":("[^"\\]{1,200}")')
_DOC = re.compile(rb'\{"task":("[^"\\]{1,200}"),"doc_id":\d+,"doc_hash":("[^"\\]{1,200}")')


class RecordPlace(NamedTuple):
    """The place of a record in its file."""

    line: int  # from 1
    start: int
    length: int  # bytes


def index_generations(path: Path) -> dict[tuple[str, ...], RecordPlace]:
    """Return the place of each record of a generations.jsonl, by (key,); empty if there is no such file."""
    return _index(path, _GENERATION, lambda row: (row["key"],))


def index_docs(path: Path) -> dict[tuple[str, ...], RecordPlace]:
    """Return the place of each record of a docs.jsonl, by (task, doc_hash); empty if there is no such file."""
    return _index(path, _DOC, lambda row: (row["task"], row["doc_hash"]))


def _index(
    path: Path, head: re.Pattern[bytes], name_of: Callable[[Any], tuple[str, ...]]
) -> dict[tuple[str, ...], RecordPlace]:
    """Return each record's place by its name; the last counts if two have the same name."""
    places: dict[tuple[str, ...], RecordPlace] = {}
    if not path.exists():
        return places
    start = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                match = head.match(line)
                name = tuple(map(json.loads, match.groups())) if match else name_of(json.loads(line))
                places[name] = RecordPlace(number, start, len(line))
            except (ValueError, KeyError, TypeError):
                pass  # cut short by a kill; the next start of the run removes the line
            start += len(line)
    return places


class RecordFile:
    """Records of one file, read one at a time by their place; if the file is gone, every record is None."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] | None = path.open("rb") if path.exists() else None

    def read(self, place: RecordPlace | None) -> dict[str, Any] | None:
        """Return the record at `place`; None if `place` is None or no JSON object lies there."""
        if self._file is None or place is None:
            return None
        self._file.seek(place.start)
        try:
            row = json.loads(self._file.read(place.length))
        except ValueError:
            return None
        return row if isinstance(row, dict) else None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
