"""Find single records of a JSON Lines file, so that one can be read without reading all."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

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


class RecordIndex:
    """The places of a file's records by name, in 24 bytes each: a million of them fit beside what is made of them.

    Names are told apart by Python's hash of 64 bits, drawn anew for each process: two of ten million names share one
    with a chance of 3 in a million, and `FinishedRun.judged_record` would notice.
    """

    def __init__(self, hashes: array[int], starts: array[int]) -> None:
        """Take the hash of each line's name, and the byte each line starts at, with the end of the last one."""
        found = np.frombuffer(hashes, dtype=np.int64) if hashes else np.empty(0, np.int64)
        self._order = np.argsort(found, kind="stable")
        self._hashes = found[self._order]
        self._starts = starts

    def get(self, name: tuple[str, ...]) -> RecordPlace | None:
        """Return the place of the record called `name`, the last if there are several; None if there is none."""
        wanted = hash(name)
        at = int(self._hashes.searchsorted(wanted, side="right")) - 1
        if at < 0 or self._hashes[at] != wanted:
            return None
        line = int(self._order[at])
        return RecordPlace(line + 1, self._starts[line], self._starts[line + 1] - self._starts[line])

    def __contains__(self, name: tuple[str, ...]) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        """Return the number of records, those of one name each counted."""
        return len(self._hashes)


def index_generations(path: Path) -> RecordIndex:
    """Return the place of each record of a generations.jsonl, by (key,); empty if there is no such file."""
    return _index(path, _GENERATION, lambda row: (row["key"],))


def index_docs(path: Path) -> RecordIndex:
    """Return the place of each record of a docs.jsonl, by (task, doc_hash); empty if there is no such file."""
    return _index(path, _DOC, lambda row: (row["task"], row["doc_hash"]))


def _index(path: Path, head: re.Pattern[bytes], name_of: Callable[[Any], tuple[str, ...]]) -> RecordIndex:
    """Return the index of a file.

    Raises UserError if a line is broken, unless it is the last.
    """
    hashes, starts = array("q"), array("q", [0])
    if not path.exists():
        return RecordIndex(hashes, starts)
    start = broken = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if broken:  # and not the last line, which a kill may cut short
                raise UserError(f"{path}, line {broken}: not a record; restore the file, or take the line out")
            start += len(line)
            try:
                match = head.match(line)
                hashes.append(hash(tuple(map(json.loads, match.groups())) if match else name_of(json.loads(line))))
            except (ValueError, KeyError, TypeError, RecursionError):
                broken = number
                continue
            starts.append(start)
    return RecordIndex(hashes, starts)


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
