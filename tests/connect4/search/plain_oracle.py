"""Scores by plain negamax, made to be obviously right: the reference the solver is held to.

It plays every game to its end, on a grid, and shares no code with the bitboards. Usable where about ten cells are
free, or on small boards; it remembers positions, nothing else.
"""

from __future__ import annotations

from connect4.rules.position import EMPTY, Position

Grid = tuple[tuple[str, ...], ...]
"""One tuple a column, stones from the bottom up."""


def oracle_score(position: Position) -> int:
    """The score by the solver's convention, of a game that is not over."""
    game = position.game
    columns = tuple(
        tuple(row[c] for row in position.cells if row[c] != EMPTY) for c in range(game.columns)
    )  # fmt: skip
    return _score(columns, position.player, (game.rows, game.connect), {})


def _score(columns: Grid, player: str, game: tuple[int, int], known: dict[Grid, int]) -> int:
    if columns in known:
        return known[columns]
    rows, connect = game
    other = "O" if player == "X" else "X"
    scores = []
    for c, stones in enumerate(columns):
        if len(stones) == rows:
            continue
        after = (*columns[:c], (*stones, player), *columns[c + 1 :])
        if _wins(after, c, connect):
            played = sum(column.count(player) for column in after)
            scores.append((rows * len(columns) + 1) // 2 + 1 - played)
        else:
            scores.append(-_score(after, other, game, known))
    known[columns] = max(scores, default=0)
    return known[columns]


def _wins(columns: Grid, c: int, connect: int) -> bool:
    """Whether the top stone of column c stands in a line."""
    r = len(columns[c]) - 1
    player = columns[c][r]

    def has(row: int, column: int) -> bool:
        return 0 <= column < len(columns) and 0 <= row < len(columns[column]) and columns[column][row] == player

    for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for first in range(-connect + 1, 1):
            if all(has(r + i * dr, c + i * dc) for i in range(first, first + connect)):
                return True
    return False
