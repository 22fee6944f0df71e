"""A legal position on the 6x7 board, read from text, and the cells where either side would win at once.

The text form, one line a row with the top row first, then the move list:

    (5,0):_ (5,1):_ ... (5,6):_
    ...
    (0,0):X (0,1):O ... (0,6):_
    Valid moves for player X: ['(1,0)', '(1,1)', ...]

Plain Python, made to be obviously right: it labels boards and judges replies, it does not search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ROWS, COLUMNS = 6, 7
EMPTY = "_"
Cell = tuple[int, int]

_CELL = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*:\s*(\S)")
_MOVES = re.compile(r"valid moves for player (\w+)\s*:\s*\[([^\]]*)\]", re.IGNORECASE)
_PLAYER = re.compile(r"you are player (\w+)", re.IGNORECASE)
_PAIR = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Board:
    """A position; `cells[row][column]` is "X", "O" or "_", row 0 at the bottom.

    Build one with `from_rows` or `from_state`: they raise ValueError, naming the cell, for what no game can
    reach.
    """

    cells: tuple[str, ...]

    @classmethod
    def from_rows(cls, rows: Sequence[str]) -> Board:
        """The board drawn by six strings of seven symbols, the top row first, as one sees it."""
        if len(rows) != ROWS:
            raise ValueError(f"a board has {ROWS} rows, found {len(rows)}")
        board = cls(tuple(reversed([str(row) for row in rows])))
        for r, row in enumerate(board.cells):
            if len(row) != COLUMNS:
                raise ValueError(f"row {r}: expected {COLUMNS} cells, found {len(row)}")
            for c, symbol in enumerate(row):
                if symbol not in ("X", "O", EMPTY):
                    raise ValueError(f"cell ({r},{c}): unknown symbol {symbol!r}; expected X, O or _")
        board._check()
        return board

    @classmethod
    def from_state(cls, text: str) -> Board:
        """The board a state text shows; its move list and player, where given, must be the true ones."""
        found: dict[Cell, str] = {}
        for row, column, symbol in _CELL.findall(text):
            cell = int(row), int(column)
            if cell[0] >= ROWS or cell[1] >= COLUMNS:
                raise ValueError(f"cell ({row},{column}) is outside the {ROWS}x{COLUMNS} board")
            if cell in found:
                raise ValueError(f"cell ({row},{column}) is given twice")
            found[cell] = symbol
        for r in range(ROWS):
            for c in range(COLUMNS):
                if (r, c) not in found:
                    raise ValueError(f"cell ({r},{c}) is missing from the state text")
        board = cls.from_rows(["".join(found[r, c] for c in range(COLUMNS)) for r in reversed(range(ROWS))])
        listed = _MOVES.search(text)
        for said in (listed, _PLAYER.search(text)):
            if said and said[1].upper() != board.player:
                raise ValueError(f"player {said[1]} is said to move, but by the stones it is {board.player}'s turn")
        if listed:
            moves = [(int(row), int(column)) for row, column in _PAIR.findall(listed[2])]
            odd = set(moves) ^ set(board.landing_cells())
            if odd or len(moves) != len(set(moves)):
                where = min(odd) if odd else next(cell for cell in moves if moves.count(cell) > 1)
                raise ValueError(f"the list of valid moves is wrong at cell ({where[0]},{where[1]})")
        return board

    @property
    def player(self) -> str:
        """Who is to move."""
        stones = "".join(self.cells)
        return "X" if stones.count("X") == stones.count("O") else "O"

    @property
    def opponent(self) -> str:
        """Who is not."""
        return "O" if self.player == "X" else "X"

    def landing_cells(self) -> list[Cell]:
        """The cells a stone can be dropped to, by column; none once the game is over."""
        if self.winner():
            return []
        heights = [sum(row[c] != EMPTY for row in self.cells) for c in range(COLUMNS)]
        return [(height, c) for c, height in enumerate(heights) if height < ROWS]

    def play(self, column: int) -> Board:
        """The board after the player to move drops a stone into `column` (0-based)."""
        landing = {c: r for r, c in self.landing_cells()}
        if column not in landing:
            raise ValueError(f"no stone can be dropped into column {column}")
        row = self.cells[landing[column]]
        changed = list(self.cells)
        changed[landing[column]] = row[:column] + self.player + row[column + 1 :]
        return Board(tuple(changed))

    def makes_four(self, cell: Cell, player: str) -> bool:
        """Whether a stone of `player` in `cell` stands in a line of four or more with its others."""

        def run(dr: int, dc: int) -> int:
            r, c, length = cell[0] + dr, cell[1] + dc, 0
            while 0 <= r < ROWS and 0 <= c < COLUMNS and self.cells[r][c] == player:
                r, c, length = r + dr, c + dc, length + 1
            return length

        return any(1 + run(dr, dc) + run(-dr, -dc) >= 4 for dr, dc in _DIRECTIONS)

    def winner(self) -> str | None:
        """Who has four in a line; None if nobody."""
        for r, row in enumerate(self.cells):
            for c, symbol in enumerate(row):
                if symbol != EMPTY and self.makes_four((r, c), symbol):
                    return symbol
        return None

    def grid(self) -> str:
        """Every cell with its coordinates, the top row first."""
        return "\n".join(
            " ".join(f"({r},{c}):{self.cells[r][c]}" for c in range(COLUMNS)) for r in reversed(range(ROWS))
        )

    def to_state(self) -> str:
        """The text form `from_state` reads."""
        moves = [f"({r},{c})" for r, c in self.landing_cells()]
        return f"{self.grid()}\nValid moves for player {self.player}: {moves}\n"

    def _check(self) -> None:
        for c in range(COLUMNS):
            for r in range(1, ROWS):
                if self.cells[r][c] != EMPTY and self.cells[r - 1][c] == EMPTY:
                    raise ValueError(f"cell ({r},{c}): the stone floats, cell ({r - 1},{c}) below it is empty")
        x, o = (sum(row.count(player) for row in self.cells) for player in "XO")
        if x - o not in (0, 1):
            raise ValueError(f"{x} stones of X and {o} of O: X moves first, so X has as many or one more")
        for r, row in enumerate(self.cells):
            for c, symbol in enumerate(row):
                if symbol != EMPTY and self.makes_four((r, c), symbol):
                    raise ValueError(f"cell ({r},{c}): {symbol} has already won, nobody is to move")


def immediate_wins(board: Board) -> tuple[frozenset[Cell], frozenset[Cell]]:
    """The landing cells where the player to move makes four at once, and those where the opponent would."""
    landing = board.landing_cells()
    mine, theirs = (
        frozenset(cell for cell in landing if board.makes_four(cell, player))
        for player in (board.player, board.opponent)
    )
    return mine, theirs
