"""Connect4: where can I win at once, where could my opponent, and what do I play?

    {"id": "77d0…", "state": "(5,0):_ …", "answer": [[[0, 3]], []], "player": "X"}

`answer` holds the cells (row, column) of the player to move, then those of the opponent. Score: both lists
right.
"""

import json
from typing import Any

from connect4 import Board, render
from spot_eval.lm_eval_bridge import dataset, mean_of_judged, results

__all__ = ["dataset", "gold", "mean", "process_results", "prompt"]

mean = mean_of_judged
process_results = results("connect4", "mine", "theirs", "move_legal", "format_ok")


def prompt(doc: dict[str, Any]) -> str:
    """Every cell, the legal moves, who is to move, and the three lines asked for."""
    return render(Board.from_state(doc["state"]))


def gold(doc: dict[str, Any]) -> str:
    """Both lists of cells, as JSON."""
    return json.dumps(doc["answer"])
