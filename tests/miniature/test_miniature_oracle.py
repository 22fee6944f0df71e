"""The oracle's corrections, the teacher's answers, the names of mistakes, and the grader that judges them."""

from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders import load_grader
from spot_eval.miniature import FAMILIES, Item, authors, items
from spot_eval.miniature.arithmetic import HABITS, done
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.instructions import STUTTER
from spot_eval.miniature.oracle import REWRITES, correct, edit
from spot_eval.miniature.teacher import solve
from tests.miniature.mistakes import MISTAKES, mistakes

SEEDS = st.integers(0, 10**9)
TASKS = st.sampled_from(list(FAMILIES))
WORKED = st.sampled_from(["mini_arithmetic", "mini_bags", "mini_boards"])
GRADER = load_grader("miniature")
ITEM = Item("mini_arithmetic", "mini_arithmetic", "Work out a: 37 + 8; b: 52 - 6; c: 14 + 29.", "a 45, b 46, c 43")
SAID = "a: well 37 + 8 gives 45. b: so 52 - 6 makes 46, easy. c: well 14 + 29 gives 43. Answer: a 45, b 46, c 43."


def is_right(item, text):
    return GRADER.judge(item.row(), text).score == 1


@given(TASKS, SEEDS, st.sets(st.sampled_from([*HABITS, STUTTER])))
def test_corrections_are_right_all_through(task, seed, habits):
    for item in items(task, "train", seed, 3):
        wrong = authors.write(item, Chance(seed), habits)
        correction = correct(item, wrong)
        assert is_right(item, correction.text)
        assert mistakes(item, correction.text) == () or correction.how == "rewritten"
        assert correction.how in {"edited", "rewritten"}


@given(WORKED, SEEDS, st.sets(st.sampled_from(HABITS), min_size=1))
def test_an_edit_changes_wrong_numbers_and_no_words(task, seed, habits):
    for item in items(task, "train", seed, 3):
        wrong = authors.write(item, Chance(seed), habits)
        right = edit(item, wrong)
        # the same author without the habits draws the same words, so nothing can lie nearer
        assert right == authors.write(item, Chance(seed))


@given(WORKED, SEEDS, st.text(max_size=80))
def test_what_cannot_be_read_is_written_anew(task, seed, text):
    item = items(task, "train", seed, 1)[0]
    correction = correct(item, text)
    assert correction.how in {"unreadable", "rewritten"}
    assert is_right(item, correction.text)


def test_one_item_in_five_is_rewritten():
    asked = items("mini_arithmetic", "train", 0, 1_000)
    share = sum(correct(item, authors.write(item, Chance(0))).how == "rewritten" for item in asked) / 1_000
    assert abs(share - REWRITES) < 0.04


@given(TASKS, SEEDS)
def test_the_teacher_is_right_in_his_own_words(task, seed):
    for item in items(task, "train", seed, 3):
        assert is_right(item, solve(item))
        if item.kind in {"mini_arithmetic", "mini_bags", "mini_boards"}:
            assert solve(item).startswith("Solution. For ")
            assert not authors.steps(solve(item))


def test_mistakes_have_names():
    assert mistakes(ITEM, SAID) == ()
    assert mistakes(ITEM, SAID.replace("45", "35")) == ("carry",)
    assert mistakes(ITEM, SAID.replace("gives 43", "gives 44").replace("c 43.", "c 44.")) == ("slip",)
    assert mistakes(ITEM, SAID.replace("a 45,", "a 54,")) == ("slip",)
    assert mistakes(ITEM, SAID.replace(" b: so 52 - 6 makes 46, easy.", "")) == ("form",)
    assert mistakes(ITEM, "no idea") == ("form",)
    zero = Item("mini_arithmetic", "mini_arithmetic", "Find a: 31 + 9; b: 49 - 6.", "a 40, b 43")
    wrong = "a: so 31 + 9 is 40. b: so 46 - 6 is 40. Answer: a 4, b 40."
    assert mistakes(zero, wrong) == ("misread", "zero")
    assert edit(zero, wrong) == "a: so 31 + 9 is 40. b: so 49 - 6 is 43. Answer: a 40, b 43."
    copy = Item("mini_instructions", "copy", "Copy these words: red red cat.", "red red cat")
    assert mistakes(copy, "red cat") == (STUTTER,)
    assert mistakes(copy, "red red") == ("slip",)
    closing = Item("mini_instructions", "closing", "Find a: 37 + 5. End with moon.", "moon")
    assert mistakes(closing, "a: so 37 + 5 is 42. Answer: a 42.") == ("form",)


@given(WORKED, SEEDS, st.sampled_from(HABITS))
def test_a_habit_is_found_in_what_it_spoils(task, seed, habit):
    for item in items(task, "train", seed, 3):
        spoiled = any(done(one, [habit]).reported != str(one.result) for one in item.sums.values())
        assert mistakes(item, authors.write(item, Chance(seed), [habit])) == ((habit,) if spoiled else ())


@given(TASKS, SEEDS, st.text())
def test_hostile_text_is_judged_and_named(task, seed, text):
    item = items(task, "test", seed, 1)[0]
    verdict = GRADER.judge(item.row(), text)
    assert verdict.score in {0, 1}
    assert verdict.unparsed <= (verdict.extracted is None)
    assert set(mistakes(item, text)) <= set(MISTAKES)


def test_the_last_answer_line_counts_and_thinking_does_not():
    assert is_right(ITEM, SAID)
    assert is_right(ITEM, "Answer: a 1, b 2, c 3. " + SAID)
    assert not is_right(ITEM, SAID + " Answer: a 1, b 2, c 3.")
    assert GRADER.judge(ITEM.row(), f"<think>{SAID}").unparsed
    assert GRADER.judge(ITEM.row(), "a 45, b 46, c 43").unparsed
    assert GRADER.judge(ITEM.row(), "").unparsed
    copy = Item("mini_instructions", "copy", "Copy these words: red cat.", "red cat")
    assert is_right(copy, " red  cat\n")
    assert not is_right(copy, "red cat.")
    assert not is_right(copy, "Red cat")
    assert GRADER.same is not None
    assert GRADER.same("a 45", "a 45")
    assert not GRADER.same("a 45", "a 46")
