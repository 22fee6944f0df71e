"""Connect4: both lists of winning cells, exactly; the `connect4` package reads the reply and knows the cells.

doc: {"state": "(5,0):_ …"}    score: joint; beside it: mine, theirs, move_legal, format_ok
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect4 import Board, immediate_wins, score_response
from spot_eval.graders.verdict import Grader, Verdict, no_answer


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Score a reply to the board in `doc["state"]`; a doc whose state is no board raises ValueError."""
    score = score_response(Board.from_state(doc["state"]), text)
    answer = score.answer
    metrics = {
        "mine": score.mine,
        "theirs": score.theirs,
        "move_legal": score.move_legal,
        "format_ok": float(not answer.errors),
    }
    why = "; ".join(answer.errors)
    if answer.mine is None and answer.theirs is None:
        return no_answer(why, **metrics)
    said = "; ".join(
        f"{name} {'unread' if cells is None else sorted(cells)}"
        for name, cells in (("mine", answer.mine), ("theirs", answer.theirs))
    )
    return Verdict(score.joint, said, why, metrics=metrics)


def same(a: str, b: str) -> bool:
    """Two replies agree if they name the same cells; the move has no vote."""
    return a == b


def perfect(row: Mapping[str, Any], gold: object) -> str:
    """The cells of the board itself: the grader looks at no other gold."""
    del gold
    board = Board.from_state(row["state"])
    mine, theirs = (", ".join(f"({r},{c})" for r, c in sorted(cells)) or "none" for cells in immediate_wins(board))
    r, c = min(board.landing_cells())
    return f"My winning cells: [{mine}]\nOpponent's winning cells: [{theirs}]\nMy move: [({r},{c})]"


GRADER = Grader("connect4", 1, judge, same, perfect)
