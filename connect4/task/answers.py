"""The right answer to a board at each level: its parts, and their form in a file.

    level 1  {"mine": cells, "theirs": cells}       [[[0, 3]], []]
    level 2  {"safe": cells}                        [[0, 0], [2, 3]]
    level 3  {"result": Result("win", 4), "best": cells}
                                                    {"result": "win", "in": 4, "best": [[2, 3]]}

This module knows the forms only; `connect4.task.labels` finds the answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from connect4.rules.game import Cell

Truth = dict[str, Any]


class Result(NamedTuple):
    """The result for the player to move with best play: "win", "draw" or "loss".

    `distance` counts the winner's own moves from this board until the line stands, the last one included; 0 for a draw.
    """

    outcome: str
    distance: int = 0

    def __str__(self) -> str:
        return f"{self.outcome} in {self.distance}" if self.distance else self.outcome


def to_answer(level: int, known: Truth) -> Any:
    """Return the right answer as JSON."""
    if level == 1:
        return [_listed(known["mine"]), _listed(known["theirs"])]
    if level == 2:
        return _listed(known["safe"])
    outcome, distance = known["result"]
    return {"result": outcome, "in": distance, "best": _listed(known["best"])}


def from_answer(level: int, answer: Any) -> Truth:
    """Return the answer that `to_answer` wrote. Raises ValueError with the expected form if `answer` has another."""
    try:
        if level == 1:
            mine, theirs = answer
            return {"mine": _cells(mine), "theirs": _cells(theirs)}
        if level == 2:
            return {"safe": _cells(answer)}
        result = Result(answer["result"], answer["in"])
        best = _cells(answer["best"])
        if result.outcome not in ("win", "draw", "loss") or type(result.distance) is not int or not best:
            raise ValueError(result)
        if (result.distance > 0) != (result.outcome != "draw") or result.distance < 0:
            raise ValueError(result)
        return {"result": result, "best": best}
    except (TypeError, ValueError, KeyError) as problem:
        forms = {
            1: "two lists of cells, such as [[[0, 3]], []]",
            2: "a list of cells, such as [[0, 3]]",
            3: 'an object such as {"result": "win", "in": 4, "best": [[0, 3]]}',
        }
        raise ValueError(f"is {answer!r:.80}; level {level} expects {forms[level]}") from problem


def _listed(cells: Iterable[Cell]) -> list[list[int]]:
    return [list(cell) for cell in sorted(cells)]


def _cells(listed: Any) -> frozenset[Cell]:
    if not isinstance(listed, list):
        raise TypeError(listed)
    found = [(row, column) for row, column in listed]
    if not all(type(number) is int for cell in found for number in cell) or len(set(found)) != len(found):
        raise ValueError(listed)
    return frozenset(found)
