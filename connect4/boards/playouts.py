"""Random play-outs in bulk: positions after a number of plies in which nobody completes a line.

Bitboards as in `game`. Every walk has its own stream of random numbers (`random_stream.Stream(*names, walk)`), so
that it is the same in any batch. Knows nothing of strata and files.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from connect4.boards import random_stream
from connect4.rules.game import Game
from connect4.search.bitboards import ONE, ZERO, completing, lowest, popcount, safe_moves

GAMMA, FIRST, SECOND = (
    np.uint64(number) for number in (random_stream.GAMMA, random_stream.FIRST, random_stream.SECOND)
)
S27, S30, S31, S32 = (np.uint64(shift) for shift in (27, 30, 31, 32))


class Walks(NamedTuple):
    """A batch of walks, an array element each. A walk that came to an end before its ply has `plies` 0.

    `mine`, `theirs`: cells where the player to move, and the opponent, win at once; `safe`: moves after which the
    opponent does not win at once; `moves`: columns played, counted from 0, one row per walk.
    """

    mover: np.ndarray  # uint64
    stones: np.ndarray  # uint64
    plies: np.ndarray  # uint8
    mine: np.ndarray  # uint64
    theirs: np.ndarray  # uint64
    safe: np.ndarray  # uint64
    moves: np.ndarray  # uint8, [walks, rows * columns]


def walks(game: Game, names: tuple[int, ...], which: range, low: int, high: int, *, careful: bool) -> Walks:
    """Return the walks with the numbers `which` of the streams `names`, each of `low` to `high` plies.

    Moves are drawn evenly among those that complete no line; if `careful`, among those of them that do not let the
    opponent win at once, if there are any.

    Args:
        game: size of the board and length of a line.
        names: names of the random streams.
        which: numbers of the walks.
        low: fewest plies.
        high: most plies.
        careful: True to avoid moves that let the opponent win at once.
    """

    count = len(which)

    def bits() -> np.ndarray:
        return np.zeros(count, np.uint64)

    out = Walks(
        bits(), bits(), np.zeros(count, np.uint8), bits(), bits(), bits(),
        np.zeros((count, game.rows * game.columns), np.uint8),
    )  # fmt: skip
    _walk(
        np.uint64(random_stream.state_of(*names)),
        which.start,
        low,
        high,
        careful,
        game.rows,
        game.columns,
        game.connect,
        *out,
    )
    return out


@njit(cache=True)
def mix(z):  # type: ignore[no-untyped-def]
    """Compute `random_stream.mix`."""
    z = (z ^ (z >> S30)) * FIRST
    z = (z ^ (z >> S27)) * SECOND
    return z ^ (z >> S31)


@njit(cache=True)
def _walk(  # type: ignore[no-untyped-def] # noqa: PLR0917 - numba takes no keywords
    start, first, low, high, careful, rows, columns, connect, mover, stones, plies, mine, theirs, safe, moves
):
    height = rows + 1
    bottom, cells = ZERO, ZERO
    for column in range(columns):
        bottom |= ONE << np.uint64(column * height)
    for row in range(rows):
        cells |= bottom << np.uint64(row)
    for number in range(len(plies)):
        state = mix((start ^ np.uint64(first + number)) + GAMMA)
        state += GAMMA
        target = low + np.int64(((mix(state) >> S32) * np.uint64(high - low + 1)) >> S32)
        own, taken, ply = ZERO, ZERO, 0
        while True:
            landing = (taken + bottom) & cells
            i_win = completing(own, height, connect) & cells & ~taken
            they_win = completing(own ^ taken, height, connect) & cells & ~taken
            if ply == target:
                break
            choice = landing & ~i_win
            if careful:
                kept = choice & safe_moves(landing, they_win)
                if kept:
                    choice = kept
            if not choice:
                break
            state += GAMMA
            skip = np.int64(((mix(state) >> S32) * np.uint64(popcount(choice))) >> S32)
            for _ in range(skip):
                choice &= choice - ONE
            stone = lowest(choice)
            column = 0
            while stone >> np.uint64((column + 1) * height):
                column += 1
            moves[number, ply] = column
            own, taken = own ^ taken, taken | stone
            ply += 1
        if ply == target and landing:
            mover[number], stones[number], plies[number] = own, taken, ply
            mine[number], theirs[number] = landing & i_win, landing & they_win
            safe[number] = safe_moves(landing, they_win) | (landing & i_win)


def keys(mover: np.ndarray, stones: np.ndarray, game: Game) -> np.ndarray:
    """Compute `Position.canonical_key` of each: equal for a position and its mirror image, and for no others."""
    return np.minimum(mover + stones, game.mirrored(mover) + game.mirrored(stones))
