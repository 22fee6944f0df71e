"""The prompt about a board at each level, and the lines that a reply ends with.

Level 1 asks for the cells it wins with, the cells its opponent wins with, and a move; level 2 for the moves that do not
lose at once; level 3 for the result with best play and the best moves. `parsing.parse_response` reads the last lines:

    My winning cells: [(2,3), (0,5)]      My safe cells: [(2,3)]      Result: [win in 4]
    Opponent's winning cells: [none]                                  My best cells: [(2,3)]
    My move: [(2,3)]                      My move: [(2,3)]            My move: [(2,3)]
"""

from __future__ import annotations

from collections.abc import Iterable

from connect4.rules.game import Cell
from connect4.rules.position import Position
from connect4.task.answers import Truth
from connect4.task.parsing import PARTS

_RULES = """\
We are in the middle of a game of Connect {connect}, on {rows} rows and {columns} columns. The players X and O take \
turns; X began. A stone dropped into a column comes to rest on the lowest free cell of that column. Whoever first \
has {line} stones of their own side by side in a row, a column or a diagonal wins.

A cell is written (row,column). Rows are numbered 0 to {top} from the bottom up, columns 0 to {right} from left to \
right; _ marks a free cell. This is the board, top row first:

{grid}

It is your turn and you play {player}; your opponent plays {opponent}. These are the cells your stone can \
land on: {moves}.

"""
_TASKS = {
    1: """\
Work out three things:
1. every cell where a stone of yours, dropped now, would complete {line} in a line;
2. every cell where a stone of your opponent's would complete {line} in a line if it were their turn on \
this board;
3. the move you make.

Reason step by step, as long as you need. Then close with exactly these three lines, cells inside square \
brackets and separated by commas, and the word none inside the brackets where there is no such cell:

My winning cells: [(row,column), ...]
Opponent's winning cells: [(row,column), ...]
My move: [(row,column)]""",
    2: """\
Work out two things:
1. every cell your stone can land on such that your opponent cannot complete {line} in a line with the stone they \
drop next (a move that wins the game for you at once is such a cell too);
2. the move you make.

Reason step by step, as long as you need. Then close with exactly these two lines, cells inside square \
brackets and separated by commas, and the word none inside the brackets where there is no such cell:

My safe cells: [(row,column), ...]
My move: [(row,column)]""",
    3: """\
From here on both players play as well as can be: whoever can force a win wins in as few moves as possible, and \
whoever must lose holds out for as many moves as possible. Work out three things:
1. how the game ends: "win in n" if you complete {line} in a line with the n-th stone you drop from now on, \
"loss in n" if your opponent does with the n-th stone they drop from now on, "draw" if nobody can force it;
2. every cell your next stone can land on that leads to that end;
3. the move you make.

Reason step by step, as long as you need. Then close with exactly these three lines, each answer inside square \
brackets, cells separated by commas:

Result: [win in n]
My best cells: [(row,column), ...]
My move: [(row,column)]""",
}
_NUMBERS = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}


def render(board: Position, level: int = 1) -> str:
    """Return the prompt for one board."""
    game = board.game
    return (_RULES + _TASKS[level]).format(
        connect=game.connect,
        rows=game.rows,
        columns=game.columns,
        line=_NUMBERS.get(game.connect, str(game.connect)),
        top=game.rows - 1,
        right=game.columns - 1,
        grid=board.grid(),
        player=board.player,
        opponent=board.opponent,
        moves=", ".join(f"({r},{c})" for r, c in board.landing_cells()),
    )


def reply(level: int, known: Truth, move: Cell) -> str:
    """Return the last lines of a reply that gives `known`, in exactly the form the prompt asks for."""
    lines = []
    for part, label in PARTS[level].items():
        content = f"[{known[part]}]" if part == "result" else _listed(known[part])
        lines.append(f"{label[0].upper()}{label[1:]}: {content}")
    return "\n".join([*lines, f"My move: {_listed([move])}"])


def _listed(cells: Iterable[Cell]) -> str:
    return "[" + (", ".join(f"({r},{c})" for r, c in sorted(cells)) or "none") + "]"
