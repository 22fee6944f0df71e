"""What a model is asked about a board: the cells it wins with, the cells its opponent wins with, and a move.

The reply ends with three lines that `scoring.parse_response` reads:

    My winning cells: [(2,3), (0,5)]
    Opponent's winning cells: [none]
    My move: [(2,3)]
"""

from __future__ import annotations

from connect4.position import Position

_TEXT = """\
We are in the middle of a game of Connect 4, on 6 rows and 7 columns. The players X and O take turns; X \
began. A stone dropped into a column comes to rest on the lowest free cell of that column. Whoever first \
has four stones of their own side by side in a row, a column or a diagonal wins.

A cell is written (row,column). Rows are numbered 0 to 5 from the bottom up, columns 0 to 6 from left to \
right; _ marks a free cell. This is the board, top row first:

{grid}

It is your turn and you play {player}; your opponent plays {opponent}. These are the cells your stone can \
land on: {moves}.

Work out three things:
1. every cell where a stone of yours, dropped now, would complete four in a line;
2. every cell where a stone of your opponent's would complete four in a line if it were their turn on \
this board;
3. the move you make.

Reason step by step, as long as you need. Then close with exactly these three lines, cells inside square \
brackets and separated by commas, and the word none inside the brackets where there is no such cell:

My winning cells: [(row,column), ...]
Opponent's winning cells: [(row,column), ...]
My move: [(row,column)]"""


def render(board: Position) -> str:
    """The prompt for one board."""
    moves = ", ".join(f"({r},{c})" for r, c in board.landing_cells())
    return _TEXT.format(grid=board.grid(), player=board.player, opponent=board.opponent, moves=moves)
