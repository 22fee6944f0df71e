"""Level 3: how a game ends with best play, and the moves that lead there, by the solver.

forced(Position.from_moves("112233"))  # Forced({"result": Result("win", 1), "best": frozenset({(0, 3)})}, nodes=…)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from connect4.labels import Result, Truth
from connect4.position import Position
from connect4.solver import Solution, distance, solve_all


class Forced(NamedTuple):
    """The right answer at level 3, and how many positions the solver visited for the score: the board's difficulty."""

    truth: Truth
    nodes: int


def forced(board: Position) -> Forced:
    """The answer for one board."""
    return forced_all([board])[0]


def forced_all(boards: Sequence[Position], advance: Callable[[int], object] | None = None) -> list[Forced]:
    """The answer for each board, on all cores; `advance(1)` is called as each is done."""
    solved = solve_all(boards, best=True, progress=advance)
    return [_answer(board, solution) for board, solution in zip(boards, solved, strict=True)]


def _answer(board: Position, solved: Solution) -> Forced:
    moves = distance(board, solved.score)
    if moves is None:
        result = Result("draw")
    else:
        result = Result("win" if moves > 0 else "loss", abs(moves))
    best = frozenset(cell for cell in board.landing_cells() if cell[1] in solved.best)
    return Forced({"result": result, "best": best}, solved.nodes)
