"""Draw connect4_boards.jsonl: legal random playouts, two in three stopped where somebody could win at once.

python examples/make_connect4_boards.py > examples/connect4_boards.jsonl
"""

import json
import random

from connect4 import Board, immediate_wins


def playout(rng: random.Random) -> Board:
    """A game of 4 to 30 random plies, begun again whenever somebody wins on the way."""
    while True:
        board, plies = Board.from_rows(["_______"] * 6), rng.randint(4, 30)
        for _ in range(plies):
            if not (landing := board.landing_cells()):
                break
            board = board.play(rng.choice(landing)[1])
        if board.landing_cells():
            return board


def main() -> None:
    """Print 24 distinct boards, one JSON object a line; every third has nobody winning at once."""
    rng, seen = random.Random(20261123), set()  # noqa: S311
    while len(seen) < 24:
        board = playout(rng)
        mine, theirs = immediate_wins(board)
        if board in seen or bool(mine or theirs) == (len(seen) % 3 == 0):
            continue
        seen.add(board)
        answer = [sorted(map(list, mine)), sorted(map(list, theirs))]
        row = {"id": len(seen) - 1, "state": board.to_state(), "answer": answer, "player": board.player}
        print(json.dumps({**row, "board_top_to_bottom": list(board.cells[::-1])}))


if __name__ == "__main__":
    main()
