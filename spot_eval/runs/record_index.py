"""Find single records of a JSON Lines file, so that one can be read without reading all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from spot_eval.core.errors import UserError
from spot_eval.core.record_files import checked_row

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
    """Return each record's place by its name; the last counts if two have the same name.

    Raises UserError if a line is broken, unless it is the last.
    """
    places: dict[tuple[str, ...], RecordPlace] = {}
    if not path.exists():
        return places
    start = broken = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if broken:  # and not the last line, which a kill may cut short
                raise UserError(f"{path}, line {broken}: not a record; restore the file, or take the line out")
            try:
                match = head.match(line)
                name = tuple(map(json.loads, match.groups())) if match else name_of(json.loads(line))
                places[name] = RecordPlace(number, start, len(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                broken = number
            start += len(line)
    return places


class RecordFile:
    """Records of one file, read one at a time by their place; if the file is gone, every record is None."""

    def __init__(self, path: Path, kind: type[Any]) -> None:
        self._path = path
        self._kind = kind
        try:
            self._file: IO[bytes] | None = path.open("rb")
        except FileNotFoundError:
            self._file = None
        except OSError as problem:
            raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from problem

    def read(self, place: RecordPlace | None) -> dict[str, Any] | None:
        """Return the record at `place`; None if `place` is None.

        Raises UserError if no record of the file's kind lies there.
        """
        if self._file is None or place is None:
            return None
        self._file.seek(place.start)
        return checked_row(self._file.read(place.length), self._kind, self._path, place.line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
