"""The oracle is asked for a small edit, and only a whole answer is taken from its reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.pairs.rectify import corrected_text, repair_messages

ROW = {
    "prompt": [{"role": "user", "content": r"What is $\frac{1}{2} + {3}$?"}],
    "rejected": "{answer} is 3",
    "gold": "7/2",
}


def test_the_oracle_sees_question_and_wrong_answer_as_they_are() -> None:
    (message,) = repair_messages(ROW)
    assert message["role"] == "user"
    assert r"$\frac{1}{2} + {3}$" in message["content"]
    assert "{answer} is 3" in message["content"]  # nothing inside an answer is a field of the template
    assert "7/2" not in message["content"]


def test_only_a_hint_tells_the_gold() -> None:
    assert "7/2" in repair_messages(ROW, hint=True)[0]["content"]


def test_direct_does_not_show_the_wrong_answer() -> None:
    content = repair_messages(ROW, direct=True)[0]["content"]
    assert "is 3" not in content
    assert r"\frac{1}{2}" in content


def test_a_template_of_ones_own() -> None:
    (message,) = repair_messages(ROW, template="Q {question} A {answer} {other}")
    assert message["content"] == r"Q What is $\frac{1}{2} + {3}$? A {answer} is 3 {other}"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("<corrected>\nSo 4.\n</corrected>", "So 4."),
        ("thus <corrected>draft</corrected> no: <corrected>final</corrected> done", "final"),
        ("<think><corrected>draft</corrected></think> <corrected>x < y</corrected>", "x < y"),
        ("<think><corrected>draft</corrected> and on", None),
        ("the answer is 4", None),
        ("<corrected>  </corrected>", None),
        ("<corrected>never closed", None),
    ],
)
def test_the_last_whole_block_is_the_answer(reply: str, text: str | None) -> None:
    assert corrected_text(reply) == text


@given(st.text(max_size=200))
def test_any_reply_is_read(reply: str) -> None:
    found = corrected_text(reply)
    assert found is None or found.strip() == found
