"""Check a file of boards: compute every label again, and reach every board by a game.

A line that is not a board stops the reading (`set_files`). All problems found here are listed, with their lines.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connect4.boards.set_files import Item, parse_set, read_bytes, read_manifest, rounded, strata_counts
from connect4.boards.strata import bands, result_class, safe_class, wins_class
from connect4.rules.position import Position
from connect4.rules.reachable import a_game
from connect4.task.answers import Truth, to_answer
from connect4.task.guessing import Scores, guesses
from connect4.task.labels import truth

Advance = Callable[[int], None]


@dataclass
class Report:
    """The result of a check. `problems` make the set unfit to be scored with; `remarks` are for the reader."""

    boards: int
    level: int
    plies: tuple[int, int]
    to_move: dict[str, int]
    classes: dict[str, int]
    guessing: dict[str, Scores]
    manifest: bool
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def check_set(path: Path, advance: Advance = lambda count: None) -> Report:
    """Read the set at `path` and its manifest, if it has one. `advance(k)` is called when k more boards are done.

    Raises SetError for a file that cannot be read as boards.
    """
    content = read_bytes(path)
    about = read_manifest(path)
    items = list(parse_set(content, str(path)))
    problems: list[str] = []
    remarks: list[str] = []
    level = items[0].level
    alike = [item for item in items if (item.level, item.board.game) == (level, items[0].board.game)]
    for item in items:
        if (item.level, item.board.game) != (level, items[0].board.game):
            problems.append(f"line {item.line}: another level or size of board than line {items[0].line}")
    right = list(zip((item.board for item in alike), _truths(alike, level, advance), strict=True))
    for item, (_, found) in zip(alike, right, strict=True):
        problems += [f"line {item.line}: {problem}" for problem in _wrong(item, found)]
    doubles, mirrored = _repeats(items)
    problems += doubles
    (problems if about else remarks).extend(mirrored)
    guessing = guesses(level, right)
    classes = [(_class(level, board, found), board.ply) for board, found in right]
    if about is None:
        remarks.append("no manifest beside it")
    else:
        problems += _against(about, content, items, classes, guessing)
    plies = [item.board.ply for item in items]
    return Report(
        boards=len(items),
        level=level,
        plies=(min(plies), max(plies)),
        to_move=dict(Counter(item.board.player for item in items)),
        classes=dict(sorted(Counter(kind for kind, _ in classes).items())),
        guessing=guessing,
        manifest=about is not None,
        problems=problems,
        remarks=remarks,
    )


def _truths(items: list[Item], level: int, advance: Advance) -> Iterator[Truth]:
    """Yield the right answer of each; level 3 on all cores."""
    if level == 3:
        from connect4.task.labels import forced_all

        yield from (solved.truth for solved in forced_all([item.board for item in items], advance))
        return
    for item in items:
        yield truth(item.board, level)
        advance(1)


def _wrong(item: Item, found: dict[str, Any]) -> list[str]:
    """Return the problems of one row."""
    wrong = []
    if item.known is None:
        wrong.append("field 'answer' is missing")
    elif item.known != found:
        said, is_ = to_answer(item.level, item.known), to_answer(item.level, found)
        wrong.append(f"the answer is {is_}, not {said}")
    if item.row.get("player", item.board.player) != item.board.player:
        wrong.append(f"it is {item.board.player}'s turn, not {item.row['player']}'s")
    moves = item.row.get("moves")
    if moves is None:
        if a_game(item.board) is None:
            wrong.append("no game reaches this board: its stones cannot have been dropped in turns")
    else:
        wrong += _other_game(moves, item.board)
    return wrong


def _other_game(moves: Any, board: Position) -> list[str]:
    if not isinstance(moves, str):
        return [f"field 'moves' is {type(moves).__name__}, not text"]
    try:
        reached = Position.from_moves(moves, board.game)
    except ValueError as problem:
        return [f"field 'moves', {problem}"]
    return [] if reached == board else ["field 'moves' leads to another board"]


def _repeats(items: list[Item]) -> tuple[list[str], list[str]]:
    """Return a problem for each line that repeats an earlier board, and for each that mirrors one."""
    first: dict[Any, Item] = {}
    doubles: list[str] = []
    mirrored: list[str] = []
    for item in items:
        key = item.board.game, item.board.canonical_key()
        earlier = first.setdefault(key, item)
        if earlier is not item:
            same = earlier.board == item.board
            how = "the same board as" if same else "the mirror image of"
            (doubles if same else mirrored).append(f"line {item.line}: {how} line {earlier.line}")
    return doubles, mirrored


def _class(level: int, board: Position, found: dict[str, Any]) -> str:
    if level == 1:
        return wins_class(len(found["mine"]), len(found["theirs"]))
    if level == 2:
        return safe_class(len(found["safe"]), len(board.landing_cells()))
    return result_class(*found["result"])


def _against(
    about: dict[str, Any],
    content: bytes,
    items: list[Item],
    classes: list[tuple[str, int]],
    guessing: dict[str, Scores],
) -> list[str]:
    """Return a problem for each value of the manifest that differs from the file."""
    true = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "boards": len(items),
        "level": items[0].level,
        "guessing": rounded(guessing),
        "strata": strata_counts(classes, bands(items[0].board.game, items[0].level)),
    }
    return [
        f"the manifest's {name} is {_short(about.get(name))}, the file's {_short(value)}"
        for name, value in true.items()
        if about.get(name) != value
    ]


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= 70 else f"{shown[:67]}..."
