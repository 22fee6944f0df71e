"""The prompt asks for the lines that are read, and the true answer in those lines scores full marks."""

import pytest

from connect4 import Game, Position, generate_boards, render, reply, score_response
from connect4.task.answers import Result
from connect4.task.labels import good_moves
from connect4.task.parsing import PARTS


@pytest.mark.parametrize("level", [1, 2])
def test_the_true_answer_in_the_asked_form_scores_full_marks(level):
    for puzzle in generate_boards(40, seed=8, level=level):
        good = good_moves(puzzle.position, level, puzzle.truth) or puzzle.position.landing_cells()
        score = score_response(puzzle.position, reply(level, puzzle.truth, min(good)), level)
        assert (score.joint, score.move_legal, score.answer.errors) == (1, 1, ())
        assert score.move_good in (1, None)


def test_a_reply_of_level_3():
    known = {"result": Result("win", 4), "best": frozenset({(2, 3), (0, 1)})}
    assert reply(3, known, (0, 1)) == "Result: [win in 4]\nMy best cells: [(0,1), (2,3)]\nMy move: [(0,1)]"


@pytest.mark.parametrize("level", [1, 2, 3])
def test_every_part_is_asked_for_by_the_label_it_is_read_by(level):
    text = render(Position.empty(), level)
    assert text.endswith("\nMy move: [(row,column)]")
    assert all(f"\n{label[0].upper()}{label[1:]}: [" in text for label in PARTS[level].values())


def test_the_prompt_speaks_of_the_game_that_is_played():
    text = render(Position.from_moves("12", Game(5, 6, 5)), 1)
    assert "Connect 5, on 5 rows and 6 columns" in text
    assert "would complete five in a line" in text
    assert "0 to 4 from the bottom up, columns 0 to 5" in text
