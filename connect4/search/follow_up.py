"""The follow-up bound: who cannot win any more, found from a pairing of the free cells and without a search.

Let M be to move and F the opponent. F can answer in the column M has just used, and from columns whose free cells are
odd in number, which F pairs, in the other column of the pair for the first stone. M then gets, of the free cells, only
those with an even number of cells from there to the top, and one landing cell of each pair. If these and M's stones
hold no line, M cannot win. A column in which F would win right above M's stone is closed to M and need not be answered:
when all others are full M must play there, and loses. If no column is closed, F still wins if the cells that F gets for
certain complete a line.
"""

# mypy: ignore-errors
from __future__ import annotations

from numba import njit

from connect4.search.bitboards import ONE, ZERO, has_line, lowest, popcount, won_at

NO_BOUND = 127
"""Returned if the pairing proves nothing; above every score."""


@njit
def follow_up_bound(own, theirs, landing, threats, alpha, ply, board, odd, height, connect, size):  # noqa: PLR0917 - numba takes no keywords
    """Return an upper bound of the score that is at most `alpha`, or NO_BOUND.

    Args:
        own: stones of the player to move, uint64 like all sets of cells here.
        theirs: stones of the opponent.
        landing: the lowest free cell of each column.
        threats: the free cells on which the opponent would complete a line.
        alpha: the score, int64, that the bound must not exceed to be of use.
        ply: number of stones on the board.
        board: all cells.
        odd: the cells with an odd number of cells from there to the top of their column.
        height: bits per column, which is rows + 1.
        connect: length of a line.
        size: number of cells.
    """
    closed_at = landing & (threats >> ONE)
    unpaired = landing & odd & ~closed_at
    if (alpha < -1 and closed_at == ZERO) or popcount(unpaired) & 1:
        return NO_BOUND
    empty = board ^ (own | theirs)
    spare = (board << ONE) & ~board  # the bit above each column
    closed, bits = ZERO, closed_at
    while bits:
        bit = lowest(bits)
        closed |= lowest(spare & ~(bit - ONE)) - bit
        bits ^= bit
    free = empty & ~closed
    bound = 0
    if closed:
        bound = -won_at(ply + popcount(free) + 1, size)
    elif has_line(theirs | (empty & odd & ~unpaired), height, connect):
        bound = -1
    if bound > alpha:
        return NO_BOUND
    ours = own | (free & board & ~odd) | closed_at
    wins = has_line(ours | unpaired, height, connect)
    if wins and popcount(unpaired) == 2:
        first = lowest(unpaired)
        wins = has_line(ours | first, height, connect) or has_line(ours | (unpaired ^ first), height, connect)
    if wins:
        return NO_BOUND
    return bound
