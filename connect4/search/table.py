"""The transposition table: 64-bit entries in buckets of two, cleared by counting up a generation.

An entry holds, from the high bits to the low ones:

    generation | tag | work, as a power of two (6 bits) | lower bound + 63 (7 bits) | upper bound + 63 (7 bits)

The tag is the part of the key that the index of the bucket leaves over, so a key that is found is exactly the key that
was stored. Bits that the tag does not need count generations: an entry of an earlier generation is not there any more.
Clearing the table therefore costs nothing until the count overflows; then the array is written with zeros.
"""

# ruff: noqa: PLR0917 - numba takes no keywords
# mypy: ignore-errors
from __future__ import annotations

import numpy as np
from numba import njit

from connect4.rules.game import Game
from connect4.search.bitboards import ZERO

TAG_AT, WORK_AT, LO_AT = np.uint64(20), np.uint64(14), np.uint64(7)
BOUND, WORK = np.uint64(127), np.uint64(63)
OFFSET = 63
VALUE_BITS = 20


def least_table_bits(game: Game) -> int:
    """Return log2 of the smallest table in which index and stored tag together identify a key exactly."""
    return max(10, game.columns * game.height + 1 + VALUE_BITS - 64)


@njit
def generations(tag_bits):
    """Return how many generations fit beside a tag of `tag_bits` bits; 1 if every clearing must write zeros."""
    return np.int64(1) << (64 - VALUE_BITS - tag_bits)


@njit
def lookup(table, slot, tag):
    """Return the entry whose generation and tag are `tag`, or 0 if there is none."""
    entry = table[slot]
    if entry >> TAG_AT == tag:
        return entry
    entry = table[slot + 1]
    if entry >> TAG_AT == tag:
        return entry
    return ZERO


@njit
def keep(table, slot, tag, tag_bits, lo, hi, work):
    """Store bounds under `tag`, a generation and a tag of `tag_bits` bits.

    The first place of the bucket is for the entry that took most work. A costlier or equal entry takes that place and
    moves the old one to the second, as does any entry if the first is of an earlier generation. A cheaper entry goes
    to the second place.
    """
    effort = 0
    while work > 1:
        work >>= 1
        effort += 1
    entry = (tag << TAG_AT) | (np.uint64(effort) << WORK_AT) | (np.uint64(lo + OFFSET) << LO_AT)
    entry |= np.uint64(hi + OFFSET)
    first = table[slot]
    if first >> TAG_AT == tag:
        table[slot] = entry
    elif np.int64((first >> WORK_AT) & WORK) <= effort or ((first >> TAG_AT) ^ tag) >> tag_bits:
        table[slot + 1] = first
        table[slot] = entry
    else:
        table[slot + 1] = entry
