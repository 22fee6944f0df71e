"""Move strings read in bulk, by compiled code, into the arrays that `connect4.search.batch.solve_many` takes.

    mover, stones = parse_moves(["4453", "445566"])

The rules are those of `Position.from_moves`, which also words the errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connect4.rules.game import STANDARD, Game
from connect4.rules.position import Position
from connect4.search.bitboards import ONE, ZERO, has_line


def parse_moves(lines: Sequence[str], game: Game = STANDARD) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the stones of the player to move, and all stones, after each of `lines`, as uint64 arrays.

    Raises ValueError for the first line that `Position.from_moves` refuses, with its number (from 0) and the reason.
    """
    mover, stones = np.zeros(len(lines), np.uint64), np.zeros(len(lines), np.uint64)
    ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
    # one byte per character, so that `ends` holds; what is not ASCII is not a column anyway
    symbols = np.frombuffer("".join(lines).encode("ascii", "replace"), np.uint8)
    bad = _parse(symbols, ends, game.rows, game.columns, game.connect, mover, stones)
    if bad >= 0:
        try:
            Position.from_moves(lines[bad], game)
        except ValueError as problem:
            raise ValueError(f"position {bad}: {problem}") from problem
        raise AssertionError(f"{lines[bad]!r} is refused in bulk, and not alone")
    return mover, stones


@njit(cache=True)
def _parse(symbols, ends, rows, columns, connect, mover, stones):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Fill `mover` and `stones`; return the number of the first line that is refused, or -1."""
    height = rows + 1
    at = 0
    for number in range(len(ends)):
        own, taken, ply = ZERO, ZERO, 0
        while at < ends[number]:
            column = np.int64(symbols[at]) - 49  # the digit 1 is the first column
            at += 1
            if column < 0 or column >= columns:
                return number
            low = ONE << np.uint64(column * height)
            cells = ((ONE << np.uint64(rows)) - ONE) << np.uint64(column * height)
            stone = (taken + low) & cells
            if not stone:
                return number
            own, taken, ply = own ^ taken, taken | stone, ply + 1
        # a line stays where it is, so one look at the end finds a game that was over before
        if ply == rows * columns or has_line(own, height, connect) or has_line(own ^ taken, height, connect):
            return number
        mover[number], stones[number] = own, taken
    return -1
