"""Scores of answers that ignore the board: the same answer to every board, or a random one. The floor of a score.

    guesses(1, items)  # {"none": {"joint": 0.04, "mine": 0.24, "theirs": 0.24}, "commonest": …, "at random": …}

Fractions of 1; expectations, computed and not simulated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connect4.rules.position import Position
from connect4.task.answers import Truth

Scores = dict[str, float]
NONE: frozenset[Any] = frozenset()


def guesses(level: int, items: Sequence[tuple[Position, Truth]]) -> dict[str, Scores]:
    """Return the scores of each way of guessing, joint first, over boards of one level with their right answers.

    - "none": no cell, to every question there is (levels 1 and 2).
    - "every move": all landing cells (level 2).
    - "commonest": the one whole answer that is right most often; its parts are the commonest of each part.
    - "at random": each list is none or one landing cell, all as likely (level 1); each landing cell is in or out by a
      coin (level 2); a result as often as it occurs, and one landing cell (level 3).
    """
    found = {}
    if level < 3:
        found["none"] = _mean({part: float(content == NONE) for part, content in known.items()} for _, known in items)
    if level == 2:
        found["every move"] = _mean(
            {"safe": float(known["safe"] == set(board.landing_cells()))} for board, known in items
        )
    found["commonest"] = _commonest([known for _, known in items])
    results = Counter(known["result"] for _, known in items) if level == 3 else Counter()
    found["at random"] = _mean(
        {part: _chance(level, part, known, len(board.landing_cells()), results) for part in known}
        for board, known in items
    )
    return found


def _commonest(truths: Sequence[Truth]) -> Scores:
    def share(contents: Iterable[Any]) -> float:
        return max(Counter(contents).values()) / len(truths)

    joint = share(tuple(known.values()) for known in truths)
    return {"joint": joint, **{part: share(known[part] for known in truths) for part in truths[0]}}


def _chance(level: int, part: str, known: Mapping[str, Any], moves: int, results: Counter[Any]) -> float:
    """Return the probability that a random answer gets one part right."""
    if part == "result":
        return results[known[part]] / sum(results.values())
    size = len(known[part])
    if level == 2:
        return 0.5**moves
    if level == 3:
        return 1 / moves if size == 1 else 0.0
    return 1 / (moves + 1) if size < 2 else 0.0


def _mean(scores: Iterable[Scores]) -> Scores:
    """Return each part averaged over boards, and all parts at once: they are guessed independently."""
    rows = list(scores)
    joint = 0.0
    for row in rows:
        both = 1.0
        for value in row.values():
            both *= value
        joint += both
    parts = {part: sum(row[part] for row in rows) / len(rows) for part in rows[0]}
    return {"joint": joint / len(rows), **parts}
