"""The right answer to a board: levels 1 and 2 by looking one move ahead, level 3 by the solver.

forced(Position.from_moves("112233"))  # Forced({"result": Result("win", 1), "best": frozenset({(0, 3)})}, nodes=…)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from connect4.rules.game import Cell
from connect4.rules.position import Position, immediate_wins
from connect4.task.answers import Result, Truth

if TYPE_CHECKING:
    from connect4.search.batch import Solution


class Forced(NamedTuple):
    """The right answer at level 3, and how many positions the solver visited for the score: the board's difficulty."""

    truth: Truth
    nodes: int


def forced(board: Position) -> Forced:
    """Return the answer for one board."""
    return forced_all([board])[0]


def forced_all(boards: Sequence[Position], advance: Callable[[int], object] | None = None) -> list[Forced]:
    """Return the answer for each board, using all cores; `advance(k)` is called when k more are done."""
    from connect4.search.batch import solve_all

    solved = solve_all(boards, best=True, progress=advance)
    return [_answer(board, solution) for board, solution in zip(boards, solved, strict=True)]


def _answer(board: Position, solved: Solution) -> Forced:
    from connect4.search.solver import distance

    moves = distance(board, solved.score)
    if moves is None:
        result = Result("draw")
    else:
        result = Result("win" if moves > 0 else "loss", abs(moves))
    best = frozenset(cell for cell in board.landing_cells() if cell[1] in solved.best)
    return Forced({"result": result, "best": best}, solved.nodes)


def safe_cells(board: Position) -> frozenset[Cell]:
    """Return the landing cells after which the opponent has no winning move; a winning stone is always safe."""
    return frozenset(cell for cell in board.landing_cells() if not immediate_wins(board.play(cell[1]))[0])


def truth(board: Position, level: int) -> Truth:
    """Return the right answer, part by part. Level 3 solves the board, which can take seconds early in a game."""
    if level == 1:
        mine, theirs = immediate_wins(board)
        return {"mine": mine, "theirs": theirs}
    if level == 2:
        return {"safe": safe_cells(board)}
    return forced(board).truth


def good_moves(board: Position, level: int, known: Truth) -> frozenset[Cell] | None:
    """Return the cells no other move beats: at level 2 those that do not lose at once, else the best ones.

    Best is what wins soonest, else draws, else loses latest. At level 1 they are known without a
    search if the player wins at once, or has at most one move that does not lose at once; otherwise returns None.
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
