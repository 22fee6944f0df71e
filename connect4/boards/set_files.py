"""A set of boards on disk: one JSON object per line, and a manifest beside it.

    boards.jsonl           {"id": 0, "level": 1, "rows": 6, "columns": 7, "connect": 4, "moves": "4453…", "player": "O",
                            "state": "(5,0):_ …", "answer": [[[0, 3]], []], "stratum": "1/0", "difficulty": {…}}
    boards.manifest.json   seed, generator version, strata with their counts, the file's sha256, scores of guesses

A row needs `state` only: the published set, which has neither level nor moves, is read too. The manifest is written
last, so a set that has one is whole; nothing in it depends on time or place, so a seed gives the same two files
everywhere. Reading is strict: the first line that is not a board raises SetError naming line, cell and reason.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from connect4.boards.generator import VERSION, Puzzle
from connect4.boards.strata import LEVELS, bands
from connect4.rules.game import STANDARD, Game
from connect4.rules.position import Position
from connect4.task.answers import Truth, from_answer
from connect4.task.guessing import guesses

SCHEMA = 1


class SetError(ValueError):
    """A file of boards that cannot be read or written; one sentence naming file, line and reason."""


@dataclass(frozen=True)
class Item:
    """A line of a set: its board, its level, its label (None if the line has none)."""

    line: int
    row: Mapping[str, Any]
    board: Position
    level: int
    known: Truth | None


def read_set(path: Path) -> list[Item]:
    """Return the boards of a file, in its order. Labels are read, not verified; see `checking`. Raises SetError."""
    return list(parse_set(read_bytes(path), str(path)))


def parse_set(content: bytes, name: str) -> Iterator[Item]:
    """Yield the boards in the bytes of a file called `name`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SetError(f"{name}: byte {problem.start} is not UTF-8") from problem
    empty = True
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            empty = False
            try:
                yield read_row(_object(line), number)
            except ValueError as problem:
                raise SetError(f"{name}, line {number}: {problem}") from problem
    if empty:
        raise SetError(f"{name}: no boards in it")


def read_row(row: Mapping[str, Any], line: int = 0) -> Item:
    """Read one row. Raises ValueError naming the field, and in a board the cell."""
    level = row.get("level", 1)
    if type(level) is not int or level not in LEVELS:
        raise ValueError(f"level {level!r} is none of {', '.join(map(str, LEVELS))}")
    game = _game(row)
    state = row.get("state")
    if not isinstance(state, str):
        raise ValueError("field 'state' is missing or no text")
    try:
        board = Position.from_state(state, game)
    except ValueError as problem:
        raise ValueError(f"field 'state' is not a board: {problem}") from problem
    known = None
    if row.get("answer") is not None:
        try:
            known = from_answer(level, row["answer"])
        except ValueError as problem:
            raise ValueError(f"field 'answer' {problem}") from problem
        if level == 3 and (odd := known["best"] - set(board.landing_cells())):  # believed by those who do not check
            raise ValueError(f"field 'answer': no stone can land on the best cell {min(odd)}")
    return Item(line, row, board, level, known)


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"broken JSON ({problem})") from problem
    if not isinstance(row, dict):
        raise ValueError(f"expected a JSON object, found {type(row).__name__}")
    return row


def _game(row: Mapping[str, Any]) -> Game:
    size = {name: row.get(name, getattr(STANDARD, name)) for name in ("rows", "columns", "connect")}
    for name, value in size.items():
        if type(value) is not int:
            raise ValueError(f"field {name!r} is {value!r}, not a whole number")
    return Game(**size)


def read_bytes(path: Path) -> bytes:
    """Return a file's content. Raises SetError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as problem:
        raise SetError(f"{path}: cannot be read ({problem.strerror})") from problem


def manifest_path(path: Path) -> Path:
    """Return the path of the manifest of the set at `path`."""
    return path.with_suffix(".manifest.json")


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return the manifest of the set at `path`, None if it has none. Raises SetError if the manifest is broken."""
    place = manifest_path(path)
    if not place.exists():
        return None
    try:
        return _object(read_bytes(place).decode("utf-8"))
    except ValueError as problem:
        raise SetError(f"{place}: {problem}") from problem


def refuse_existing(path: Path) -> None:
    """Raise SetError if a set or its manifest exists at `path`: a set that was used for scores is not overwritten."""
    for place in (path, manifest_path(path)):
        if place.exists():
            raise SetError(f"{place} exists already; move it away first, or name another file")


def set_lines(boards: Iterable[Puzzle]) -> bytes:
    """Return the bytes of a set's file."""
    rows = (board.row(number) for number, board in enumerate(boards))
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def manifest(
    boards: Sequence[Puzzle],
    content: bytes,
    *,
    file: str,
    seed: int,
    drawn: bool,
    excluded: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the manifest of a set. `drawn`: the seed was random; `excluded`: files kept out, with sha256.

    Args:
        boards: the boards of the set.
        content: bytes of the set's file.
        file: its name.
        seed: seed the boards were drawn from.
        drawn: True if the seed was random.
        excluded: files whose boards were kept out, with sha256.
    """
    level, game = boards[0].level, boards[0].position.game
    ranges = bands(game, level)
    return {
        "schema": SCHEMA,
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "boards": len(boards),
        "level": level,
        "asks": LEVELS[level],
        "game": asdict(game),
        "generator": VERSION,
        "seed": seed,
        "seed_drawn": drawn,
        "excluded": list(excluded),
        "strata": strata_counts([(board.stratum, board.position.ply) for board in boards], ranges),
        "guessing": rounded(guesses(level, [(board.position, board.truth) for board in boards])),
    }


def strata_counts(boards: Iterable[tuple[str, int]], ranges: Sequence[tuple[int, int]]) -> dict[str, dict[str, int]]:
    """Return the number of boards by class and by band of plies ("7-12"); plies in no band are "other"."""

    def band(ply: int) -> str:
        return next((f"{low}-{high}" for low, high in ranges if low <= ply <= high), "other")

    counts = Counter((kind, band(ply)) for kind, ply in boards)
    names = [f"{low}-{high}" for low, high in ranges] + ["other"] * any(name == "other" for _, name in counts)
    return {kind: {name: counts[kind, name] for name in names} for kind in sorted({kind for kind, _ in counts})}


def rounded(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Round scores to a ten-thousandth: the last bits of a sum may depend on the machine."""
    return {way: {part: round(value, 4) for part, value in parts.items()} for way, parts in scores.items()}


def write_set(path: Path, content: bytes, about: Mapping[str, Any]) -> None:
    """Write the set and, last, its manifest; each whole or not at all. Raises SetError if one exists already."""
    refuse_existing(path)
    _write(path, content)
    _write(manifest_path(path), json.dumps(about, indent=2).encode() + b"\n")


def _write(path: Path, content: bytes) -> None:
    path = Path(os.path.realpath(path))  # a symlink stays, and what it names is written
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as problem:
        raise SetError(f"cannot write {path}: {problem.strerror or problem}") from problem
