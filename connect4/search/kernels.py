"""The search, compiled by numba: one program for each `Game`, kept on disk after its first use.

It answers "what is the score of this position, if it lies between lo and hi?" by null-window searches that cut the
interval. A search is negamax over an explicit stack, not recursion, so that it can stop after a number of nodes and go
on later: Python stays free to hear Ctrl-C. What keeps it small:

- Only moves that do not lose at once are searched (threats are found by `Game.completing`), and a move after which
  the opponent has no such move ends the search of its node.
- **The follow-up bound.** Let M be to move and F the opponent. F can answer in the column M has just used, and from
  columns whose free cells are odd in number, which F pairs, in the other column of the pair for the first stone. M then
  gets, of the free cells, only those with an even number of cells from there to the top, and one landing cell of each
  pair. Where these and M's stones hold no line, M cannot win. A column in which F would win right above M's stone is
  closed to M and need not be answered: when all others are full M must play there, and loses. If no column is closed,
  F still wins where the cells that F gets for certain complete a line.
- Moves are tried by the number of cells they make winning, then from the middle outwards.
- A transposition table holds both bounds of a position, in buckets of two: the one that cost more work to find, and
  the latest. Its keys are exact. Children are looked up before they are searched.

Every uint64 meets only uint64 here: numba makes a float64 of a mixture with int64.
"""

# One loop that numba compiles as a whole: its length is its price, and numba infers the types.
# ruff: noqa: PLR0912, PLR0915, PLR0917
# mypy: ignore-errors
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from connect4.rules.game import Game

ZERO, ONE = np.uint64(0), np.uint64(1)

# A table entry: tag | work (6 bits) | lo + 63 (7 bits) | hi + 63 (7 bits); 0 is empty, since hi + 63 is never 0.
TAG_AT, WORK_AT, LO_AT = np.uint64(20), np.uint64(14), np.uint64(7)
BOUND, WORK = np.uint64(127), np.uint64(63)
OFFSET = 63
VALUE_BITS = 20

# What `advance` keeps between two calls, in an int64 array ...
LO, HI, ALPHA, DEPTH, NODES = range(5)
STATE_WORDS = 5
BEGIN, OVER = -1, -2  # DEPTH before the first call; after it, if the game is won already
# ... and at the head of its uint64 array, before the frames of the stack: the node to enter next.
OWN, STONES, THREATS = range(3)
HEAD = 3

# A frame: the node, its moves not yet tried, its hash, and bounds with OFFSET; then three words a move.
F_OWN, F_STONES, F_LEFT, F_HASH, F_HI, F_LO, F_BEST, F_NODES, F_MOVES = range(9)
MOVE_WORDS = 3

CHILD_LOOKUP = 12  # children are looked up while at least so many cells are free
MIRROR_PLIES = 12  # before this ply a position and its mirror image share an entry; later they rarely meet


def stack_words(game: Game) -> int:
    """The length of the uint64 array `advance` works in."""
    return HEAD + (game.size + 1) * (F_MOVES + MOVE_WORDS * game.columns)


def least_table_bits(game: Game) -> int:
    """The smallest table whose entries hold what its index leaves of a key."""
    return max(10, game.columns * game.height + 1 + VALUE_BITS - 64)


@intrinsic
def popcount(typing: Any, bits: Any) -> Any:
    """How many bits of a uint64 are set: one instruction."""
    return types.int64(types.uint64), lambda context, builder, signature, args: builder.ctpop(args[0])


@njit
def lines_along(stones, step, connect):
    """Cells in a line of `connect` along one direction whose other cells are all among `stones`."""
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
    """`Game.completing`, with bits outside of the board and, in a column, only the cell above: there are no others."""
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
    """Where `connect` cells begin that lie one after the other along one direction."""
    for at in range(1, connect):
        if at == 1:
            starts = cells & (cells >> np.uint64(step))
        else:
            starts &= cells >> np.uint64(at * step)
    return starts


@njit
def has_line(cells, height, connect):
    """Whether `cells` hold a line."""
    return (
        run(cells, 1, connect)
        | run(cells, height - 1, connect)
        | run(cells, height, connect)
        | run(cells, height + 1, connect)
    ) != ZERO


@njit
def won_at(ply, size):
    """`Game.won_at`."""
    return (size + 1) // 2 - ply // 2


@njit
def safe_moves(landing, threats):
    """Moves after which the opponent, who wins on `threats`, does not win at once."""
    moves = landing & ~(threats >> ONE)
    at_once = landing & threats
    if at_once:
        moves &= at_once
        if at_once & (at_once - ONE):
            moves = ZERO
    return moves


@njit
def lowest(bits):
    """The lowest bit that is set."""
    return bits & (~bits + ONE)


@njit
def lookup(table, slot, tag):
    """The entry of a tag, or 0."""
    entry = table[slot]
    if entry >> TAG_AT == tag:
        return entry
    entry = table[slot + 1]
    if entry >> TAG_AT == tag:
        return entry
    return ZERO


