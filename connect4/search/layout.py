"""The arrays that the compiled search works in: what each word of them holds.

The search reads and writes them by these numbers, `connect4.search.solver` and `connect4.search.batch` fill in the
positions and read the results. `connect4.search.kernels` says which array is which argument.
"""

from __future__ import annotations

from connect4.rules.game import Game

# A row of `searches`, int64: the interval, narrowed until both ends are the answer; the nodes it took; its kind.
R_LO, R_HI, R_NODES, R_KIND = range(4)
ROW_WORDS = 4
CARRY, FRESH, REPLY = range(3)
"""Kinds: use the table as it is; clear it first; the interval is (-s, 1 - s), s the score of the last row not REPLY."""
OVER = -1
"""R_NODES of a position that somebody has won."""

# What `advance` keeps between two calls, in an int64 array ...
AT, LAST, GENERATION, SMALL_GENERATION, LO, HI, ALPHA, DEPTH, NODES, SIDE, PAIR, LONG = range(12)
STATE_WORDS = 12
BEGIN, BETWEEN = -1, -2  # DEPTH before a row is begun, and between two searches of a row
HIGH, LOW, MIDDLE = range(3)  # SIDE: the part of the interval that is searched next
# ... and at the head of its uint64 array, before the frames of the stack: the node to enter next.
OWN, STONES, THREATS = range(3)
HEAD = 3

# A frame: the node, its moves not yet tried, its hash, and bounds with OFFSET; then three words a move.
F_OWN, F_STONES, F_LEFT, F_HASH, F_HI, F_LO, F_BEST, F_NODES, F_MOVES = range(9)
MOVE_WORDS = 3


def stack_words(game: Game) -> int:
    """Return the length of the uint64 array that `advance` works in."""
    return HEAD + (game.size + 1) * (F_MOVES + MOVE_WORDS * game.columns)
