"""What is true of a board at each level: the parts of the right answer, and how they stand in a file.

    level 1  {"mine": cells, "theirs": cells}       [[[0, 3]], []]
    level 2  {"safe": cells}                        [[0, 0], [2, 3]]
    level 3  {"result": Result("win", 4), "best": cells}
                                                    {"result": "win", "in": 4, "best": [[2, 3]]}

Levels 1 and 2 by plain looking, level 3 by the solver, which is loaded only for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from connect4.game import Cell
from connect4.position import Position, immediate_wins

Truth = dict[str, Any]


class Result(NamedTuple):
    """The result for the player to move with best play: "win", "draw" or "loss".

    `distance` counts the winner's own moves from this board until the line stands, the last one included; 0 for a draw.
    """

    outcome: str
    distance: int = 0

    def __str__(self) -> str:
        return f"{self.outcome} in {self.distance}" if self.distance else self.outcome


def safe_cells(board: Position) -> frozenset[Cell]:
    """The landing cells after which the opponent has no winning move; a stone that wins at once is always one."""
    return frozenset(cell for cell in board.landing_cells() if not immediate_wins(board.play(cell[1]))[0])


def truth(board: Position, level: int) -> Truth:
    """The right answer, part by part. Level 3 solves the board, which can take seconds early in a game."""
    if level == 1:
        mine, theirs = immediate_wins(board)
        return {"mine": mine, "theirs": theirs}
    if level == 2:
        return {"safe": safe_cells(board)}
    from connect4.forced import forced

    return forced(board).truth


def good_moves(board: Position, level: int, known: Truth) -> frozenset[Cell] | None:
    """The landing cells no other move beats: at level 2 those that do not lose at once, else those that are best.

    Best is what wins soonest, else draws, else loses latest. At level 1 that is said without a search where the board
    says it: a win at once, or one move only that does not lose at once. None where it takes a search.
    """
    landing = frozenset(board.landing_cells())
    if level == 3:
        return frozenset(known["best"])
    if level == 1 and known["mine"]:
        return frozenset(known["mine"])
    safe = known["safe"] if level == 2 else safe_cells(board)
    if level == 2 or len(safe) < 2:
        return safe or landing
    return None


def to_answer(level: int, known: Truth) -> Any:
    """The right answer as JSON."""
    if level == 1:
        return [_listed(known["mine"]), _listed(known["theirs"])]
    if level == 2:
        return _listed(known["safe"])
    outcome, distance = known["result"]
    return {"result": outcome, "in": distance, "best": _listed(known["best"])}


def from_answer(level: int, answer: Any) -> Truth:
    """What `to_answer` wrote. Raises ValueError, saying what was expected, where `answer` has another form."""
    try:
        if level == 1:
            mine, theirs = answer
            return {"mine": _cells(mine), "theirs": _cells(theirs)}
        if level == 2:
            return {"safe": _cells(answer)}
        result = Result(answer["result"], answer["in"])
        best = _cells(answer["best"])
        if result.outcome not in ("win", "draw", "loss") or type(result.distance) is not int or not best:
            raise ValueError(result)
        if (result.distance > 0) != (result.outcome != "draw") or result.distance < 0:
            raise ValueError(result)
        return {"result": result, "best": best}
    except (TypeError, ValueError, KeyError) as problem:
        forms = {
            1: "two lists of cells, such as [[[0, 3]], []]",
            2: "a list of cells, such as [[0, 3]]",
            3: 'an object such as {"result": "win", "in": 4, "best": [[0, 3]]}',
        }
        raise ValueError(f"is {answer!r:.80}; level {level} expects {forms[level]}") from problem


def _listed(cells: Iterable[Cell]) -> list[list[int]]:
    return [list(cell) for cell in sorted(cells)]


def _cells(listed: Any) -> frozenset[Cell]:
    if not isinstance(listed, list):
        raise TypeError(listed)
    found = [(row, column) for row, column in listed]
    if not all(type(number) is int for cell in found for number in cell) or len(set(found)) != len(found):
        raise ValueError(listed)
    return frozenset(found)
