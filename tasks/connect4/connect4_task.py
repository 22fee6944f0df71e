"""Connect4: where can I win at once, where could my opponent, and what do I play?

    {"id": "77d0…", "level": 1, "rows": 6, "columns": 7, "connect": 4, "state": "(5,0):_ …",
     "answer": [[[0, 3]], []], "player": "X"}

`answer` holds the cells (row, column) of the player to move, then those of the opponent; at level 2 the moves that do
not lose at once; at level 3 the result and the best moves. Score: every part right. Boards are drawn from the task's
seed, another one with `{"connect4_seed": 7}` in the task manager's metadata.
"""

import json
from typing import Any

from connect4 import read_row, render
from spot_eval.tasks.lm_eval_bridge import dataset, mean_of_judged, results

__all__ = ["best", "dataset", "gold", "mean", "prompt", "safe", "wins"]

MOVE = ("move_legal", "move_good", "format_ok")

mean = mean_of_judged
wins = results("connect4", "mine", "theirs", *MOVE)
safe = results("connect4", "safe", *MOVE)
best = results("connect4", "result", "best", *MOVE)


def prompt(doc: dict[str, Any]) -> str:
    """Return the prompt: every cell, the legal moves, who is to move, and the lines to answer with."""
    item = read_row(doc)
    return render(item.board, item.level)


def gold(doc: dict[str, Any]) -> str:
    """The right answer, as JSON."""
    return json.dumps(doc["answer"])
