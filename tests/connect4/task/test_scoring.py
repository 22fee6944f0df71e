"""Form is forgiven, content is not. Each weak point of the published scorer (PAPER.md) has a test."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect4 import Board, Game, Result, immediate_wins, parse_response, score_response, truth

# X to move wins in the gap at (0,2); O would win on top of its three in column 0
BOARD = Board.from_rows(["_______", "_______", "O______", "O______", "O______", "XX_X_OX"])
QUIET = Board.from_rows(["_______"] * 6)
RIGHT = "My winning cells: [(0,2)]\nOpponent's winning cells: [(4,0)]\nMy move: [(0,2)]"
WRONG = "My winning cells: [(0,4)]\nOpponent's winning cells: [none]\nMy move: [(0,4)]"


def test_the_board_is_what_these_tests_think():
    assert immediate_wins(BOARD) == ({(0, 2)}, {(4, 0)})
    assert BOARD.player == "X"


FORMS = [
    RIGHT,
    "My winning cells: [(0, 2)]\nOpponent's winning cells: [( 4 , 0 )]\nMy move: [(0, 2)]",
    "**My winning cells:** [(0,2)]\n**Opponent's winning cells:** [(4,0)]\n**My move:** [(0,2)]",
    "My winning cells: **[(0,2)]**\nOpponent's winning cells: **[(4,0)]**\nMy move: **[(0,2)]**",
    "My winning cells:\n[\n  (0,2)\n]\nOpponent's winning cells:\n[\n  (4,0)\n]\nMy move:\n[(0,2)]",
    "My winning cells: {(0,2)}\nOpponent's winning cells: {(4,0)}\nMy move: {(0,2)}",
    "My winning cells: [[0,2]]\nOpponent's winning cells: [[4,0]]\nMy move: [0,2]",
    "My winning cells: (0,2)\nOpponent's winning cells: (4,0)\nMy move: (0,2)",
    "- my winning cell: (0,2).\n- opponent winning cells: (4,0).\n- my move: (0,2).",
    "My winning cells:\n- (0,2)\nOpponent’s winning cells:\n- (4,0)\nMy move: (0,2)",
    "```\nMy winning cells: ['(0,2)']\nOpponent's winning cells: ['(4,0)']\nMy move: ['(0,2)']\n```",
    "My winning cells: $\\{(0,2)\\}$\r\nOpponent's winning cells: $\\{(4,0)\\}$\r\nMy move: $(0,2)$",
    "| Part | Cells |\n|---|---|\n"
    "| My winning cells | [(0,2)] |\n| Opponent's winning cells | [(4,0)] |\n| My move | (0,2) |",
    "| My winning cells: | (0,2) |\n| Opponent's winning cells: | (4,0) |\n| My move: | (0,2) |",
    "My winning cells: [(row 0, col 2)]; Opponent's winning cells: [(row 4, col 0)]; My move: [(r=0, c=2)]",
]


@pytest.mark.parametrize("text", FORMS)
def test_a_perfect_answer_scores_in_every_surface_form(text):
    score = score_response(BOARD, text)
    assert score.answer.errors == ()
    assert (score.joint, *score.parts.values(), score.move_legal) == (1, 1, 1, 1)


@pytest.mark.parametrize("none", ["[none]", "[None]", "none", "[NONE].", "**none**", "(none)", r"[\text{none}]"])
def test_none_is_an_answer_where_there_is_no_cell(none):
    text = f"My winning cells: {none}\nOpponent's winning cells: {none}\nMy move: [(0,3)]"
    score = score_response(QUIET, text)
    assert (score.joint, score.move_legal, score.answer.errors) == (1, 1, ())


@pytest.mark.parametrize("empty", ["[]", "", "[...]", "-", "there is no such cell"])
def test_silence_is_no_answer_even_where_none_is_right(empty):
    text = f"My winning cells: {empty}\nOpponent's winning cells: {empty}\nMy move: [(0,3)]"
    score = score_response(QUIET, text)
    assert (score.joint, *score.parts.values()) == (0, 0, 0)
    assert any("neither cells nor the word none" in error or "breaks off" in error for error in score.answer.errors)


def test_a_reply_without_any_list_scores_nothing():
    score = score_response(QUIET, "I play in the middle.")
    assert (score.joint, *score.parts.values(), score.move_legal) == (0, 0, 0, 0)
    assert len(score.answer.errors) == 3


@pytest.mark.parametrize("between", ["\n\nWait, that is not so.\n\n", "\n</think>\n", "\n"])
def test_the_last_whole_answer_counts(between):
    assert score_response(BOARD, RIGHT + between + WRONG).joint == 0
    assert score_response(BOARD, RIGHT + between + WRONG).parts["mine"] == 0
    assert score_response(BOARD, WRONG + between + RIGHT).joint == 1


def test_an_answer_inside_the_thinking_is_none():
    assert score_response(BOARD, f"<think>{RIGHT}").joint == 0
    assert score_response(BOARD, f"<think>{RIGHT}</think>I am done.").joint == 0
    assert score_response(BOARD, f"<think>{WRONG}</think>{RIGHT}").joint == 1


def test_a_later_mention_of_one_part_does_not_break_the_answer():
    assert score_response(BOARD, RIGHT + "\nMy winning cells: see above.").joint == 1
    without_move = RIGHT.rpartition("\n")[0]
    assert score_response(BOARD, without_move + "\nOpponent's winning cells: see above.").joint == 1


def test_a_last_answer_that_is_malformed_is_not_saved_by_the_draft():
    assert score_response(BOARD, RIGHT + "\n" + WRONG.replace("none", "")).joint == 0


def test_a_later_correction_of_one_part_counts():
    assert score_response(BOARD, RIGHT + "\nActually: My winning cells: [none]").parts["mine"] == 0
    score = score_response(BOARD, RIGHT.replace("(4,0)", "(4,1)") + "\nActually: Opponent's winning cells: [(4,0)]")
    assert (score.joint, score.move_legal) == (1, 1)
    assert score_response(BOARD, RIGHT + "\nNo. My move: [(5,5)]").move_legal == 0
    lines = RIGHT.split("\n")
    assert score_response(BOARD, "\n".join([lines[1], lines[0], lines[1], "My winning cells: none"])).parts["mine"] == 0


def test_a_table_with_a_heading_for_each_part_is_not_read():
    text = "| My winning cells | Opponent's winning cells |\n|---|---|\n| [(0,2)] | [(4,0)] |"
    assert score_response(BOARD, text).answer.errors[0] == "my winning cells: not stated"


def test_any_order_of_the_lines_is_read():
    lines = RIGHT.split("\n")
    assert score_response(BOARD, "\n".join([lines[1], lines[0], lines[2]])).joint == 1
    wrong = WRONG.split("\n")
    twice = [wrong[1], wrong[0], wrong[2], lines[1], lines[0], lines[2]]
    assert score_response(BOARD, "\n".join(twice)).joint == 1


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ("[(0,2), (0,2)]", "listed twice"),
        ("[(0,2), (6,0)]", "outside the board"),
        ("[(0,2), (-1,0)]", "outside the board"),
        ("[(0,7)]", "outside the board"),
        ("[none, (0,2)]", "cells and the word none together"),
        ("[(0,2), none]", "cells and the word none together"),
        ("[none, none]", "twice"),
        ("[(0,2)", "breaks off"),
        ("[(0,2), or maybe (0,4)]", "breaks off"),
        ("[0 2]", "breaks off"),
    ],
)
def test_a_malformed_list_is_an_error_and_wrong(cells, error):
    score = score_response(BOARD, RIGHT.replace("My winning cells: [(0,2)]", f"My winning cells: {cells}"))
    assert (score.joint, *score.parts.values()) == (0, 0, 1)
    assert len(score.answer.errors) == 1
    assert error in score.answer.errors[0]


@pytest.mark.parametrize("cells", ["[(0,2), (0,4)]", "[(0,4)]", "[none]", "[(2,0)]"])
def test_only_the_exact_cells_are_right(cells):
    score = score_response(BOARD, RIGHT.replace("My winning cells: [(0,2)]", f"My winning cells: {cells}"))
    assert (score.joint, *score.parts.values()) == (0, 0, 1)
    assert score.answer.errors == ()


@pytest.mark.parametrize(
    ("move", "legal"),
    [
        ("[(0,2)]", 1),
        ("[(1,1)]", 1),
        ("[(0,0)]", 0),
        ("[(5,5)]", 0),
        ("[none]", 0),
        ("[(0,2), (1,1)]", 0),
        ("", 0),
    ],
)
def test_the_move_is_judged_for_legality_beside_the_score(move, legal):
    score = score_response(BOARD, RIGHT.replace("My move: [(0,2)]", f"My move: {move}"))
    assert (score.joint, score.move_legal) == (1, legal)


def test_prose_after_a_list_is_not_read():
    text = (
        "My winning cells: [(0,2)] since (0,0) and (0,1) are mine\n"
        "Opponent's winning cells: (4,0)\n(5,5) is out of reach\nMy move: (0,2)"
    )
    assert score_response(BOARD, text).joint == 1


cell = st.tuples(st.integers(0, 5), st.integers(0, 6))


@given(st.frozensets(cell), st.frozensets(cell), cell, st.sampled_from([",", ", ", " , ", ",\n", " and "]))
def test_whatever_is_written_as_asked_is_read_back(mine, theirs, move, comma):
    def told(cells):
        return "[" + (comma.join(f"({r}, {c})" for r, c in cells) or "none") + "]"

    text = f"My winning cells: {told(mine)}\nOpponent's winning cells: {told(theirs)}\nMy move: {told([move])}"
    answer = parse_response(text)
    assert (answer.parts, answer.move, answer.errors) == ({"mine": mine, "theirs": theirs}, move, ())


@given(
    st.text()
    | st.lists(st.sampled_from(["My winning cells:", "My move:", "[", "(1,2)", "none", "]", "\n"])).map("".join)
)
def test_no_text_raises(text):
    assert score_response(BOARD, text).joint == 0


@pytest.mark.parametrize("piece", ["(", "(r ", "( ", " ", "[(1,2), ", "My move:", "none ", "9", "(9", "|", "My move|"])
def test_hostile_repetition_is_read_in_linear_time(piece):
    before = time.process_time()
    assert score_response(BOARD, "My winning cells: " + piece * 50_000 + "x").joint == 0
    assert time.process_time() - before < 5


# the other levels: O must stop X in column 0; whether that helps is level 3's question, here answered for the test
FORCED = Board.from_moves("12121")
KNOWN = {2: truth(FORCED, 2), 3: {"result": Result("loss", 4), "best": frozenset({(3, 0)})}}
REPLY = {
    2: "My safe cells: [(3,0)]\nMy move: [(3,0)]",
    3: "Result: [loss in 4]\nMy best cells: [(3,0)]\nMy move: [(3,0)]",
}
SHAPES = [
    lambda text: text,
    lambda text: text.replace("(3,0)", "( 3 , 0 )").replace(": [", ":  [ "),
    lambda text: "**" + text.replace(":", ":**").replace("\n", "\n**"),
    lambda text: text.replace("[", "**[").replace("]", "]**"),
    lambda text: text.replace("[", "\n[\n  ").replace("]", "\n]\n"),
    lambda text: text.replace("[", "{").replace("]", "}"),
    lambda text: text.replace("[", "").replace("]", ""),
    lambda text: text.lower(),
    lambda text: "- " + text.replace("]", "].").replace("\n", "\n- "),
    lambda text: f"```\n{text}\n```",
    lambda text: text.replace("[", "$\\boxed{").replace("]", "}$"),
    lambda text: "| " + text.replace(": ", " | ").replace("\n", " |\n| ") + " |",
    lambda text: f"<think>Result: win in 1\nMy safe cells: none\nMy best cells: none</think>\n\n{text}",
    lambda text: text.replace("\n", "\r\n").replace("(3,0)", "(row 3, col 0)"),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [2, 3])
def test_a_perfect_answer_scores_at_every_level_in_every_surface_form(level, shape):
    score = score_response(FORCED, shape(REPLY[level]), level, KNOWN[level])
    assert score.answer.errors == ()
    assert (score.joint, score.move_legal, score.move_good) == (1, 1, 1)
    assert set(score.parts.values()) == {1}


@pytest.mark.parametrize("level", [2, 3])
def test_a_wrong_end_after_a_right_draft_scores_nothing_at_any_level(level):
    wrong = REPLY[level].replace("(3,0)", "(0,5)").replace("loss in 4", "win in 4")
    score = score_response(FORCED, REPLY[level] + "\n\nNo, wait.\n\n" + wrong, level, KNOWN[level])
    assert (score.joint, set(score.parts.values()), score.move_good) == (0, {0}, 0)
    assert score_response(FORCED, wrong + "\n" + REPLY[level], level, KNOWN[level]).joint == 1
    assert score_response(FORCED, f"<think>{REPLY[level]}", level, KNOWN[level]).joint == 0


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("text", ["", "I play in the middle.", "My safe cells: []\nResult: []\nMy best cells: []"])
def test_silence_scores_nothing_at_any_level(level, text):
    score = score_response(FORCED, text, level, KNOWN[level])
    assert (score.joint, score.answer.empty, score.move_legal) == (0, True, 0)
    assert len(score.answer.errors) == {2: 2, 3: 3}[level]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("win in 4", Result("win", 4)), ("[Win in 4 moves]", Result("win", 4)), ("**loss in 12**.", Result("loss", 12)),
        ("draw", Result("draw")), ("win", None), ("win in four", None), ("win in 4 or 5", None), ("draw in 3", None),
        ("win in 4, or perhaps a draw", None), ("I win in 4", None), ("none", None), ("[]", None),
    ],
)  # fmt: skip
def test_a_result_is_read_strictly(said, read):
    answer = parse_response(f"Result: {said}\nMy best cells: [(3,0)]\nMy move: [(3,0)]", 3)
    assert answer.parts == {"result": read, "best": {(3, 0)}}
    assert bool(answer.errors) == (read is None)


def test_the_chosen_move_is_judged_by_what_no_other_beats():
    assert score_response(BOARD, RIGHT).move_good == 1  # it wins
    assert score_response(BOARD, RIGHT.replace("My move: [(0,2)]", "My move: [(4,0)]")).move_good == 0  # only blocks
    none = "My winning cells: [none]\nOpponent's winning cells: [none]\nMy move: [(0,3)]"
    assert score_response(QUIET, none).move_good is None  # that would take a search


def test_cells_are_judged_by_the_size_of_their_board():
    wide = Board.from_moves("12121", Game(4, 8, 4))
    reply = "My winning cells: [none]\nOpponent's winning cells: [(3,0)]\nMy move: [(0,7)]"
    assert score_response(wide, reply).move_legal == 1
    assert "outside the board" in score_response(FORCED, reply).answer.errors[0]


@given(
    st.text()
    | st.lists(st.sampled_from(["Result:", "My best cells:", "win in 3", "[", "(1,2)", "]", "\n"])).map("".join)
)
def test_no_text_raises_at_any_level(text):
    for level in (2, 3):
        assert score_response(FORCED, text, level, KNOWN[level]).joint == 0


@pytest.mark.parametrize("piece", ["Result: ", "win in 3 ", "*", "[", "win in ", "Result:\n", "My best cells: ("])
def test_hostile_repetition_is_read_in_linear_time_at_level_3(piece):
    before = time.process_time()
    assert score_response(FORCED, "Result: " + piece * 50_000 + "x", 3, KNOWN[3]).joint == 0
    assert time.process_time() - before < 5
