"""Connect4 as a test of reading a board: positions, immediate wins, a prompt, and a score for the reply.

Knows nothing of models, runs or files, and imports nothing of `spot_eval`. Cells are (row, column), row 0 at
the bottom; X moves first.

>>> position = Position.from_rows(["_______"] * 4 + ["OO_____", "XXX_O__"])
>>> immediate_wins(position)
(frozenset({(0, 3)}), frozenset())
"""

from connect4.game import COLUMNS, ROWS, STANDARD, Cell, Game, winning_drops
from connect4.position import Position, immediate_wins
from connect4.prompt import render
from connect4.scoring import Answer, Score, parse_response, score_response

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
    "immediate_wins",
    "parse_response",
    "render",
    "score_response",
    "winning_drops",
]
