"""Connect4 as a test of reading a board: positions, immediate wins, a prompt, and a score for the reply.

Knows nothing of models, runs or files, and imports nothing of `spot_eval`. Cells are (row, column), row 0 at
the bottom; X moves first.

>>> position = Position.from_rows(["_______"] * 4 + ["OO_____", "XXX_O__"])
>>> immediate_wins(position)
(frozenset({(0, 3)}), frozenset())
>>> Solver().analyze(position)
[-2, 0, 2, 18, 0, -1, -1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connect4.game import COLUMNS, ROWS, STANDARD, Cell, Game, winning_drops
from connect4.position import Position, immediate_wins
from connect4.prompt import render
from connect4.scoring import Answer, Score, parse_response, score_response

if TYPE_CHECKING:
    from connect4.solver import Solution, Solver, distance, solve_all

Board = Position  # a position read from text is a board to those who score replies

__all__ = [
    "COLUMNS",
    "ROWS",
    "STANDARD",
    "Answer",
    "Board",
    "Cell",
    "Game",
    "Position",
    "Score",
    "Solution",
    "Solver",
    "distance",
    "immediate_wins",
    "parse_response",
    "render",
    "score_response",
    "solve_all",
    "winning_drops",
]

_OF_THE_SOLVER = {"Solution", "Solver", "distance", "solve_all"}


def __getattr__(name: str) -> Any:
    """The solver's names, on first use: numba takes half a second to import, and scoring replies needs none of it."""
    if name not in _OF_THE_SOLVER:
        raise AttributeError(f"module 'connect4' has no attribute {name!r}")
    from connect4 import solver

    return getattr(solver, name)
