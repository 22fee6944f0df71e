"""Lines, threats and safe moves of bitboards, as small compiled functions.

The layout of the bits is that of `connect4.rules.game`. Each function works on uint64 values and takes the height of
a column (rows + 1) and the length of a line as arguments, so that numba compiles it into its caller.

A uint64 may only meet uint64 here: numba makes a float64 of a mixture with int64.
"""

# mypy: ignore-errors
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

ZERO, ONE = np.uint64(0), np.uint64(1)


@intrinsic
def popcount(typing: Any, bits: Any) -> Any:
    """Count the set bits of a uint64, with one instruction."""
    return types.int64(types.uint64), lambda context, builder, signature, args: builder.ctpop(args[0])


@njit
def lowest(bits):
    """Return the lowest set bit alone."""
    return bits & (~bits + ONE)


@njit
def lines_along(stones, step, connect):
    """Return the cells that stand, along one direction, in a line whose other cells are all among `stones`."""
    found = ZERO
    for gap in range(connect):
        line = ~ZERO
        for at in range(1, gap + 1):
            line &= stones << np.uint64(at * step)
        for at in range(1, connect - gap):
            line &= stones >> np.uint64(at * step)
        found |= line
    return found


@njit
def completing(stones, height, connect):
    """Compute `Game.completing`, with bits outside of the board, and in a column only the cell above its stones."""
    column = stones << ONE
    for at in range(2, connect):
        column &= stones << np.uint64(at)
    return (
        column
        | lines_along(stones, height - 1, connect)
        | lines_along(stones, height, connect)
        | lines_along(stones, height + 1, connect)
    )


@njit
def run(cells, step, connect):
    """Return the first cell of each line of `connect` cells along one direction."""
    for at in range(1, connect):
        if at == 1:
            starts = cells & (cells >> np.uint64(step))
        else:
            starts &= cells >> np.uint64(at * step)
    return starts


@njit
def has_line(cells, height, connect):
    """Return True if `cells` hold a line."""
    return (
        run(cells, 1, connect)
        | run(cells, height - 1, connect)
        | run(cells, height, connect)
        | run(cells, height + 1, connect)
    ) != ZERO


@njit
def won_at(ply, size):
    """Compute `Game.won_at`."""
    return (size + 1) // 2 - ply // 2


@njit
def safe_moves(landing, threats):
    """Return the moves after which the opponent, who wins on the cells `threats`, cannot win at once."""
    moves = landing & ~(threats >> ONE)
    at_once = landing & threats
    if at_once:
        moves &= at_once
        if at_once & (at_once - ONE):
            moves = ZERO
    return moves
