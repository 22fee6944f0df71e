"""Labels by plain looking, and the moves no other beats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect4 import Position, Result, immediate_wins, truth
from connect4.task.answers import from_answer, to_answer
from connect4.task.labels import good_moves, safe_cells
from tests.connect4.rules.test_position import boards


@given(boards)
def test_a_safe_move_leaves_the_opponent_no_win_at_once(board):
    for cell in board.landing_cells():
        after = board.play(cell[1])
        wins = {c for c in after.legal_moves() if after.play(c).winner()}
        assert (cell in safe_cells(board)) == (not wins)


@given(boards, st.sampled_from([1, 2]))
def test_labels_and_the_mirror(board, level):
    last = board.game.columns - 1
    mirrored = {part: {(r, last - c) for r, c in cells} for part, cells in truth(board, level).items()}
    assert truth(board.mirror(), level) == mirrored


@given(boards, st.sampled_from([1, 2]))
def test_an_answer_and_back(board, level):
    known = truth(board, level)
    assert from_answer(level, json.loads(json.dumps(to_answer(level, known)))) == known


def test_an_answer_of_level_3_and_back():
    known = {"result": Result("win", 4), "best": frozenset({(2, 3), (0, 1)})}
    assert to_answer(3, known) == {"result": "win", "in": 4, "best": [[0, 1], [2, 3]]}
    assert from_answer(3, to_answer(3, known)) == known
    assert [str(Result("win", 4)), str(Result("draw"))] == ["win in 4", "draw"]


@pytest.mark.parametrize(
    ("level", "answer"),
    [
        (1, [[0, 3]]), (1, [[[0, 3]]]), (1, None), (1, [[[0, 3], [0, 3]], []]),
        (1, [[[0, 3, 1]], []]), (1, [["03"], []]),
        (2, [[[0, 3]], []]), (2, {}), (2, [[0, 3.0]]), (2, [[0, True]]),
        (3, {"result": "win", "best": []}), (3, {"result": "won", "in": 3, "best": []}),
        (3, {"result": "win", "in": "3", "best": [[0, 3]]}), (3, {"result": "win", "in": 0, "best": [[0, 3]]}), (3, []),
        (3, {"result": "draw", "in": 2, "best": [[0, 3]]}), (3, {"result": "win", "in": 3, "best": []}),
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_named_and_what_is_expected(level, answer):
    with pytest.raises(ValueError, match=f"level {level} expects"):
        from_answer(level, answer)


def brute(board, depth):
    """Does the player to move win (1), lose (-1) within `depth` plies, or neither (0)?"""
    if board.winner():
        return -1
    if depth == 0 or not board.legal_moves():
        return 0
    return max(-brute(board.play(c), depth - 1) for c in board.legal_moves())


@given(boards)
def test_good_moves_at_level_1_are_no_worse_than_any_other_two_plies_on(board):
    good = good_moves(board, 1, truth(board, 1))
    mine, _ = immediate_wins(board)
    if good is None:
        assert not mine
        assert len(safe_cells(board)) > 1
        return
    values = {cell: -brute(board.play(cell[1]), 1) for cell in board.landing_cells()}
    assert good <= set(values)
    for cell, value in values.items():
        if cell in good:
            assert value == max(values.values())
        else:
            assert value < max(values.values())


def test_good_moves_at_the_other_levels_are_those_of_the_label():
    board = Position.from_moves("12121")  # O must stop X in the first column
    assert good_moves(board, 2, truth(board, 2)) == {(3, 0)}
    lost = Position.from_moves("31415")  # X has three in the bottom row, both ends free, and O one move
    assert truth(lost, 2) == {"safe": frozenset()}
    assert good_moves(lost, 2, truth(lost, 2)) == set(lost.landing_cells())
    assert good_moves(board, 3, {"result": Result("draw"), "best": frozenset({(3, 0)})}) == {(3, 0)}
