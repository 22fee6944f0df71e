"""Files of raw rows: JSON Lines or CSV, in UTF-8, each row with its place for messages.

    list(read_rows(Path("aime24.jsonl")))      # [RawRow({"problem": …}, "aime24.jsonl, line 1"), …]

What the columns mean is the matter of `adapters`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.tasks.data.adapters import RawRow


def read_rows(path: Path) -> Iterator[RawRow]:
    """Yield the rows of a .jsonl file (an object per line, split on "\\n" only) or a .csv file with a head.

    Raises UserError if the file cannot be read, is of another kind or not UTF-8, or if a row is broken.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: byte {problem.start} is not UTF-8") from problem
    except OSError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror})") from problem
    if path.suffix == ".csv":
        csv.field_size_limit(2**31 - 1)
        reader = csv.DictReader(io.StringIO(text, newline=""))
        try:
            for cells in reader:
                named = {name: cell for name, cell in cells.items() if name is not None}
                yield RawRow(named, f"{path}, line {reader.line_num}")
        except csv.Error as problem:
            raise UserError(f"{path}, line {reader.line_num}: broken CSV ({problem})") from problem
    elif path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield _json_row(line, f"{path}, line {number}")
    else:
        raise UserError(
            f"{path}: rows are read from .jsonl or .csv, not from {path.suffix or 'a file without a suffix'}"
        )


def _json_row(line: str, where: str) -> RawRow:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{where}: broken JSON ({problem})") from problem
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(values).__name__}")
    return RawRow(values, where)
