"""The composition of a set of boards: classes by label, bands by ply, and the number of boards of each.

Shares are such that no constant answer gets far: at level 1 "none, none" is right on 4 % of the boards, at level 2
"every move" on 5 % and "no move" on 5 %. Knows numbers only; the generator finds the boards.
"""

from __future__ import annotations

from collections.abc import Mapping

from connect4.rules.game import Game

LEVELS = {1: "immediate wins of both sides", 2: "moves that do not lose at once", 3: "forced result and best moves"}
BANDS = 5
Stratum = tuple[str, int]
"""A class of labels and a band of plies, or a single ply."""


SHARES: Mapping[int, Mapping[str, int]] = {
    # cells the player to move wins with / cells the opponent would win with; 2 is two or more
    1: {"0/0": 4, "1/0": 14, "0/1": 14, "1/1": 28, "2/0": 6, "0/2": 6, "2/1": 10, "1/2": 10, "2/2": 8},
    # moves that do not lose at once
    2: {"none": 5, "1": 25, "2": 20, "3": 20, "4 or more": 25, "all": 5},
    # the result with best play, and the winner's moves until then; the player to move has no win at once
    3: {
        "win in 2": 20, "win in 3": 15, "win in 4": 15, "win in 5 or more": 20,
        "draw": 10, "loss in 1 or 2": 10, "loss in 3 or more": 10,
    },
}  # fmt: skip
"""In percent, by level and class."""


def wins_class(mine: int, theirs: int) -> str:
    """Return the class at level 1 by the numbers of winning cells."""
    return f"{min(mine, 2)}/{min(theirs, 2)}"


def safe_class(safe: int, moves: int) -> str:
    """Return the class at level 2 by the number of safe moves and the number of moves."""
    if safe == 0:
        return "none"
    if safe == moves:
        return "all"
    return str(safe) if safe < 4 else "4 or more"


def result_class(result: str, distance: int) -> str:
    """Return the class at level 3 by the result and the winner's moves until then."""
    if result == "win":
        return f"win in {distance}" if distance < 5 else "win in 5 or more"
    if result == "loss":
        return "loss in 1 or 2" if distance < 3 else "loss in 3 or more"
    return "draw"


def ply_range(game: Game, level: int) -> tuple[int, int]:
    """Return the fewest and the most stones on a board of a set: enough for threats, and some cells left.

    Level 3 begins later, where the exact result of a board costs milliseconds.
    """
    cells = game.rows * game.columns
    low = 2 * game.connect - 1 if level < 3 else max(2 * game.connect - 1, cells // 3)
    return min(low, cells - 2), max(low, cells - cells // game.columns)


def bands(game: Game, level: int) -> list[tuple[int, int]]:
    """Cut the ply range into bands of similar width, each as (fewest, most)."""
    low, high = ply_range(game, level)
    count = min(BANDS, high - low + 1)
    edges = [low + (high - low + 1) * i // count for i in range(count + 1)]
    return [(edges[i], edges[i + 1] - 1) for i in range(count)]


def apportioned(total: int, shares: Mapping[str, int]) -> dict[str, int]:
    """Return whole numbers that sum to `total`, by largest remainder; the earlier share wins a tie."""
    whole = sum(shares.values())
    counts = {name: total * share // whole for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: -(total * shares[name] % whole))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def quotas(total: int, level: int, bands_there: int) -> dict[Stratum, int]:
    """Return the number of boards of each class in each band; remainders go to the bands in turn."""
    turn = 0
    quota: dict[Stratum, int] = {}
    for name, count in apportioned(total, SHARES[level]).items():
        for band in range(bands_there):
            quota[name, band] = count // bands_there
        for _ in range(count % bands_there):
            quota[name, turn % bands_there] += 1
            turn += 1
    return quota
