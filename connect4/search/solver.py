"""Find the exact score of a position and of every column, and who wins when.

>>> solver = Solver()
>>> position = Position.from_moves("44556")
>>> solver.solve(position), solver.win_in(position)
(-18, -1)

The score is positive if the player to move wins with best play on both sides, negative if the opponent does, and 0 for
a draw. Its size says how soon: half the cells (rounded up) plus one, 22 on 6x7, less the stones the winner will
have played by then. Winning with one's fourth stone is worth 18, with the very last stone of a game 1.

Every number is exact. The search itself is in `connect4.search.kernels`; `connect4.rules.position` reads positions.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

import numpy as np
from numpy.typing import NDArray

from connect4.rules.game import STANDARD, Game
from connect4.rules.position import Position
from connect4.search import kernels, layout
from connect4.search.compiling import on_compile as telling
from connect4.search.table import least_table_bits

TABLE_BITS = 22
SMALL_BITS = 14  # 128 KiB: fits the caches next to a core
NODES_A_CALL = 1 << 21  # a fraction of a second between two looks at Ctrl-C


class Solver:
    """A solver for one game, with a transposition table of 2**tt_bits entries of 8 bytes.

    Results in the table are used for later positions; `reset` empties it. The first solver of a game on a machine
    compiles the search, which takes seconds and is kept on disk; `on_compile` is called before that.
    """

    def __init__(
        self, tt_bits: int = TABLE_BITS, game: Game = STANDARD, on_compile: Callable[[], object] | None = None
    ) -> None:
        least = least_table_bits(game)
        if not least <= tt_bits <= 32:
            raise ValueError(f"tt_bits is {tt_bits}; a table for {game} has between 2**{least} and 2**32 entries")
        self.game = game
        self.node_count = 0
        """Positions visited since it was made or reset."""
        self._advance = kernels.search_for(game)
        self._most = game.won_at(0)
        self._state = np.zeros(layout.STATE_WORDS, np.int64)
        self._stack = np.zeros(layout.stack_words(game), np.uint64)
        self._table = np.zeros(1 << tt_bits, np.uint64)
        self._small = np.zeros(1 << max(least, min(SMALL_BITS, tt_bits)), np.uint64)
        self._positions = np.zeros((1, 2), np.uint64)
        self._searches = np.zeros((1, layout.ROW_WORDS), np.int64)
        self._position, self._search = self._positions.reshape(-1).data, self._searches.reshape(-1).data
        self._kind = layout.CARRY
        self._begin()
        self.stop: threading.Event | None = None
        """Ends a search, with CancelledError, once it is set."""
        with telling(on_compile) if on_compile else contextlib.nullcontext():
            self.run(self._positions[:0], self._searches[:0])  # compiles the search, or loads it

    def reset(self) -> None:
        """Empty the table, and count nodes from 0."""
        self._kind = layout.FRESH
        self.node_count = 0

    def solve(self, position: Position) -> int:
        """Return the exact score; a full board is a draw. Raises ValueError for a game that is won, or another one."""
        return self._within(position, -self._most, self._most)

    def analyze(self, position: Position, progress: Callable[[int], object] | None = None) -> list[int | None]:
        """Return the score of the player to move after each column; None for a full column.

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
        """Return the columns that keep the position's score (pass it if you know it); none on a full board."""
        if score is None:
            score = self.solve(position)
        else:
            self._refuse(position)
        return [c for c in position.legal_moves() if self._keeps(position, c, score)]

    def win_in(self, position: Position) -> int | None:
        """Return the winner's own moves until the win: n if the player to move wins, -n if not, None for a draw."""
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
        """Return the score if it lies in [lo, hi], else the nearer end of that interval."""
        if position.game is not self.game:  # the quick way to see that all is well
            self._refuse(position)
        self._position[0], self._position[1] = position.mover, position.stones
        search = self._search
        search[layout.R_LO], search[layout.R_HI], search[layout.R_KIND] = lo, hi, self._kind
        self._kind = layout.CARRY
        self.run(self._positions, self._searches)
        nodes = search[layout.R_NODES]
        if nodes == layout.OVER:
            self._refuse(position)
        self.node_count += nodes
        return search[layout.R_LO]

    def run(self, positions: NDArray[np.uint64], searches: NDArray[np.int64]) -> None:
        """Answer `searches`, rows of `kernels.search_for`, in order; neither checks positions nor counts nodes."""
        try:
            while not self._advance(
                self._state, self._stack, self._small, self._table, positions, searches, NODES_A_CALL
            ):
                if self.stop and self.stop.is_set():
                    raise CancelledError
        except BaseException:  # Ctrl-C, say: the next call begins anew; the table holds bounds that are true anyway
            self._begin()
            raise

    def _begin(self) -> None:
        self._state[layout.AT], self._state[layout.NODES], self._state[layout.DEPTH] = 0, 0, layout.BEGIN


def distance(position: Position, score: int) -> int | None:
    """Convert a score to a number of moves: see `Solver.win_in`."""
    if not score:
        return None
    winners_stones = (position.game.size + 1) // 2 + 1 - abs(score)
    played = position.stones_of(position.player if score > 0 else position.opponent).bit_count()
    return (winners_stones - played) * (1 if score > 0 else -1)
