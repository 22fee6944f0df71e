"""The search, compiled by numba: one program for each `Game`, kept on disk after its first use.

It answers "what is the score of this position, if it lies between lo and hi?" by null-window searches that cut the
interval. A search is negamax over an explicit stack, not recursion, so that it can stop after a number of nodes and go
on later: Python can still react to Ctrl-C. These ideas keep it small:

- **The schedule.** The interval is first clamped to what can still be won at all. Searches near its ends are shallow,
  since only quick wins can answer them, so it is cut from both ends, `STEP` scores at a time, while a pair of these
  searches visits at most `PAIR_NODES` nodes. After that comes the question who wins, and then scores near zero first,
  since most games are won late.
- Only moves that do not lose at once are searched (threats are found by `Game.completing`), and a move after which
  the opponent has no such move ends the search of its node.
- `connect4.search.follow_up` often shows without a search that a player cannot win any more.
- Moves are tried by the number of cells they make winning, then from the middle outwards.
- A table (`connect4.search.table`) holds both bounds of a position: of each bucket the one that cost more work to
  find, and the latest. Children are looked up before they are searched; the last plies are searched without it. The
  short searches at the ends have a small table, which stays in the caches next to a core; the long ones in the middle
  have the large one, whose buckets are fetched from memory while the node that leads to them is still worked out.

Every uint64 meets only uint64 here: numba makes a float64 of a mixture with int64.
"""

# One loop that numba compiles as a whole: its length is its price, and numba infers the types.
# ruff: noqa: PLR0912, PLR0915, PLR0917
# mypy: ignore-errors
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numba import njit

from connect4.rules.game import Game
from connect4.search.bitboards import ONE, ZERO, completing, has_line, popcount, safe_moves, won_at
from connect4.search.follow_up import follow_up_bound
from connect4.search.table import BOUND, LO_AT, OFFSET, cleared, keep, lookup, prefetch

# isort: off
from connect4.search.layout import (
    ALPHA, AT, BEGIN, BETWEEN, DEPTH, F_BEST, F_HASH, F_HI, F_LEFT, F_LO, F_MOVES, F_NODES, F_OWN, F_STONES, FRESH,
    GENERATION, HEAD, HI, HIGH, LAST, LO, LONG, LOW, MIDDLE, MOVE_WORDS, NODES, OVER, OWN, PAIR, R_HI, R_KIND, R_LO,
    R_NODES, REPLY, SIDE, SMALL_GENERATION, STONES, THREATS,
)  # fmt: skip

STEP = 3  # scores cut from an end of the interval at a time
PAIR_NODES = 1000  # the most nodes of a pair of searches at the ends, after which the ends are left
SHORT_NODES = 4000  # nodes of a position that use the small table; the search goes on with the large one

CHILD_LOOKUP = 12  # children are looked up while at least so many cells are free
TABLE_FREE = 8  # with fewer free cells a node costs less than looking it up
MIRROR_PLIES = 12  # before this ply a position and its mirror image share an entry; later they rarely meet

HELPERS = ("bitboards.py", "follow_up.py", "layout.py", "table.py")
"""The modules from which numba compiles functions and constants into the search."""


def _digest_of_helpers() -> int:
    """Return a checksum of the `HELPERS`: numba itself notices only changes of this file."""
    return crc32(b"".join(Path(__file__).with_name(name).read_bytes() for name in HELPERS))


