"""Connect4 as a test of reading a board: positions, immediate wins, a prompt, and a score for the reply.

Knows nothing of models, runs or files, and imports nothing of `spot_eval`. Cells are (row, column), row 0 at
the bottom; X moves first.

>>> board = Board.from_rows(["_______"] * 4 + ["OO_____", "XXX_O__"])
>>> immediate_wins(board)
(frozenset({(0, 3)}), frozenset())
"""

from connect4.board import COLUMNS, ROWS, Board, Cell, immediate_wins
from connect4.prompt import render
from connect4.scoring import Answer, Score, parse_response, score_response

__all__ = [
    "COLUMNS",
    "ROWS",
    "Answer",
    "Board",
    "Cell",
    "Score",
    "immediate_wins",
    "parse_response",
    "render",
    "score_response",
]
