"""From a reply to a score: each part right or wrong, the headline is all of them right.

The move is judged beside the score, not in it: whether it is legal, and whether any other move beats it. `parsing`
reads the reply, `labels` knows the right answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connect4.rules.position import Position
from connect4.task.answers import Truth
from connect4.task.labels import good_moves, truth
from connect4.task.parsing import Answer, parse_response


@dataclass(frozen=True)
class Score:
    """A reply judged, fractions of 1.

    `joint`: every part exactly right. `parts`: each part (level 1 `mine` and `theirs`, level 2 `safe`, level 3 `result`
    and `best`). `move_good`: no other move is better (see `labels.good_moves`); None if that would take a search.
    """

    joint: float
    parts: Mapping[str, float]
    move_legal: float
    move_good: float | None
    answer: Answer


def score_response(board: Position, text: str, level: int = 1, known: Truth | None = None) -> Score:
    """Judge a reply to `prompt.render(board, level)`. `known` is the right answer, computed if it is not given.

    Args:
        board: the board that was shown.
        text: the reply.
        level: level of the prompt, 1 to 3.
        known: the right answer; computed if None.
    """
    answer = parse_response(text, level, board.game)
    right = truth(board, level) if known is None else known
    parts = {part: float(answer.parts[part] == content) for part, content in right.items()}
    good = good_moves(board, level, right)
    return Score(
        joint=float(all(parts.values())),
        parts=parts,
        move_legal=float(answer.move in board.landing_cells()),
        move_good=None if good is None else float(answer.move in good),
        answer=answer,
    )
