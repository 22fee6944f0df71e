"""What guesses score, against the figures measured on the published set and against counting by hand."""

import pytest

from connect4 import Position, generate_boards, guesses, read_set, score_response, truth


@pytest.mark.real
def test_none_none_on_the_published_set_scores_what_was_measured(mirror):
    items = read_set(mirror / "connect4_reference" / "connect4.jsonl")
    scores = guesses(1, [(item.board, item.known) for item in items])["none"]
    assert scores == {"joint": 0.2, "mine": 0.522, "theirs": 0.43}


def test_the_constant_answer_scores_what_the_scorer_gives_it():
    boards = generate_boards(100, seed=2)
    reply = "My winning cells: [none]\nOpponent's winning cells: [none]\nMy move: [(0,0)]"
    scores = [score_response(puzzle.position, reply) for puzzle in boards]
    none = guesses(1, [(puzzle.position, puzzle.truth) for puzzle in boards])["none"]
    assert none["joint"] == sum(score.joint for score in scores) / 100
    assert none["mine"] == pytest.approx(sum(score.parts["mine"] for score in scores) / 100)


def test_the_safe_moves_of_two_boards_by_hand():
    quiet, forced = Position.empty(), Position.from_moves("12121")
    scores = guesses(2, [(board, truth(board, 2)) for board in (quiet, forced)])
    assert scores["none"]["joint"] == 0
    assert scores["every move"]["joint"] == 0.5
    assert scores["commonest"]["joint"] == 0.5
    assert scores["at random"]["joint"] == 0.5**7


def test_a_blind_draw_at_level_1_by_hand():
    quiet, forced = Position.empty(), Position.from_moves("12121")  # one cell for the opponent
    scores = guesses(1, [(board, truth(board, 1)) for board in (quiet, forced)])
    assert scores["at random"] == {"joint": 1 / 64, "mine": 1 / 8, "theirs": 1 / 8}
    assert scores["commonest"] == {"joint": 0.5, "mine": 1, "theirs": 0.5}
