"""Walks are what their moves say, whatever batch they come in, and numba's look at a board is the plain one."""

import numpy as np
import pytest

from connect4 import STANDARD, Game, Position, immediate_wins
from connect4.boards.playouts import keys, walks
from connect4.boards.random_stream import Stream
from connect4.task.labels import safe_cells

GAMES = [STANDARD, Game(5, 6, 4), Game(6, 7, 5), Game(4, 4, 3)]


@pytest.mark.parametrize("game", GAMES, ids=str)
@pytest.mark.parametrize("careful", [False, True])
def test_a_walk_is_the_game_its_moves_tell(game, careful):
    low, high = 4, game.size - 3
    batch = walks(game, (3, 1), range(200), low, high, careful=careful)
    ended = 0
    for i in range(200):
        ply = int(batch.plies[i])
        if not ply:
            ended += 1
            continue
        assert low <= ply <= high
        board = Position.from_moves("".join(str(c + 1) for c in batch.moves[i, :ply]), game)
        assert board == Position(int(batch.mover[i]), int(batch.stones[i]), game)
        seen = [frozenset(game.cells_of(int(bits[i]))) for bits in (batch.mine, batch.theirs, batch.safe)]
        assert seen == [*immediate_wins(board), safe_cells(board)]
    assert ended < 100


def test_a_walk_depends_on_its_number_alone():
    whole = walks(STANDARD, (8,), range(100), 7, 36, careful=False)
    part = walks(STANDARD, (8,), range(40, 60), 7, 36, careful=False)
    for all_of_them, some in zip(whole, part, strict=True):
        assert np.array_equal(all_of_them[40:60], some)
    other = walks(STANDARD, (9,), range(100), 7, 36, careful=False)
    assert not np.array_equal(whole.stones, other.stones)


def test_moves_are_drawn_from_the_walk_s_own_stream():
    """The same walks in plain Python: ply first, then a column among those that complete no line."""
    batch = walks(STANDARD, (3, 1), range(50), 4, 39, careful=False)
    for i in range(50):
        stream = Stream(3, 1, i)
        target, board, moves = 4 + stream.below(36), Position.empty(), []
        while len(moves) < target:
            wins = immediate_wins(board)[0]
            columns = [c for r, c in board.landing_cells() if (r, c) not in wins]
            if not columns:
                break
            moves.append(columns[stream.below(len(columns))])
            board = board.play(moves[-1])
        if batch.plies[i]:
            assert batch.moves[i, :target].tolist() == moves
        else:
            assert len(moves) < target


def test_careful_players_do_not_lose_at_once_where_they_can_help_it():
    batch = walks(STANDARD, (5,), range(60), 8, 20, careful=True)
    for i in range(60):
        board = Position.empty()
        for column in batch.moves[i, : batch.plies[i]].tolist():
            safe = safe_cells(board) - immediate_wins(board)[0]
            played = next(cell for cell in board.landing_cells() if cell[1] == column)
            assert played in safe or not safe
            board = board.play(column)


def test_keys_are_those_of_positions():
    batch = walks(STANDARD, (2,), range(100), 7, 36, careful=False)
    found = keys(batch.mover, batch.stones, STANDARD).tolist()
    for key, mover, stones in zip(found, batch.mover.tolist(), batch.stones.tolist(), strict=True):
        assert key == Position(mover, stones).canonical_key()
