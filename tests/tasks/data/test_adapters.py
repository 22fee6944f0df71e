"""A raw row becomes a doc: options in a fixed order, whole answers written one way, or one sentence of fault."""

import contextlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.tasks.data.adapters import LETTERS, RawRow, gpqa, integer_answer, olympiad
from spot_eval.tasks.data.rows import load_rows
from spot_eval.tasks.data.sources import SOURCES

GPQA = Path(__file__).parents[2] / "data" / "gpqa_made_up.csv"


def test_gpqa_options_are_in_an_order_of_the_question_alone():
    docs = load_rows(SOURCES["gpqa_diamond"], file=GPQA).rows
    assert [doc["choices"][LETTERS.index(doc["answer"])] for doc in docs] == [
        "5",
        "Tuesday",
        "Green",
        "Water, H2O",
        "90 degrees",
        "A cow",
    ]
    assert docs == load_rows(SOURCES["gpqa_diamond"], file=GPQA).rows
    assert [doc["answer"] for doc in docs] == list("DCDADB")  # a change here would make runs incomparable


def test_gpqa_letters_are_spread_evenly():
    def letter(i):
        wrong = {f"Incorrect Answer {j}": f"no {j}" for j in (1, 2, 3)}
        return gpqa(RawRow({"Question": f"Question {i}?", "Correct Answer": "yes", **wrong}, ""))["answer"]

    counts = Counter(letter(i) for i in range(2000))
    assert all(420 < counts[name] < 580 for name in LETTERS)  # 4 standard deviations


@pytest.mark.parametrize(
    ("raw", "answer"),
    [("025", "25"), ("27.0", "27"), (27.0, "27"), (7, "7"), ("-1", "-1"), ("1/2", "1/2"), ("0", "0")],
)
def test_whole_answers_are_written_one_way(raw, answer):
    assert integer_answer(RawRow({"problem": "x", "answer": raw}, ""))["answer"] == answer


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ("2", "2"),
        ("$2$", "2"),
        (["$2$", "3"], "2"),
        ('["$\\\\frac{1}{2}$"]', r"\frac{1}{2}"),
        ("['$2$']", "2"),
        ("$1$,$2$", "$1$,$2$"),
        ("[1, 2]", "[1, 2]"),
        ("[0, 1)", "[0, 1)"),
        (3, "3"),
    ],
)
def test_olympiad_answers_lose_their_list_and_outer_dollars(raw, answer):
    doc = olympiad(RawRow({"question": "x", "answer": raw}, ""))
    assert doc["answer"] == answer
    assert (doc["unit"], doc["error"], doc["is_multiple_answer"]) == (None, None, False)


@given(
    st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()))
)
def test_any_row_gives_a_doc_or_a_user_error(values):
    row = {**dict.fromkeys(["problem", "question", "answer"], "x"), **values}
    for source in SOURCES.values():
        with contextlib.suppress(UserError):
            assert source.adapter(RawRow(row, "row 1"))["id"]
