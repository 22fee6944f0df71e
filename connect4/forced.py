"""Level 3: how a game ends with best play, and the moves that lead there, by the solver.

forced(Position.from_moves("112233"))  # Forced({"result": Result("win", 1), "best": frozenset({(0, 3)})}, nodes=…)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from connect4.labels import Result, Truth
from connect4.position import Position


class Forced(NamedTuple):
    """The right answer at level 3, and how many positions the solver looked at for it: its difficulty."""

    truth: Truth
    nodes: int


def result_of(board: Position, score: int) -> Result:
    """What the strong score of `board` says: the result for the player to move and the winner's moves until then.

    A score of s means that the winner's last stone is their number half the board + 1 - |s|.
    """
    if score == 0:
        return Result("draw")
    last = (board.game.size + 1) // 2 + 1 - abs(score)
    lying = board.ply // 2 if score > 0 else (board.ply + 1) // 2
    return Result("win" if score > 0 else "loss", last - lying)


def from_scores(board: Position, scores: Mapping[int, int], nodes: int) -> Forced:
    """The answer from the strong score of each legal column."""
    best = max(scores.values())
    cells = frozenset(cell for cell in board.landing_cells() if scores[cell[1]] == best)
    return Forced({"result": result_of(board, best), "best": cells}, nodes)
