"""Rows of preference data wherever people keep them, as the files have them: columns and their meaning are pair_files'.

    pairs.jsonl  pairs.json  pairs.csv  pairs.parquet       files
    my-dataset/                                             a folder that datasets' save_to_disk wrote
    org/name                                                a data set of the hub, or a folder load_dataset reads

A data set of several splits is read in its `train`, unless another is named.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.errors import TrainError

Row = tuple[str, int, dict[str, Any]]
"""(where it is, its number from 1, its columns)."""
FILES = (".jsonl", ".json", ".csv", ".parquet")


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file; any name that is none of .json, .csv, .parquet is read as JSON Lines.

    Raises TrainError naming file and line if it cannot be read.
    """
    kind = path.suffix.lower()
    if path.is_dir():
        raise TrainError(f"{path} is a folder; make a file of it: spot-eval pairs convert {path} -o pairs.jsonl")
    try:
        if kind == ".parquet":
            yield from _numbered(path, "row", _parquet(path))
        elif kind == ".csv":
            yield from _numbered(path, "row", _csv(path))
        elif kind == ".json":
            yield from _json(path)
        else:
            yield from _lines(path, path.read_bytes())
    except OSError as problem:
        raise TrainError(f"cannot read {path}: {problem.strerror or problem}") from problem


def read_dataset(source: str, split: str | None) -> Iterator[Row]:
    """Yield the rows of a data set: a file, a folder of `save_to_disk`, or what `load_dataset` finds under a name.

    Args:
        source: file, folder or hub id.
        split: the split to read; None for the only one, or `train`.

    Raises TrainError if there is none, or no such split.
    """
    import datasets

    path = Path(source)
    if path.is_file():
        if split:
            raise TrainError(f"--split {split}: {source} is one file, and has no splits")
        yield from read_rows(path)
        return
    try:
        saved = path.is_dir() and ((path / "dataset_dict.json").exists() or (path / "state.json").exists())
        found = datasets.load_from_disk(source) if saved else datasets.load_dataset(source)
    except Exception as problem:  # whatever the hub, the network or a broken folder raises
        first = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
        raise TrainError(
            f"{source} is no file, and no data set that can be loaded ({first}); files are {', '.join(FILES)}"
        ) from problem
    if isinstance(found, Mapping):
        chosen = split or ("train" if "train" in found else next(iter(found)) if len(found) == 1 else None)
        if chosen not in found:
            raise TrainError(f"{source} has the splits {', '.join(map(str, found))}; choose one with --split")
        found = found[chosen]
    elif split:
        raise TrainError(f"--split {split}: {source} is one table, and has no splits")
    for number, row in enumerate(found, 1):
        yield f"{source}, row {number}", number, dict(row)


def _numbered(path: Path, unit: str, rows: Iterator[dict[str, Any]]) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        yield f"{path}, {unit} {number}", number, row


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(1024):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as problem:
        raise TrainError(f"{path} cannot be read as parquet ({str(problem).splitlines()[0][:200]})") from problem


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a table with a header; a cell that is empty is absent, one with a list of turns in JSON is that list."""
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                yield {str(name): _cell(value) for name, value in row.items() if isinstance(value, str) and value}
    except (csv.Error, UnicodeDecodeError) as problem:
        raise TrainError(f"{path} cannot be read as CSV in UTF-8 ({problem})") from problem


def _cell(value: str) -> Any:
    if not value.startswith('[{"'):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _json(path: Path) -> Iterator[Row]:
    """Rows of one list, or of lines, since many .json files of the hub hold JSON Lines."""
    content = path.read_bytes()
    if not content.lstrip().startswith(b"["):
        yield from _lines(path, content)
        return
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise TrainError(f"{path}: not JSON ({problem})") from problem
    for number, row in enumerate(rows, 1):
        yield f"{path}, row {number}", number, _object(row, f"{path}, row {number}")


def _lines(path: Path, content: bytes) -> Iterator[Row]:
    for number, line in enumerate(content.splitlines(), 1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise TrainError(f"{where}: not JSON ({problem})") from problem
        yield where, number, _object(row, where)


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise TrainError(f"{where}: expected an object, found {type(row).__name__}")
    return row
