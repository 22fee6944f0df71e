"""A position: two bitboards, read from moves or from text, and the rules of the game.

>>> position = Position.from_moves("4453")
>>> print(position)
_______
_______
_______
_______
___O___
__OXX__
>>> position.player, position.ply, position.legal_moves()
('X', 4, [0, 1, 2, 3, 4, 5, 6])

Columns count from 1 in move strings and from 0 everywhere else. The text form, one line per row with the top row
first, then the move list:

    (5,0):_ (5,1):_ ... (5,6):_
    ...
    (0,0):X (0,1):O ... (0,6):_
    Valid moves for player X: ['(1,0)', '(1,1)', ...]

This module knows the rules and does not search; see `connect4.search.solver`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connect4.rules.game import STANDARD, Cell, Game, winning_drops

EMPTY = "_"

_CELL = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*:\s*(\S)")
_MOVES = re.compile(r"valid moves for player (\w+)\s*:\s*\[([^\]]*)\]", re.IGNORECASE)
_PLAYER = re.compile(r"you are player (\w+)", re.IGNORECASE)
_PAIR = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)")


@dataclass(frozen=True, repr=False)
class Position:
    """Stones of the player to move, and all stones, as bits laid out as in `connect4.rules.game`.

    Build one with `empty`, `from_moves`, `from_rows` or `from_state`: the latter three raise ValueError, naming the
    cell or the move, for a board that no game can reach and for a game that is over. `play` may end a game.
    """

    mover: int
    stones: int
    game: Game = STANDARD

    @classmethod
    def empty(cls, game: Game = STANDARD) -> Position:
        """Return the position before the first move."""
        return cls(0, 0, game)

    @classmethod
    def from_moves(cls, moves: str, game: Game = STANDARD) -> Position:
        """Return the position after `moves`, one digit each, columns counted from 1."""
        mover = stones = 0
        try:
            for lowest_cell in map(game.drops.__getitem__, moves):
                mover ^= stones
                stones |= stones + lowest_cell
        except KeyError:
            return cls._replayed(moves, game)
        # a line, or a stone above a full column, stays there until the end, so one look finds any wrong move
        if stones & ~game.board or game.has_line(mover) or game.has_line(mover ^ stones):
            return cls._replayed(moves, game)
        if stones == game.board:
            raise ValueError(f"cell ({game.rows - 1},{game.columns - 1}): the board is full, nobody is to move")
        return cls(mover, stones, game)

    @classmethod
    def _replayed(cls, moves: str, game: Game) -> Position:
        """Play `moves` one at a time and raise ValueError at the first wrong one."""
        position = cls.empty(game)
        for at, symbol in enumerate(moves, 1):
            column = int(symbol) if symbol.isascii() and symbol.isdecimal() else 0
            if not 1 <= column <= game.columns:
                raise ValueError(f"move {at}: {symbol!r} is not a column; expected 1 to {game.columns}")
            if not position.stones + game.bottom & game.column(column - 1):
                raise ValueError(f"move {at}: column {column} is full")
            position = position._drop(column - 1)
            if position.winner():
                raise ValueError(f"move {at}: {position.winner()} has won in column {column}, nobody is to move")
        position._check()
        return position

    @classmethod
    def from_rows(cls, rows: Sequence[str], game: Game = STANDARD) -> Position:
        """Read one string of X, O and _ per row, the top row first."""
        if len(rows) != game.rows:
            raise ValueError(f"a board has {game.rows} rows, found {len(rows)}")
        owners = {"X": 0, "O": 0, EMPTY: 0}
        for r, row in enumerate(reversed(rows)):
            if len(row) != game.columns:
                raise ValueError(f"row {r}: expected {game.columns} cells, found {len(row)}")
            for c, symbol in enumerate(row):
                if symbol not in owners:
                    raise ValueError(f"cell ({r},{c}): unknown symbol {symbol!r}; expected X, O or _")
                owners[symbol] |= game.bit((r, c))
        x, o = owners["X"], owners["O"]
        lead = x.bit_count() - o.bit_count()
        if lead not in (0, 1):
            raise ValueError(
                f"{x.bit_count()} stones of X and {o.bit_count()} of O: X moves first, so X has as many or one more"
            )
        position = cls(o if lead else x, x | o, game)
        position._check()
        return position

    @classmethod
    def from_state(cls, text: str, game: Game = STANDARD) -> Position:
        """Read a state text; if it gives the move list and the player, they must be right."""
        found: dict[Cell, str] = {}
        for row, column, symbol in _CELL.findall(text):
            cell = int(row), int(column)
            if cell[0] >= game.rows or cell[1] >= game.columns:
                raise ValueError(f"cell ({row},{column}) is outside the {game.rows}x{game.columns} board")
            if cell in found:
                raise ValueError(f"cell ({row},{column}) is given twice")
            found[cell] = symbol
        for cell in sorted(game.cells_of(game.board)):
            if cell not in found:
                raise ValueError(f"cell ({cell[0]},{cell[1]}) is missing from the state text")
        rows = ["".join(found[r, c] for c in range(game.columns)) for r in reversed(range(game.rows))]
        position = cls.from_rows(rows, game)
        listed = _MOVES.search(text)
        for said in (listed, _PLAYER.search(text)):
            if said and said[1].upper() != position.player:
                raise ValueError(f"player {said[1]} is said to move, but by the stones it is {position.player}'s turn")
        if listed:
            moves = [(int(row), int(column)) for row, column in _PAIR.findall(listed[2])]
            odd = set(moves) ^ set(position.landing_cells())
            if odd or len(moves) != len(set(moves)):
                where = min(odd) if odd else next(cell for cell in moves if moves.count(cell) > 1)
                raise ValueError(f"the list of valid moves is wrong at cell ({where[0]},{where[1]})")
        return position

    @property
    def ply(self) -> int:
        """Return the number of stones on the board."""
        return self.stones.bit_count()

    @property
    def player(self) -> str:
        """Return the player to move; X begins."""
        return "XO"[self.ply % 2]

    @property
    def opponent(self) -> str:
        """Return the player who is not to move."""
        return "OX"[self.ply % 2]

    def stones_of(self, player: str) -> int:
        """Return the stones of X or of O, as bits."""
        return self.mover if player == self.player else self.mover ^ self.stones

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the board as strings: `cells[row][column]` is "X", "O" or "_"."""
        x, o, game = self.stones_of("X"), self.stones_of("O"), self.game

        def symbol(cell: Cell) -> str:
            bit = game.bit(cell)
            return "X" if x & bit else "O" if o & bit else EMPTY

        return tuple("".join(symbol((r, c)) for c in range(game.columns)) for r in range(game.rows))

    def landing_cells(self) -> list[Cell]:
        """Return the cells a stone can be dropped to, by column; none once the game is over."""
        return [] if self.winner() else list(self.game.cells_of(self.game.landing(self.stones)))

    def legal_moves(self) -> list[int]:
        """Return the columns a stone can be dropped into; none once the game is over."""
        return [column for _, column in self.landing_cells()]

    def play(self, column: int) -> Position:
        """Return the position after a stone dropped into `column`. Raises ValueError if that is not legal."""
        if not 0 <= column < self.game.columns:
            raise ValueError(f"column {column} does not exist; columns are 0 to {self.game.columns - 1}")
        if self.winner():
            raise ValueError(f"no stone can be dropped into column {column}: {self.winner()} has already won")
        if not self.stones + self.game.bottom & self.game.column(column):
            raise ValueError(f"no stone can be dropped into column {column}: it is full")
        return self._drop(column)

    def mirror(self) -> Position:
        """Return the position with the columns from right to left."""
        return Position(self.game.mirrored(self.mover), self.game.mirrored(self.stones), self.game)

    def key(self) -> int:
        """Return a number below 2**64 that no other position of this game has.

        The mover's stones plus all stones: in a column of h stones the sum lies between 2**h - 1 and 2**(h+1) - 2.
        """
        return self.mover + self.stones

    def canonical_key(self) -> int:
        """Return the smaller of its own and its mirror image's `key`: equal for these two, and for no others."""
        return min(self.key(), self.mirror().key())

    def winner(self) -> str | None:
        """Return the player who has a line of `game.connect`; None if nobody has."""
        for player in (self.opponent, self.player):
            stones = self.stones_of(player)
            if self.game.has_line(stones):
                return player
        return None

    def grid(self) -> str:
        """Return every cell with its coordinates, the top row first."""
        lines = (" ".join(f"({r},{c}):{symbol}" for c, symbol in enumerate(row)) for r, row in enumerate(self.cells))
        return "\n".join(reversed(list(lines)))

    def to_state(self) -> str:
        """Return the text form that `from_state` reads."""
        moves = [f"({r},{c})" for r, c in self.landing_cells()]
        return f"{self.grid()}\nValid moves for player {self.player}: {moves}\n"

    def __str__(self) -> str:
        return "\n".join(reversed(self.cells))

    def __repr__(self) -> str:
        size = "" if self.game == STANDARD else f", {self.game!r}"
        return f"Position.from_rows({list(reversed(self.cells))}{size})"

    def _drop(self, column: int) -> Position:
        stone = self.stones + self.game.bottom & self.game.column(column)
        return Position(self.mover ^ self.stones, self.stones | stone, self.game)

    def _check(self) -> None:
        game = self.game
        for r, c in game.cells_of((self.stones & ~game.bottom) >> 1 & ~self.stones):
            raise ValueError(f"cell ({r + 1},{c}): the stone floats, cell ({r},{c}) below it is empty")
        if winner := self.winner():
            stones = self.stones_of(winner)
            r, c = min(game.cells_of(game.completing(stones) & stones))
            raise ValueError(f"cell ({r},{c}): {winner} has already won, nobody is to move")
        if self.stones == game.board:
            raise ValueError(f"cell ({game.rows - 1},{game.columns - 1}): the board is full, nobody is to move")


def read_position(text: str, game: Game = STANDARD) -> Position:
    """Read a position as people write it: moves, a state text, or rows of X, O and _ from the top (by / or line).

    Raises ValueError as the constructors of `Position` do.
    """
    text = text.strip()
    if "(" in text:
        return Position.from_state(text, game)
    if set("XO_/\n") & set(text):
        return Position.from_rows([row.strip() for row in re.split(r"[/\n]", text)], game)
    return Position.from_moves(text, game)


def immediate_wins(position: Position) -> tuple[frozenset[Cell], frozenset[Cell]]:
    """Return the landing cells that win at once for the player to move, and those that would for the opponent."""
    if position.winner():
        return frozenset(), frozenset()
    mine, theirs = winning_drops(position.mover, position.stones, position.game)
    return frozenset(position.game.cells_of(mine)), frozenset(position.game.cells_of(theirs))
