"""Judge Connect4: every part of the answer, exactly; the `connect4` package reads the reply and knows the cells.

doc: {"state": "(5,0):_ …", "level": 1, …}    score: joint; beside it: the parts, move_legal, move_good, format_ok

Level 1 if the doc names no level; the right answer of level 3, which takes a search, is the doc's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect4 import Result, read_row, reply, score_response, truth
from connect4.task.labels import good_moves
from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Score a reply to the board in `doc["state"]`; raise ValueError if the doc holds no board."""
    item = read_row(doc)
    said = after_thinking(text)
    score = score_response(item.board, said or "", item.level, item.known if item.level == 3 else None)
    answer = score.answer
    metrics = {
        **score.parts,
        "move_legal": score.move_legal,
        "move_good": score.move_good,
        "format_ok": float(not answer.errors),
    }
    why = "the thinking never ended" if said is None else "; ".join(answer.errors)
    if answer.empty:
        return no_answer(why, **metrics)
    cells = "; ".join(f"{part} {_shown(content)}" for part, content in answer.parts.items())
    return Verdict(score.joint, cells, why, metrics=metrics)


def _shown(content: Any) -> str:
    if content is None:
        return "unread"
    return str(content) if isinstance(content, Result) else str(sorted(content))


def same(a: str, b: str) -> bool:
    """Return True if two replies name the same cells; the move has no vote."""
    return a == b


def perfect(row: Mapping[str, Any], gold: object) -> str:
    """Return the true answer of the board; the gold is not read, except that level 3 takes the row's label."""
    del gold
    item = read_row(row)
    known = item.known or truth(item.board, item.level)
    return reply(item.level, known, min(good_moves(item.board, item.level, known) or item.board.landing_cells()))


GRADER = Grader("connect4", 3, judge, same, perfect, beside=True)
