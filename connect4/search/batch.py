"""Many positions at once: exact scores and best moves of arrays of bitboards, on all cores.

    solved = solve_many(mover, stones)   # uint64 arrays, as `Position.mover` and `Position.stones`
    solved.scores, solved.nodes          # int64 arrays of the same length

The whole batch runs in compiled code, in blocks of positions that threads take in turn. Every position is searched with
an empty table, so neither scores nor node counts depend on threads, blocks or order.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connect4.rules.game import STANDARD, Game
from connect4.rules.position import Position
from connect4.search import layout
from connect4.search.solver import Solver

BLOCKS_A_THREAD = 8
MOST_IN_A_BLOCK = 256


class Solution(NamedTuple):
    """The exact result of one position."""

    score: int
    best: tuple[int, ...]
    """Columns with the best score, from left to right; empty unless asked for."""
    nodes: int
    """Positions visited for the score, with an empty table before; the same on every machine."""


class Solutions(NamedTuple):
    """The exact results of a batch, one element per position."""

    scores: NDArray[np.int64]
    nodes: NDArray[np.int64]
    """Positions visited for the score, with an empty table before; the same on every machine."""
    best: NDArray[np.bool_] | None
    """[n, columns]: True for the columns with the best score; None unless asked for."""


def solve_many(
    mover: NDArray[np.uint64],
    stones: NDArray[np.uint64],
    *,
    game: Game = STANDARD,
    best: bool = False,
    tt_bits: int = 20,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
    on_compile: Callable[[], object] | None = None,
) -> Solutions:
    """Return the exact scores of positions of one game, given as bitboards.

    Args:
        mover: stones of the player to move, uint64 of shape [n].
        stones: all stones, likewise.
        game: the game that is played.
        best: find the best moves as well.
        tt_bits: log2 of the entries of each thread's table, 8 bytes each.
        workers: number of threads; by default one per core.
        progress: called in the calling thread with the number of positions that a finished block held.
        on_compile: called if the search is compiled first, which takes seconds.

    Raises:
        ValueError: an element is not a position, or a game that somebody has won; before the first search.
    """
    mover, stones = np.ascontiguousarray(mover, np.uint64), np.ascontiguousarray(stones, np.uint64)
    _check(mover, stones, game)
    count = len(mover)
    scores, nodes = np.zeros(count, np.int64), np.zeros(count, np.int64)
    keeps = np.zeros((count, game.columns), np.bool_) if best else None
    threads = min(workers or os.cpu_count() or 1, count)
    if not count:
        return Solutions(scores, nodes, keeps)
    own, stop = threading.local(), threading.Event()
    first = Solver(tt_bits, game, on_compile)  # compiles before the threads want it
    first.stop = stop

    def solve_block(block: slice, solver: Solver | None = None) -> int:
        if solver is None:
            if not hasattr(own, "solver"):
                own.solver = Solver(tt_bits, game)
                own.solver.stop = stop
            solver = own.solver
        positions, searches, parents, columns = _searches(mover[block], stones[block], game, best=best)
        solver.run(positions, searches)
        asked = searches[:, layout.R_KIND] == layout.FRESH
        scores[block], nodes[block] = searches[asked, layout.R_LO], searches[asked, layout.R_NODES]
        if keeps is not None:
            _mark_best(keeps[block], game, mover[block], stones[block])
            kept = searches[~asked, layout.R_LO] == -scores[block][parents]
            keeps[block][parents[kept], columns[kept]] = True
        return len(mover[block])

    size = max(1, min(MOST_IN_A_BLOCK, count // (BLOCKS_A_THREAD * threads)))
    blocks = [slice(start, start + size) for start in range(0, count, size)]
    if threads == 1:
        for block in blocks:
            done = solve_block(block, first)
            if progress:
                progress(done)
        return Solutions(scores, nodes, keeps)
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(solve_block, block) for block in blocks]
        try:
            for finished in as_completed(running):
                done = finished.result()
                if progress:
                    progress(done)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return Solutions(scores, nodes, keeps)


def solve_all(
    positions: Sequence[Position],
    *,
    best: bool = False,
    tt_bits: int = 20,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
    on_compile: Callable[[], object] | None = None,
) -> list[Solution]:
    """Return the solution of each position.

    Args:
        positions: positions of one game, that nobody has won.
        best: find the best moves as well.
        tt_bits: log2 of the entries of each thread's table, 8 bytes each.
        workers: number of threads; by default one per core.
        progress: called in the calling thread with the number of positions that a finished block held.
        on_compile: called if the search is compiled first, which takes seconds.

    Raises ValueError for positions of different games, and for a position that somebody has won.
    """
    games = {position.game for position in positions}
    if len(games) > 1:
        raise ValueError(f"positions of different games: {', '.join(sorted(map(str, games)))}")
    if not positions:
        return []
    game = games.pop()
    mover = np.array([position.mover for position in positions], np.uint64)
    stones = np.array([position.stones for position in positions], np.uint64)
    solved = solve_many(
        mover, stones, game=game, best=best, tt_bits=tt_bits, workers=workers, progress=progress, on_compile=on_compile
    )
    columns: list[tuple[int, ...]] = [()] * len(positions)
    if solved.best is not None:
        columns = [tuple(np.flatnonzero(row).tolist()) for row in solved.best]
    return [Solution(*item) for item in zip(solved.scores.tolist(), columns, solved.nodes.tolist(), strict=True)]


def _check(mover: NDArray[np.uint64], stones: NDArray[np.uint64], game: Game) -> None:
    """Raise ValueError for the first element that is not a position to be solved."""
    if mover.shape != stones.shape or mover.ndim != 1:
        raise ValueError(f"mover has shape {mover.shape} and stones {stones.shape}; expected one dimension, equal")
    bottom, board = np.uint64(game.bottom), np.uint64(game.board)
    floating = (stones & ~bottom) >> np.uint64(1) & ~stones
    right = np.bitwise_count(stones) // 2 == np.bitwise_count(mover)
    bad = (stones & ~board) | floating | (mover & ~stones) | ~right
    if bad.any():
        raise ValueError(f"position {int(np.flatnonzero(bad)[0])}: these stones are not a position of {game}")
    for name, side in (("the opponent", mover ^ stones), ("the player to move", mover)):
        if (won := game.has_line(side)).any():
            at = int(np.flatnonzero(won)[0])
            winner = "XO"[(int(stones[at]).bit_count() + (name != "the player to move")) % 2]
            raise ValueError(f"position {at}: {winner} has already won, nobody is to move")


def _searches(
    mover: NDArray[np.uint64], stones: NDArray[np.uint64], game: Game, *, best: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the searches that solve a block, and for each search of a reply its position's number and its column."""
    count = len(mover)
    parents = columns = np.zeros(0, np.intp)
    landing = game.landing(stones)
    masks = np.array([game.column(column) for column in range(game.columns)], np.uint64)
    if best:
        quiet = game.completing(mover) & landing == 0
        parents, columns = np.nonzero((landing[:, None] & masks != 0) & quiet[:, None])
    before = np.searchsorted(parents, np.arange(count))  # replies that stand before each position
    rows, replies = np.arange(count) + before, np.arange(len(parents)) + parents + 1
    positions = np.zeros((count + len(parents), 2), np.uint64)
    searches = np.zeros((count + len(parents), layout.ROW_WORDS), np.int64)
    positions[rows, 0], positions[rows, 1] = mover, stones
    positions[replies, 0] = mover[parents] ^ stones[parents]
    positions[replies, 1] = stones[parents] | landing[parents] & masks[columns]
    most = game.won_at(0)
    searches[rows, layout.R_LO], searches[rows, layout.R_HI] = -most, most
    searches[rows, layout.R_KIND], searches[replies, layout.R_KIND] = layout.FRESH, layout.REPLY
    return positions, searches, parents, columns


def _mark_best(keeps: NDArray[np.bool_], game: Game, mover: NDArray[np.uint64], stones: NDArray[np.uint64]) -> None:
    """Mark the columns that win at once."""
    wins = game.completing(mover) & game.landing(stones)
    for column in range(game.columns):
        keeps[:, column] = wins & np.uint64(game.column(column)) != 0
