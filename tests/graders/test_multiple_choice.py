"""Which letter a reply settles on."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders import load_grader

GRADER = load_grader("choice")


def read(text):
    verdict = GRADER.judge({"answer": "C"}, text)
    assert verdict.score == float(verdict.extracted == "C")
    assert verdict.unparsed == (verdict.extracted is None)
    return verdict.extracted


@pytest.mark.parametrize(
    "reply",
    [
        "Answer: C",
        "answer: c",
        "**Answer: C**",
        "**Answer:** (C)",
        "Answer: C.",
        "Answer: (c)",
        r"Answer: \boxed{C}",
        r"Answer: $\boxed{\text{C}}$",
        r"Answer: \(\boxed{\textbf{(C)}}\)",
        "### Final Answer: **C**",
        "Answer:\n\nC",
        "Answer: C) the noble gas",
        "Answer: C. A noble gas",
        "Answer: C, a noble gas",
        "Answer: Option C",
        "Answer: A\n\nOn second thoughts it is the third.\n\nAnswer: C",
        "The answer is (A), I said; no.\nAnswer: C\n",
        "<think>Answer: A</think>Answer: C",
        "I had the block open already, Answer: A</think>\nAnswer: C",
        "The answer is (C).",
        "So the correct answer is **C** because A and B are too small.",
        "The correct option is C",
        r"Thus we choose $\boxed{C}$",
        "C",
        "(C)",
        "C) argon",
        "C. It cannot be A or B",
        "I weighed them all.\n\n### Answer\nC",
        "Answer: The answer is C",
        "The answer is A? No, the answer is C",
        "Answer: A. Wait, the correct answer is C",
        "Answer: Ｃ",
        "c",
        "(c).",
        "答案：C",
        "答案是C",
        "I choose C.",
        "A is too small, so I'll go with option (C).",
        "Option C is correct.",
        "C is the correct answer.",
        "B is too small.\nTherefore, (C).",
        "Answer: C CO2",
        "Answer: C\n\nI was to end with the line:\nAnswer: X",
    ],
)
def test_the_letter_is_read(reply):
    assert read(reply) == "C"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Answer: A or C", "two letters"),
        ("Answer: C, D", "two letters"),
        ("Answer: c or d", "two letters"),
        ("Answer: (C) and (D)", "two letters"),
        ("Answer: C/D", "two letters"),
        ("Answer: C D", "two letters"),
        ("Answer: C. Answer: B", "two letters"),
        ("The answer is C or D", "two letters"),
        ("The answer is C\nAnswer: none of them", "no letter"),
        ("Answer: A strong acid", "set its letter apart"),
        ("Answer: A DNA strand", "set its letter apart"),
        ("The answer is A, the answer is B", "two letters"),
        ("Answer: The answer is A. The answer is B", "two letters"),
        ("Option A is correct. Option B is correct.", "two letters"),
        ("Option A is not correct.", "no answer line"),
        ("Neither A nor B is correct.", "no answer line"),
        ("It isn't true that A is correct.", "no answer line"),
        ("Answer: X", "no answer line"),
        ("### Answer\nCarbon", "no answer line"),
        ("Answer: Carbon", "no letter"),
        ("Answer:", "no letter"),
        ("<think>Answer: C", "never ended"),
        ("Cats are nice, and A is the first letter.", "no answer line"),
        ("The answer is not (C).", "no answer line"),
        ("", "no answer line"),
    ],
)
def test_no_letter_can_be_read(reply, why):
    verdict = GRADER.judge({"answer": "C"}, reply)
    assert verdict.unparsed
    assert verdict.score == 0
    assert why in verdict.why


def test_the_last_asked_for_line_counts_even_if_wrong():
    assert GRADER.judge({"answer": "C"}, "Answer: C\nNo.\nAnswer: D").score == 0


def test_the_letter_a_is_told_from_the_article():
    assert read("Answer: A CO2") == "A"
    assert read("Answer: A H2O molecule") == "A"


@given(st.text())
def test_any_text_gets_a_verdict(text):
    assert GRADER.judge({"answer": "C"}, text).score in (0, 1)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.sampled_from("ABCD"))
def test_a_last_line_as_asked_always_decides(before, letter):
    text = before.replace("<think>", "") + f"\nAnswer: {letter}"
    assert GRADER.judge({"answer": letter}, text).score == 1


@pytest.mark.real
def test_lighteval_cases_but_for_other_formats(mirror):
    """lighteval's own unit cases; those that differ ask for formats we do not."""
    path = mirror / "graders" / "lighteval_mcq_letters_open.jsonl"
    differ = {
        "(C) Cecile": "the gold is text in which only a later word is the letter",
        "\nC Cecile": "likewise",
        "不是": "a letter with a Chinese denial right behind it",
    }
    agree = 0
    for row in map(json.loads, path.read_text(encoding="utf-8").strip().split("\n")):
        score = GRADER.judge({"answer": row["gold"][0]}, row["prediction"]).score
        if (score == 1) == row["expected"]:
            agree += 1
        else:
            assert any(mark in row["gold"] + row["prediction"] for mark in differ), row
    assert agree == 5


@pytest.mark.parametrize(
    "piece",
    [
        "answer is ", "Answer: ", r"\boxed{(", "(", " ", "A ", "answer:\n", "**", "the ", "答案是A? ",
        "the answer is A? ",
        "I choose A ", "A is correct ", "I will ", "Answer: X\n", "Answer\n",
    ],
)  # fmt: skip
def test_hostile_repetition_is_read_in_linear_time(piece):
    """Each of these took minutes with a pattern that backtracks over runs."""
    before = time.process_time()
    GRADER.judge({"answer": "C"}, "The answer is" + piece * 50_000 + "x")
    assert time.process_time() - before < 5
