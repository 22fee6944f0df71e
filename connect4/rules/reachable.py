"""Find a game that leads to a board, or prove that none does: stones in the right numbers are not enough.

    a_game(Position.from_rows(["_______"] * 4 + ["XXXXXXX", "OOOOOOO"]))  # None: X began, and could not have

Takes stones off the tops of columns in turns, the last move first; what the heights left are decides what lies there.
"""

from __future__ import annotations

from connect4.rules.position import Position


def a_game(board: Position) -> str | None:
    """Return the columns, counted from 1, of a game that ends in `board`; None if there is none.

    Any part of a board without a winning line has none either, so only the turns matter. Visits each way of having
    filled the columns at most once: some milliseconds for what a real game left, at worst a few seconds.
    """
    columns = ["".join(row[c] for row in board.cells).rstrip("_") for c in range(board.game.columns)]
    dead: set[tuple[int, ...]] = set()
    heights = [len(column) for column in columns]
    last = board.opponent
    game: list[int] = []
    trying = [0]
    while trying:
        if len(game) == board.ply:
            return "".join(str(column + 1) for column in reversed(game))
        column = trying.pop()
        turn = last if len(game) % 2 == 0 else board.player
        while column < len(columns) and not (heights[column] and columns[column][heights[column] - 1] == turn):
            column += 1
        if column == len(columns):
            dead.add(tuple(heights))
            if game:
                heights[game.pop()] += 1
            continue
        trying.append(column + 1)
        heights[column] -= 1
        if tuple(heights) in dead:
            heights[column] += 1
            continue
        game.append(column)
        trying.append(0)
    return None
