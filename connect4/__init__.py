"""Connect4 as a test of reading and thinking: fresh boards with exact labels, a prompt, a score for the reply.

Knows nothing of models and runs, and imports nothing of `spot_eval`. Cells are (row, column), row 0 at the bottom; X
moves first.

>>> position = Position.from_rows(["_______"] * 4 + ["OO_____", "XXX_O__"])
>>> immediate_wins(position)
(frozenset({(0, 3)}), frozenset())
>>> Solver().analyze(position)
[-2, 0, 2, 18, 0, -1, -1]
>>> [puzzle.truth for puzzle in generate_boards(500, seed=7)][:1]
[{'mine': frozenset({(3, 5)}), 'theirs': frozenset({(3, 5), (4, 2), (4, 3)})}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connect4.boards.generator import Puzzle, generate_boards, generate_like
from connect4.boards.set_files import Item, SetError, read_row, read_set
from connect4.rules.game import COLUMNS, ROWS, STANDARD, Cell, Game, winning_drops
from connect4.rules.position import Position, immediate_wins, read_position
from connect4.task.answers import Result, Truth
from connect4.task.guessing import guesses
from connect4.task.labels import truth
from connect4.task.parsing import Answer, parse_response
from connect4.task.prompt import render, reply
from connect4.task.scoring import Score, score_response

if TYPE_CHECKING:
    from connect4.search.batch import Solution, Solutions, solve_all, solve_many
    from connect4.search.move_lists import parse_moves
    from connect4.search.solver import Solver, distance

Board = Position  # code that scores replies calls a position a board

__all__ = [
    "COLUMNS",
    "ROWS",
    "STANDARD",
    "Answer",
    "Board",
    "Cell",
    "Game",
    "Item",
    "Position",
    "Puzzle",
    "Result",
    "Score",
    "SetError",
    "Solution",
    "Solutions",
    "Solver",
    "Truth",
    "distance",
    "generate_boards",
    "generate_like",
    "guesses",
    "immediate_wins",
    "parse_moves",
    "parse_response",
    "read_position",
    "read_row",
    "read_set",
    "render",
    "reply",
    "score_response",
    "solve_all",
    "solve_many",
    "truth",
    "winning_drops",
]

_SOLVER_NAMES = {
    "Solution": "batch",
    "Solutions": "batch",
    "Solver": "solver",
    "distance": "solver",
    "parse_moves": "move_lists",
    "solve_all": "batch",
    "solve_many": "batch",
}


def __getattr__(name: str) -> Any:
    """Import the solver's names on first use: numba takes half a second to import, and scoring replies needs none."""
    if name not in _SOLVER_NAMES:
        raise AttributeError(f"module 'connect4' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"connect4.search.{_SOLVER_NAMES[name]}"), name)
