"""The exact score of a position, of every column, and who wins when.

>>> solver = Solver()
>>> position = Position.from_moves("44556")
>>> solver.solve(position), solver.win_in(position)
(-18, -1)

The score is positive where the player to move wins with best play on both sides, negative where the opponent does, and
0 for a draw. Its size says how soon: half the cells (rounded up) plus one, 22 on 6x7, less the stones the winner will
have played by then. Winning with one's fourth stone is worth 18, with the very last stone of a game 1.

Every number is exact. The search itself is in `connect4.search.kernels`; `connect4.rules.position` reads positions.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import NamedTuple

import numpy as np

from connect4.rules.game import STANDARD, Game
from connect4.rules.position import Position
from connect4.search import kernels
from connect4.search.compiling import on_compile as telling

TABLE_BITS = 22
NODES_A_CALL = 1 << 21  # a fraction of a second between two looks at Ctrl-C


class Solution(NamedTuple):
    """What `solve_all` says of a position."""

    score: int
    best: tuple[int, ...]
    """Columns with the best score, from left to right; empty unless asked for."""
    nodes: int
    """Positions visited for the score, with an empty table before; the same on every machine."""


class Solver:
    """A solver for one game, with a transposition table of 2**tt_bits entries of 8 bytes.

    What one position has filled the table with serves the next; `reset` empties it. The first solver of a game on a
    machine compiles the search, which takes seconds and is kept on disk; `on_compile` is called before that.
    """

    def __init__(
        self, tt_bits: int = TABLE_BITS, game: Game = STANDARD, on_compile: Callable[[], object] | None = None
    ) -> None:
        least = kernels.least_table_bits(game)
        if not least <= tt_bits <= 32:
            raise ValueError(f"tt_bits is {tt_bits}; a table for {game} has between 2**{least} and 2**32 entries")
        self.game = game
        self.node_count = 0
        """Positions visited since it was made or reset."""
        self._advance = kernels.search_for(game)
        self._most = game.won_at(0)
        self._stop: threading.Event | None = None
        self._table = np.zeros(1 << tt_bits, np.uint64)
        self._stack = np.zeros(kernels.stack_words(game), np.uint64)
        self._state = np.zeros(kernels.STATE_WORDS, np.int64)
        self._used = False
        self._prepare(on_compile)

    def reset(self) -> None:
        """Empty the table, and count nodes from 0."""
        if self._used:
            self._table.fill(0)
        self._used = False
        self.node_count = 0

    def solve(self, position: Position) -> int:
        """The exact score. ValueError where the game is won already or another one; a full board is a draw."""
        return self._within(position, -self._most, self._most)

    def analyze(self, position: Position, progress: Callable[[int], object] | None = None) -> list[int | None]:
        """The score of the player to move after each column; None where no stone can be dropped.

        `progress(1)` is called as each of `position.legal_moves()` is done.
        """
        self._refuse(position)
        scores: list[int | None] = [None] * self.game.columns
        for column in position.legal_moves():
            scores[column] = -self._solve_after(position, column)
            if progress:
                progress(1)
        return scores

    def best_moves(self, position: Position, score: int | None = None) -> list[int]:
        """The columns that keep the position's score (which may be given if it is known); none on a full board."""
        if score is None:
            score = self.solve(position)
        else:
            self._refuse(position)
        return [c for c in position.legal_moves() if self._keeps(position, c, score)]

    def win_in(self, position: Position) -> int | None:
        """How many own moves the winner needs: n if the player to move wins, -n if it loses, None for a draw."""
        return distance(position, self.solve(position))

    def _solve_after(self, position: Position, column: int) -> int:
        after = position.play(column)
        return -self.game.won_at(position.ply) if after.winner() else self.solve(after)

    def _keeps(self, position: Position, column: int, score: int) -> bool:
        after = position.play(column)
        if after.winner():
            return True
        return self._within(after, -score, -score + 1) <= -score

    def _refuse(self, position: Position) -> None:
        if position.game != self.game:
            raise ValueError(f"a position of {position.game}, and a solver for {self.game}")
        if winner := position.winner():
            raise ValueError(f"{winner} has already won, nobody is to move")

    def _within(self, position: Position, lo: int, hi: int) -> int:
        """The score if it lies in [lo, hi], else the end it lies beyond."""
        if position.game is not self.game:  # the quick way to see that all is well
            self._refuse(position)
        state = self._state
        state[kernels.LO], state[kernels.HI] = lo, hi
        state[kernels.DEPTH], state[kernels.NODES] = kernels.BEGIN, 0
        own, stones = np.uint64(position.mover), np.uint64(position.stones)
        self._used = True
        before, done = self.node_count, False
        while not done:
            if self._stop and self._stop.is_set():
                raise CancelledError
            done = self._advance(state, self._stack, self._table, own, stones, NODES_A_CALL)
            self.node_count = before + int(state[kernels.NODES])
        if state[kernels.DEPTH] == kernels.OVER:
            self._refuse(position)
        return int(state[kernels.LO])

    def _prepare(self, on_compile: Callable[[], object] | None) -> None:
        """Compile the search, or load it, by an empty interval's search."""
        with telling(on_compile) if on_compile else contextlib.nullcontext():
            self._state[:] = 0, 0, 0, kernels.BEGIN, 0
            self._advance(self._state, self._stack, self._table, np.uint64(0), np.uint64(0), 1)


def distance(position: Position, score: int) -> int | None:
    """What a score means in moves: see `Solver.win_in`."""
    if not score:
        return None
    winners_stones = (position.game.size + 1) // 2 + 1 - abs(score)
    played = position.stones_of(position.player if score > 0 else position.opponent).bit_count()
    return (winners_stones - played) * (1 if score > 0 else -1)


def solve_all(
    positions: Sequence[Position],
    *,
    best: bool = False,
    tt_bits: int = 20,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
    on_compile: Callable[[], object] | None = None,
) -> list[Solution]:
    """Solve positions of one game, one thread a core; each with an empty table, so that node counts mean something.

    `progress(1)` is called, in the calling thread, as each is done. Raises ValueError as `Solver.solve` does, before
    the first search, for a position that cannot be solved.
    """
    games = {position.game for position in positions}
    if len(games) > 1:
        raise ValueError(f"positions of different games: {', '.join(sorted(map(str, games)))}")
    if not positions:
        return []
    game = games.pop()
    for number, position in enumerate(positions):
        if winner := position.winner():
            raise ValueError(f"position {number}: {winner} has already won, nobody is to move")
    Solver(kernels.least_table_bits(game), game, on_compile)  # compiles once, before the threads want it
    own, stop = threading.local(), threading.Event()

    def solution(position: Position) -> Solution:
        if not hasattr(own, "solver"):
            own.solver = Solver(tt_bits, game)
            own.solver._stop = stop
        own.solver.reset()
        score = own.solver.solve(position)
        nodes = own.solver.node_count
        return Solution(score, tuple(own.solver.best_moves(position, score)) if best else (), nodes)

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        running = [pool.submit(solution, position) for position in positions]
        try:
            for _ in as_completed(running):
                if progress:
                    progress(1)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [done.result() for done in running]
