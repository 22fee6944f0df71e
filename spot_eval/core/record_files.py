"""JSON Lines files of records: written a line per record, and checked as they are read.

    read_records(folder / "samples.jsonl", Sample)      # a UserError names file, line and field of a bad record

Lines end at newlines only, so a text may hold any other separator. The checks are those of `core.schemas`; the records
those of `core.records`.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from spot_eval.core.errors import UserError
from spot_eval.core.nested_json import TooDeepError, parsed
from spot_eval.core.records import Generation, Likelihood, Sample
from spot_eval.core.schemas import RECORDS
from spot_eval.core.shared_values import SharedValues

T = TypeVar("T")


def to_line(record: Any) -> bytes:
    """Return a record as a line of UTF-8 JSON, newline included."""
    row = record if isinstance(record, dict) else asdict(record)
    try:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        text = json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode()
    return text + b"\n"


def generation_class(row: Mapping[str, Any]) -> type[Generation]:
    """Return the record class of a line of `generations.jsonl`."""
    return Likelihood if row.get("kind") == "likelihood" else Generation


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file, split on newlines only.

    Raises UserError naming file and line if a line is not an object, or is nested too deeply.
    """
    try:
        content = path.open("rb")
    except OSError as problem:
        raise UserError(
            f"{path} cannot be read ({problem.strerror}); the command that made it makes it again"
        ) from problem
    with content as lines:
        for number, line in enumerate(lines, start=1):
            yield _row(line, path, number)


def _row(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = parsed(str(line.removeprefix(BOM_UTF8), "utf-8", "surrogatepass"))
    except TooDeepError as problem:
        raise UserError(f"{path}, line {number}: {problem}; take the line out") from problem
    except ValueError as problem:
        raise UserError(
            f"{path}, line {number}: not JSON ({problem}); take the line out, and the same command makes it again"
        ) from problem
    if not isinstance(row, dict):
        raise UserError(f"{path}, line {number}: expected an object, found {type(row).__name__}")
    return row


def read_records(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the records of one kind in a JSON Lines file; fields of later versions are ignored.

    A line of log-likelihoods is read as `Likelihood` if `kind` is `Generation`. Raises UserError naming file and line
    if a field is missing or has a value it cannot have (core.schemas), or if a record is there twice.
    """
    share = SharedValues().share if kind is Sample else None
    for row in checked_rows(path, kind):
        if share is not None:
            share(row)
        yield _record(generation_class(row) if kind is Generation else kind, row)


_SLOTS = tuple((name, getattr(Sample, name).__set__) for name in Sample.__dataclass_fields__)


def generation(row: Mapping[str, Any]) -> Generation:
    """Return the record in a checked line of `generations.jsonl`."""
    record: Generation = _record(generation_class(row), row)
    return record


def _record(of: type[Any], row: Mapping[str, Any]) -> Any:
    """Return a record of the fields in `row`, which are checked: the rest have their defaults.

    A frozen dataclass sets each field by a call, which takes as long as the JSON; and the names of the class's own
    fields are shared by all records, those of a row are not.
    """
    names = of.__dataclass_fields__
    if not row.keys() >= names.keys():
        return of(**{name: row[name] for name in names if name in row})
    record = object.__new__(of)
    if of is Sample:
        for name, put in _SLOTS:
            put(record, row[name])
        return record
    values = record.__dict__
    for name in names:
        values[name] = row[name]
    return record


def checked_rows(path: Path, kind: type[Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of one kind as plain objects, checked as by `read_records`."""
    identity = IDENTITIES.get(kind.__name__)
    seen: set[int] = set()  # hashes: the names of a million records would take more memory than what is made of them
    lines: dict[Any, int] | None = None  # the names themselves, from the first hash that two records share
    for number, row in enumerate(read_lines(path), start=1):
        _check(row, kind, path, number)
        if identity is not None:
            name = identity(row)
            if lines is None and hash(name) in seen:
                earlier = enumerate(islice(read_lines(path), number - 1), start=1)
                lines = {identity(other): line for line, other in earlier}
            if lines is None:
                seen.add(hash(name))
            elif lines.setdefault(name, number) != number:
                raise UserError(
                    f"{path}, line {number}: the record of line {lines[name]} is there a second time; take one of "
                    "them out"
                )
        yield row


def checked_row(line: bytes, kind: type[Any], path: Path, number: int) -> dict[str, Any]:
    """Return the record on one line of a file, checked as by `read_records`.

    Args:
        line: its bytes, without the newline.
        kind: the class of the record.
        path: the file, for the message.
        number: the line's number, for the message.
    """
    row = _row(line, path, number)
    _check(row, kind, path, number)
    return row


def _check(row: dict[str, Any], kind: type[Any], path: Path, number: int) -> None:
    of = generation_class(row) if kind is Generation else kind
    if (fault := RECORDS[of.__name__].fault(row)) is not None:
        raise UserError(
            f"{path}, line {number}: not a record as this version writes it; {fault.lstrip('.: ')}. "
            "Restore the file, or make it again"
        )


IDENTITIES: Mapping[str, Callable[[Any], Any]] = {
    "Doc": itemgetter("task", "doc_hash"),
    "Generation": itemgetter("key"),
    "Sample": itemgetter("task", "doc_id", "repeat"),
    "JudgedDoc": itemgetter("task", "doc_hash"),
}
"""By the name of a record's class, the fields that no two lines of a file have in common."""
