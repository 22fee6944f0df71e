"""Elicitation takes what was judged wrong, nothing else, and accounts for every attempt."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from trainer.pairs.elicit import Attempt, elicit

WRONG = Attempt(
    id="t/0/0", doc="t/0", prompt=[{"role": "user", "content": "2 + 2?"}], text="5", gold="4", score=0.0,
    truncated=False, source="run", meta={"grader": "maths", "row": {"answer": "4"}},
)  # fmt: skip
RIGHT = replace(WRONG, id="t/0/1", text="4", score=1.0)


def test_wrong_answers_become_rejected_ones_with_all_a_verifier_needs() -> None:
    (row,) = elicit([WRONG, RIGHT])
    assert (row["id"], row["rejected"], row["chosen"], row["gold"]) == ("t/0/0", "5", None, "4")
    assert row["prompt"] == [{"role": "user", "content": "2 + 2?"}]
    assert row["meta"] == {"grader": "maths", "row": {"answer": "4"}}


def test_right_answers_are_rfts_data() -> None:
    (row,) = elicit([WRONG, RIGHT], "right")
    assert (row["chosen"], row["rejected"]) == ("4", None)


def test_what_was_not_judged_or_has_no_end_is_neither() -> None:
    attempts = [replace(WRONG, score=None), replace(WRONG, truncated=True, text="6"), replace(WRONG, text="  ")]
    counts = Counter[str]()
    assert list(elicit(attempts, counts=counts)) == []
    assert counts == {"not judged": 1, "truncated": 1, "empty": 1}
    assert len(list(elicit(attempts, keep_truncated=True))) == 1


def test_equal_answers_count_once_and_a_doc_has_its_share() -> None:
    answers = [replace(WRONG, id=f"t/0/{n}", text=text) for n, text in enumerate(["5", "5", "6", "7"])]
    counts = Counter[str]()
    assert [row["rejected"] for row in elicit(answers, per_doc=2, counts=counts)] == ["5", "6"]
    assert counts == {"taken": 2, "the same answer again": 1, "more than 2 of its doc": 1}


ATTEMPTS = st.lists(
    st.builds(
        replace, st.just(WRONG), text=st.sampled_from("abc "),
        score=st.sampled_from([None, 0.0, 0.5, 1.0]),
        truncated=st.booleans(), doc=st.sampled_from(["x", "y"]),
    )
)  # fmt: skip


@given(ATTEMPTS)
def test_every_attempt_is_accounted_for(attempts: list[Attempt]) -> None:
    counts = Counter[str]()
    rows = list(elicit(attempts, per_doc=2, counts=counts))
    assert sum(counts.values()) == len(attempts)
    assert counts["taken"] == len(rows)
