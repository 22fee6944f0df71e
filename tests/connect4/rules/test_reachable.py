"""A board a game left is reached again; one that none could leave is found out."""

import pytest
from hypothesis import given

from connect4 import Position, read_set
from connect4.rules.reachable import a_game
from tests.connect4.rules.test_position import boards


@given(boards)
def test_every_board_of_a_game_is_reached(board):
    moves = a_game(board)
    assert moves is not None
    assert Position.from_moves(moves) == board


@pytest.mark.parametrize(
    "rows",
    [
        ["_______"] * 4 + ["XXX_XXX", "OOO_OOO"],  # no column for X to begin in
        ["_______"] * 3 + ["X______", "X______", "OO_____"],  # O's second stone lies under nothing of X's turn
        ["_______"] * 2 + ["O______", "X______", "X______", "O______"],
    ],
)
def test_stones_in_right_numbers_that_no_game_leaves(rows):
    board = Position.from_rows(rows)
    assert a_game(board) is None


@pytest.mark.real
def test_every_published_board_is_reached(mirror):
    for item in read_set(mirror / "connect4_reference" / "connect4.jsonl"):
        assert Position.from_moves(a_game(item.board)) == item.board