@lru_cache
def search_for(game: Game) -> Callable[..., bool]:
    """Return the compiled search of a game: `advance(state, stack, small, large, positions, searches, budget)`.

    It works for about `budget` nodes and returns True once all rows are done. Call it again until then.

    Args of `advance`:
        state: int64, STATE_WORDS long, with AT 0 and DEPTH BEGIN before the first call.
        stack: uint64, `stack_words` long.
        small, large: the tables, uint64, each a power of two long, at least 2**least_table_bits.
        positions: uint64, [n, 2]: stones of the player to move, and all stones.
        searches: int64, [n, ROW_WORDS]: the interval and kind of each; its ends become the score, or the end of the
            interval that lies nearest to it, and R_NODES the number of nodes.
        budget: the number of nodes after which to pause, 1 or more.
    """
    height, columns, connect, size = game.height, game.columns, game.connect, game.size
    bottom, board = np.uint64(game.bottom), np.uint64(game.board)
    odd = np.uint64(sum(game.bottom << row for row in range(game.rows) if (game.rows - row) % 2))
    width = game.columns * game.height
    all_bits, column_bits = np.uint64((1 << width) - 1), np.uint64((1 << game.height) - 1)
    spread = np.uint64((0x9E3779B97F4A7C15 >> (64 - width)) | 1)  # odd, so that it permutes the keys
    from_middle = sorted(range(columns), key=lambda column: abs(2 * column - (columns - 1)))
    in_order = tuple(np.uint64(game.column(column)) for column in from_middle)
    frame_words = F_MOVES + MOVE_WORDS * columns
    child_lookup, mirror_plies, table_free = CHILD_LOOKUP, MIRROR_PLIES, TABLE_FREE
    step, pair_nodes, short_nodes = STEP, PAIR_NODES, SHORT_NODES
    helpers = _digest_of_helpers()

    @njit(error_model="numpy", nogil=True, cache=True)
    def advance(state, stack, small, large, positions, searches, budget):
        helpers  # noqa: B018 - numba's cache notices a change of this file, and of the values used here: this is one

        def hashed(key, ply):
            if ply < mirror_plies:
                mirror = ZERO
                for column in range(columns):
                    bits = (key >> np.uint64(column * height)) & column_bits
                    mirror |= bits << np.uint64((columns - 1 - column) * height)
                key = min(key, mirror)
            return (key * spread) & all_bits

        small_shift = np.uint64(width - popcount(np.uint64(len(small) // 2 - 1)))
        large_shift = np.uint64(width - popcount(np.uint64(len(large) // 2 - 1)))
        row, last, lo0, hi0, alpha0 = state[AT], state[LAST], state[LO], state[HI], state[ALPHA]
        depth, nodes, side, pair, long = state[DEPTH], state[NODES], state[SIDE], state[PAIR], state[LONG]
        table, shift = small, small_shift
        stamp = np.uint64(state[SMALL_GENERATION]) << shift  # added to every tag
        if long:
            table, shift = large, large_shift
            stamp = np.uint64(state[GENERATION]) << shift
        tag_bits = (ONE << shift) - ONE
        own, stones, threats = stack[OWN], stack[STONES], stack[THREATS]
        root_own = root_stones = ZERO
        if row < len(positions):
            root_own, root_stones = positions[row, 0], positions[row, 1]
        ply0 = popcount(root_stones)
        limit = nodes + budget
        value = 0
        while True:
            if nodes >= limit and row < len(positions):
                stack[OWN], stack[STONES], stack[THREATS] = own, stones, threats
                state[AT], state[LAST], state[LO], state[HI], state[ALPHA] = row, last, lo0, hi0, alpha0
                state[DEPTH], state[NODES], state[SIDE], state[PAIR], state[LONG] = depth, nodes, side, pair, long
                return False
            if depth == BETWEEN and lo0 >= hi0:  # a row is done
                searches[row, R_LO] = searches[row, R_HI] = lo0
                searches[row, R_NODES] = nodes
                if searches[row, R_KIND] != REPLY:
                    last = lo0
                row += 1
                limit -= max(nodes, 0) + 1
                nodes, depth = 0, BEGIN
            if depth == BEGIN:  # begin a row
                if row == len(positions):
                    state[AT], state[LAST], state[DEPTH], state[NODES] = 0, last, BEGIN, 0
                    return True
                root_own, root_stones = positions[row, 0], positions[row, 1]
                ply0, depth, side, pair = popcount(root_stones), BETWEEN, HIGH, 0
                lo0, hi0 = searches[row, R_LO], searches[row, R_HI]
                if searches[row, R_KIND] == REPLY:
                    lo0, hi0 = -last, 1 - last
                elif searches[row, R_KIND] == FRESH:
                    cleared(small, small_shift, state, SMALL_GENERATION)
                    cleared(large, large_shift, state, GENERATION)
                if searches[row, R_KIND] != REPLY:
                    long, table, shift, tag_bits = 0, small, small_shift, (ONE << small_shift) - ONE
                    stamp = np.uint64(state[SMALL_GENERATION]) << shift
                other, empty = root_own ^ root_stones, board ^ root_stones
                landing = (root_stones + bottom) & board
                if has_line(root_own, height, connect) or has_line(other, height, connect):
                    lo0 = hi0 = 0
                    nodes = OVER
                elif not landing:
                    lo0 = hi0 = min(max(0, lo0), hi0)
                elif completing(root_own, height, connect) & landing:
                    lo0 = hi0 = min(max(won_at(ply0, size), lo0), hi0)
                else:
                    most = won_at(ply0 + 2, size) if has_line(root_own | empty, height, connect) else 0
                    least = -won_at(ply0 + 1, size) if has_line(other | empty, height, connect) else 0
                    lo0, hi0 = min(max(least, lo0), hi0), max(min(most, hi0), lo0)
                continue
            if depth == BETWEEN:  # begin the next search of a row
                if side == HIGH:
                    if nodes - pair > pair_nodes:
                        side = MIDDLE
                    pair = nodes
                if side == HIGH:
                    alpha0, side = max(hi0 - step, lo0), LOW
                elif side == LOW:
                    alpha0, side = min(lo0 + step, hi0) - 1, HIGH
                elif lo0 >= 0:
                    alpha0 = lo0 + (hi0 - lo0) // 4
                elif hi0 <= 0:
                    alpha0 = hi0 - 1 - (hi0 - lo0) // 4
                else:
                    alpha0 = 0
                own, stones, depth = root_own, root_stones, 0
                threats = completing(own ^ stones, height, connect) & (board ^ stones)

            # Enter a node: the player with stones `own` is to move and cannot win at once; the other wins on `threats`.
            nodes += 1
            if nodes > short_nodes and not long:
                long, table, shift, tag_bits = 1, large, large_shift, (ONE << large_shift) - ONE
                stamp = np.uint64(state[GENERATION]) << shift
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

            if not known:
                bound = follow_up_bound(own, theirs, landing, threats, alpha, ply, board, odd, height, connect, size)
                if bound <= alpha:
                    value, known = bound, True

            if not known and ply <= size - table_free:
                key_hash = hashed(own + stones, ply)
                entry = lookup(table, np.int64(key_hash >> shift) * 2, (key_hash & tag_bits) | stamp)
                if entry:
                    hi = min(hi, np.int64(entry & BOUND) - OFFSET)
                    lo = max(lo, np.int64((entry >> LO_AT) & BOUND) - OFFSET)
                    if hi <= alpha:
                        value, known = hi, True
                    elif lo > alpha:
                        value, known = lo, True

            if not known:  # sort its moves, the best last
                count = 0
                if long and ply < size - table_free:
                    for place in range(columns):  # fetch the children's buckets, while their threats are worked out
                        move = moves & in_order[place]
                        if move:
                            prefetch(table, np.int64(hashed(theirs + (stones | move), ply + 1) >> shift) * 2)
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
                        entry = lookup(table, np.int64(child_hash >> shift) * 2, (child_hash & tag_bits) | stamp)
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
                    if ply0 + depth <= size - table_free:
                        key_hash = stack[base + F_HASH]
                        work = nodes - np.int64(stack[base + F_NODES]) + 1
                        tag = (key_hash & tag_bits) | stamp
                        keep(table, np.int64(key_hash >> shift) * 2, tag, shift, lo, hi, work)
                if depth < 0:
                    if value > alpha0:
                        lo0 = min(value, hi0)
                    else:
                        hi0 = max(value, lo0)
                    depth = BETWEEN
                    continue

            # descend to the best move left
            left = stack[base + F_LEFT] - ONE
            stack[base + F_LEFT] = left
            at = base + F_MOVES + MOVE_WORDS * np.int64(left)
            own, stones, threats = own ^ stones, stones | stack[at + 1], stack[at + 2]
            depth += 1

    return advance
