"""The Connect4 grader hands the board to the package and reports every part."""

import pytest

from connect4 import Board
from spot_eval.graders import load_grader

GRADER = load_grader("connect4")
DOC = {"state": Board.from_rows(["_______"] * 4 + ["OO_____", "XXX_O__"]).to_state()}
RIGHT = "My winning cells: [(0,3)]\nOpponent's winning cells: [none]\nMy move: [(0,3)]"


def test_a_right_reply_scores_in_every_part():
    verdict = GRADER.judge(DOC, RIGHT)
    assert verdict.score == 1
    assert verdict.metrics == {"mine": 1, "theirs": 1, "move_legal": 1, "move_good": 1, "format_ok": 1}
    assert not verdict.unparsed


def test_a_half_right_reply_is_wrong_jointly_and_right_in_part():
    verdict = GRADER.judge(DOC, RIGHT.replace("none", "(1,2)"))
    assert verdict.score == 0
    assert (verdict.metrics["mine"], verdict.metrics["theirs"]) == (1, 0)


def test_a_missing_move_costs_no_joint_score_and_is_reported():
    verdict = GRADER.judge(DOC, RIGHT.replace("My move: [(0,3)]", ""))
    assert verdict.score == 1
    assert (verdict.metrics["move_legal"], verdict.metrics["format_ok"]) == (0, 0)
    assert verdict.why == "my move: not stated"


@pytest.mark.parametrize("text", ["", "I do not know.", "<think>" + RIGHT])
def test_no_list_at_all_is_unparsed(text):
    verdict = GRADER.judge(DOC, text)
    assert verdict.score == 0
    assert verdict.unparsed


def test_a_vote_ignores_order_and_move():
    two = ("My winning cells: {}\nOpponent's winning cells: none\nMy move: {}").format
    a = GRADER.judge(DOC, two("[(0,3), (1,2)]", "(0,3)")).extracted
    b = GRADER.judge(DOC, two("[(1, 2), (0, 3)]", "(1,0)")).extracted
    assert GRADER.same(a, b)
    assert not GRADER.same(a, GRADER.judge(DOC, RIGHT).extracted)


def test_a_doc_of_another_level_is_judged_by_its_own_parts():
    board = Board.from_moves("112233")
    doc = {
        "state": board.to_state(), "level": 3, "rows": 6, "columns": 7, "connect": 4,
        "answer": {"result": "win", "in": 1, "best": [[0, 3]]},
    }  # fmt: skip
    verdict = GRADER.judge(doc, "Result: [win in 1]\nMy best cells: [(0,3)]\nMy move: [(0,4)]")
    assert verdict.score == 1
    assert verdict.metrics == {"result": 1, "best": 1, "move_legal": 1, "move_good": 0, "format_ok": 1}
    assert verdict.extracted == "result win in 1; best [(0, 3)]"
    safe = GRADER.judge({**doc, "level": 2, "answer": None}, "My safe cells: none\nMy move: (0,3)")
    assert (safe.score, safe.metrics["safe"], safe.metrics["move_good"]) == (0, 0, 1)


def test_a_move_that_would_take_a_search_is_not_judged():
    doc = {"state": Board.from_moves("44").to_state()}
    verdict = GRADER.judge(doc, "My winning cells: none\nOpponent's winning cells: none\nMy move: (2,3)")
    assert (verdict.score, verdict.metrics["move_legal"], verdict.metrics["move_good"]) == (1, 1, None)
