"""The game: the size of the board, the length of a winning line, and the layout of the cells in 64 bits.

Column c has `rows` + 1 bits, its lowest cell first. The spare bit on top stays empty on every board, so that a
shifted line never runs over into the next column:

     6 13 20 27 34 41 48   spare
     5 12 19 26 33 40 47   row 5
     4 11 18 25 32 39 46
     3 10 17 24 31 38 45
     2  9 16 23 30 37 44
     1  8 15 22 29 36 43
     0  7 14 21 28 35 42   row 0

Everything here works on Python ints and, element by element, on numpy arrays of uint64.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Cell = tuple[int, int]
"""(row, column), row 0 at the bottom."""

Bits = TypeVar("Bits", int, NDArray[np.uint64])
MAX_BITS = 64


@dataclass(frozen=True)
class Game:
    """Rows, columns and the length of a winning line. Raises ValueError if nobody could win, or 64 bits are too few."""

    rows: int = 6
    columns: int = 7
    connect: int = 4

    def __post_init__(self) -> None:
        rows, columns, connect = self.rows, self.columns, self.connect
        if connect < 3:
            raise ValueError(f"a line of {connect} is too short; connect 3 or more")
        if min(rows, columns) < 2 or connect > max(rows, columns):
            raise ValueError(f"nobody can connect {connect} on {rows} rows and {columns} columns")
        if columns > 9:
            raise ValueError(f"{columns} columns are too many: a move is written with one digit, so 9 at most")
        if columns * (rows + 1) > MAX_BITS:
            raise ValueError(
                f"{rows} rows and {columns} columns are too many: columns x (rows + 1) may be {MAX_BITS} at most"
            )

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}, connect {self.connect}"

    @property
    def size(self) -> int:
        """Return the number of cells."""
        return self.rows * self.columns

    @property
    def height(self) -> int:
        """Return the number of bits per column."""
        return self.rows + 1

    def won_at(self, ply: int) -> int:
        """Return the winner's score in a game won by the stone that follows `ply` others.

        Half the cells (rounded up) plus one, less the winner's stones: 1 for the last stone of all, 18 on 6x7 for
        one's fourth.
        """
        return (self.size + 1) // 2 - ply // 2

    @cached_property
    def bottom(self) -> int:
        """Return the lowest cell of every column."""
        return sum(1 << c * self.height for c in range(self.columns))

    @cached_property
    def board(self) -> int:
        """Return all cells."""
        return self.bottom * ((1 << self.rows) - 1)

    def column(self, c: int) -> int:
        """Return the cells of one column."""
        return ((1 << self.rows) - 1) << c * self.height

    @cached_property
    def drops(self) -> Mapping[str, int]:
        """Return the lowest cell of each column, by its digit in move strings."""
        return {str(c + 1): 1 << c * self.height for c in range(self.columns)}

    @cached_property
    def line_shifts(self) -> tuple[tuple[int, ...], ...]:
        """Return, for each direction, the shifts that keep only the starts of lines when stones are ANDed with them."""
        directions = []
        for step in (1, self.height - 1, self.height, self.height + 1):
            shifts, length = [], 1  # after each shift, runs of `length` stones are left
            while length < self.connect:
                further = min(length, self.connect - length)
                shifts.append(further * step)
                length += further
            directions.append(tuple(shifts))
        return tuple(directions)

    def bit(self, cell: Cell) -> int:
        """Return the bit of one cell."""
        return 1 << cell[1] * self.height + cell[0]

    def cells_of(self, bits: int) -> Iterator[Cell]:
        """Yield the cells whose bits are set, by column, then by row."""
        while bits:
            column, row = divmod((bits & -bits).bit_length() - 1, self.height)
            yield row, column
            bits &= bits - 1

    def landing(self, stones: Bits) -> Bits:
        """Return the cells a stone can drop to; `stones` are those of both players."""
        cells: Any = (stones + self.bottom) & self.board
        return cells

    def mirrored(self, bits: Bits) -> Bits:
        """Return the same cells with the columns from right to left."""
        column = (1 << self.height) - 1
        out: Any = bits & 0
        for c in range(self.columns):
            out = out | (bits >> c * self.height & column) << (self.columns - 1 - c) * self.height
        return out

    def completing(self, stones: Bits) -> Bits:
        """Return the cells, empty or not, that complete a line of `connect` with stones from `stones`."""
        found: Any = stones & 0
        for step in (1, self.height - 1, self.height, self.height + 1):
            before, after = [], []  # at [i], cells with i + 1 stones one after the other next to them on that side
            down, up = stones << step, stones >> step
            for i in range(1, self.connect):
                before.append(down)
                after.append(up)
                down, up = down & stones << step * (i + 1), up & stones >> step * (i + 1)
            found = found | before[-1] | after[-1]
            for i in range(self.connect - 2):
                found = found | before[i] & after[self.connect - 3 - i]
        return found & self.board

    def has_line(self, stones: Bits) -> Any:
        """Return True, for an array element by element, if `stones` hold a line of `connect`."""
        found: Any = 0
        for shifts in self.line_shifts:
            starts: Any = stones
            for shift in shifts:
                starts = starts & starts >> shift
            found = found | starts
        return found != 0


STANDARD = Game()
ROWS, COLUMNS = STANDARD.rows, STANDARD.columns


def winning_drops(mover: Bits, stones: Bits, game: Game = STANDARD) -> tuple[Bits, Bits]:
    """Return the landing cells that win at once for the player to move, and those that would for the opponent, as bits.

    `mover`: stones of the player to move; `stones`: all stones. Ints, or uint64 arrays of one shape for a batch.
    """
    landing = game.landing(stones)
    return game.completing(mover) & landing, game.completing(mover ^ stones) & landing
