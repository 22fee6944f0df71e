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

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from connect4.rules.game import Game
from connect4.search.bitboards import ZERO

TAG_AT, WORK_AT, LO_AT = np.uint64(20), np.uint64(14), np.uint64(7)
BOUND, WORK = np.uint64(127), np.uint64(63)
OFFSET = 63
VALUE_BITS = 20


def least_table_bits(game: Game) -> int:
    """Return log2 of the smallest table in which index and stored tag together identify a key exactly."""
    return max(10, game.columns * game.height + 1 + VALUE_BITS - 64)


@intrinsic
def prefetch(typing: Any, table: Any, slot: Any) -> Any:
    """Begin to fetch the bucket at `slot` into the caches, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        word = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word]),
            "llvm.prefetch.p0",
        )
        address = builder.bitcast(builder.gep(array.data, [args[1]]), cgutils.voidptr_t)
        builder.call(function, [address, word(0), word(3), word(1)])  # to read, often, data
        return context.get_dummy_value()

    return types.none(table, slot), generate


@njit
def cleared(table, tag_bits, counters, which):
    """Clear a table by counting up its generation; write zeros only when the count overflows.

    Args:
        table: the entries, uint64.
        tag_bits: bits of a tag, uint64.
        counters: int64 array that holds the table's generation, which is changed.
        which: index of the generation in `counters`.
    """
    generation = counters[which] + 1
    if generation >> (np.int64(64 - VALUE_BITS) - np.int64(tag_bits)):
        generation = 0
        table[:] = ZERO
    counters[which] = generation


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
    """Store the bounds of a position.

    The first place of the bucket is for the entry that took most work. A costlier or equal entry takes that place and
    moves the old one to the second, as does any entry if the first is of an earlier generation. A cheaper entry goes
    to the second place.

    Args:
        table: the entries, uint64.
        slot: index of the first entry of the bucket, int64.
        tag: generation and tag, uint64.
        tag_bits: bits of the tag alone, uint64.
        lo, hi: bounds of the score, from -OFFSET to OFFSET.
        work: nodes that the bounds took, 1 or more.
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