@njit
def keep(table, slot, tag, lo, hi, work):
    """Write an entry: over its own or a cheaper one, which moves to the second place, else to the second place."""
    effort = 0
    while work > 1:
        work >>= 1
        effort += 1
    entry = (tag << TAG_AT) | (np.uint64(effort) << WORK_AT) | (np.uint64(lo + OFFSET) << LO_AT)
    entry |= np.uint64(hi + OFFSET)
    first = table[slot]
    if first >> TAG_AT == tag:
        table[slot] = entry
    elif np.int64((first >> WORK_AT) & WORK) <= effort:
        table[slot + 1] = first
        table[slot] = entry
    else:
        table[slot + 1] = entry


@lru_cache
def search_for(game: Game) -> Callable[..., bool]:
    """The compiled search of a game: `advance(state, stack, table, own, stones, budget)`.

    `own`, `stones`: the position, uint64. `state`: int64, STATE_WORDS long, with the interval in [LO, HI], NODES 0 and
    DEPTH BEGIN before the first call. `stack`: uint64, `stack_words` long. `table`: uint64, a power of two long, at
    least 2**least_table_bits. Works for about `budget` nodes; true once state[LO] == state[HI] is the score, or its
    nearest bound where the score lies outside of the interval, or DEPTH is OVER: somebody has won, no score.
    """
    height, columns, connect, size = game.height, game.columns, game.connect, game.size
    bottom, board = np.uint64(game.bottom), np.uint64(game.board)
    odd = np.uint64(sum(game.bottom << row for row in range(game.rows) if (game.rows - row) % 2))
    even = board & ~odd  # cells with an even number of cells from there to the top
    spare = np.uint64(game.bottom << game.rows)
    width = game.columns * game.height
    all_bits, column_bits = np.uint64((1 << width) - 1), np.uint64((1 << game.height) - 1)
    spread = np.uint64((0x9E3779B97F4A7C15 >> (64 - width)) | 1)  # odd, so that it permutes the keys
    from_middle = sorted(range(columns), key=lambda column: abs(2 * column - (columns - 1)))
    in_order = tuple(np.uint64(game.column(column)) for column in from_middle)
    frame_words = F_MOVES + MOVE_WORDS * columns
    child_lookup, mirror_plies = CHILD_LOOKUP, MIRROR_PLIES

    @njit(error_model="numpy", nogil=True, cache=True)
    def advance(state, stack, table, own, stones, budget):
        def hashed(key, ply):
            if ply < mirror_plies:
                mirror = ZERO
                for column in range(columns):
                    bits = (key >> np.uint64(column * height)) & column_bits
                    mirror |= bits << np.uint64((columns - 1 - column) * height)
                key = min(key, mirror)
            return (key * spread) & all_bits

        index_bits = popcount(np.uint64(len(table) // 2 - 1))
        shift = np.uint64(width - index_bits)
        tag_bits = (ONE << shift) - ONE
        ply0 = popcount(stones)
        lo0, hi0, alpha0, depth, nodes = state[LO], state[HI], state[ALPHA], state[DEPTH], state[NODES]
        threats = stack[THREATS]
        root_own, root_stones = own, stones
        if depth >= 0:
            own, stones = stack[OWN], stack[STONES]
        elif has_line(own, height, connect) or has_line(own ^ stones, height, connect):
            state[DEPTH] = OVER
            return True
        elif lo0 < hi0:
            landing = (stones + bottom) & board
            at_once = completing(own, height, connect) & landing
            if at_once or not landing:
                value = won_at(ply0, size) if at_once else 0
                lo0 = hi0 = min(max(value, lo0), hi0)
        limit = nodes + budget
        value = 0
        while True:
            if depth < 0:  # begin the next search, or stop
                if lo0 >= hi0:
                    state[LO], state[HI], state[NODES] = lo0, hi0, nodes
                    return True
                # who wins is the cheapest question; then scores near zero, since most games are won late
                alpha0 = 0
                if lo0 >= 0:
                    alpha0 = lo0 + (hi0 - lo0) // 4
                elif hi0 <= 0:
                    alpha0 = hi0 - 1 - (hi0 - lo0) // 4
                own, stones, depth = root_own, root_stones, 0
                threats = completing(own ^ stones, height, connect) & (board ^ stones)
            if nodes >= limit:
                stack[OWN], stack[STONES], stack[THREATS] = own, stones, threats
                state[LO], state[HI], state[ALPHA], state[DEPTH], state[NODES] = lo0, hi0, alpha0, depth, nodes
                return False

            # Enter a node: the player with stones `own` is to move and cannot win at once; the other wins on `threats`.
            nodes += 1
            alpha = -alpha0 - 1 if depth & 1 else alpha0
            ply = ply0 + depth
            base = HEAD + depth * frame_words
            theirs, empty, landing = own ^ stones, board ^ stones, (stones + bottom) & board
            moves = safe_moves(landing, threats)
            lo, hi = min(0, -won_at(ply + 3, size)), max(0, won_at(ply + 2, size))
            known = True
            key_hash = ZERO
            if moves == ZERO:
                value = -won_at(ply + 1, size) if landing else 0
            elif ply >= size - 2:
                value = 0
            elif hi <= alpha:
                value = hi
            elif lo > alpha:
                value = lo
            else:
                known = False

            if not known:  # the follow-up bound
                closed_at = landing & (threats >> ONE)
                unpaired = landing & odd & ~closed_at
                if (alpha >= -1 or closed_at) and popcount(unpaired) & 1 == 0:
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
                    if bound <= alpha:
                        mine = own | (free & even) | closed_at
                        wins = has_line(mine | unpaired, height, connect)
                        if wins and popcount(unpaired) == 2:
                            one = lowest(unpaired)
                            wins = has_line(mine | one, height, connect) or has_line(
                                mine | (unpaired ^ one), height, connect
                            )
                        if not wins:
                            value, known = bound, True

            if not known:
                key_hash = hashed(own + stones, ply)
                entry = lookup(table, np.int64(key_hash >> shift) * 2, key_hash & tag_bits)
                if entry:
                    hi = min(hi, np.int64(entry & BOUND) - OFFSET)
                    lo = max(lo, np.int64((entry >> LO_AT) & BOUND) - OFFSET)
                    if hi <= alpha:
                        value, known = hi, True
                    elif lo > alpha:
                        value, known = lo, True

            if not known:  # sort its moves, the best last
                count = 0
                peek = ply <= size - child_lookup and moves & (moves - ONE) != ZERO
                for place in range(columns):
                    move = moves & in_order[place]
                    if not move:
                        continue
                    wins = completing(own | move, height, connect) & (empty ^ move)
                    replies = (landing ^ move) | ((move << ONE) & board)
                    if replies and not safe_moves(replies, wins):
                        value, known = won_at(ply + 2, size), True
                        break
                    if peek:
                        child_hash = hashed(theirs + (stones | move), ply + 1)
                        entry = lookup(table, np.int64(child_hash >> shift) * 2, child_hash & tag_bits)
                        if entry and OFFSET - np.int64(entry & BOUND) > alpha:
                            value, known = OFFSET - np.int64(entry & BOUND), True
                            break
                    rank = np.uint64(popcount(wins) * columns + columns - place)
                    at = base + F_MOVES + MOVE_WORDS * count
                    while at > base + F_MOVES and stack[at - MOVE_WORDS] > rank:
                        for word in range(MOVE_WORDS):
                            stack[at + word] = stack[at - MOVE_WORDS + word]
                        at -= MOVE_WORDS
                    stack[at], stack[at + 1], stack[at + 2] = rank, move, wins
                    count += 1

            if not known:
                stack[base + F_OWN], stack[base + F_STONES], stack[base + F_LEFT] = own, stones, np.uint64(count)
                stack[base + F_HASH], stack[base + F_BEST], stack[base + F_NODES] = key_hash, ZERO, np.uint64(nodes)
                stack[base + F_HI], stack[base + F_LO] = np.uint64(hi + OFFSET), np.uint64(lo + OFFSET)
            else:  # hand the value up, to the first node that has more to try
                while True:
                    depth -= 1
                    if depth < 0:
                        break
                    value = -value
                    alpha = -alpha - 1
                    base = HEAD + depth * frame_words
                    best = max(value, np.int64(stack[base + F_BEST]) - OFFSET)
                    if value <= alpha and stack[base + F_LEFT]:
                        stack[base + F_BEST] = np.uint64(best + OFFSET)
                        own, stones = stack[base + F_OWN], stack[base + F_STONES]
                        break
                    value = best
                    lo, hi = np.int64(stack[base + F_LO]) - OFFSET, np.int64(stack[base + F_HI]) - OFFSET
                    if value > alpha:
                        lo = max(lo, value)
                    else:
                        hi = value = min(hi, value)
                    key_hash = stack[base + F_HASH]
                    work = nodes - np.int64(stack[base + F_NODES]) + 1
                    keep(table, np.int64(key_hash >> shift) * 2, key_hash & tag_bits, lo, hi, work)
                if depth < 0:
                    if value > alpha0:
                        lo0 = min(value, hi0)
                    else:
                        hi0 = max(value, lo0)
                    continue

            # descend to the best move left
            left = stack[base + F_LEFT] - ONE
            stack[base + F_LEFT] = left
            at = base + F_MOVES + MOVE_WORDS * np.int64(left)
            own, stones, threats = own ^ stones, stones | stack[at + 1], stack[at + 2]
            depth += 1

    return advance
