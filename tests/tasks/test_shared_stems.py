"""Docs that share a stem are found, templates and short overlaps are not, and declared clusters are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from spot_eval.core.records import Doc
from spot_eval.tasks.loader import load_tasks
from spot_eval.tasks.shared_stems import shared_stem
from spot_eval.tasks.suite import load_suite

PASSAGE = (
    "In the year {0} the miller of {0} bought a wheel of oak from his brother for the price of three goats.\n"
    "The wheel number {0} turned for a whole century until the river changed its bed and left it standing dry."
)
TEMPLATE = (
    "Read the text and answer. Think step by step, and write nothing but the final answer on the last line of it."
)


def docs(texts: list[str], rows: list[dict[str, Any]] | None = None) -> list[Doc]:
    return [
        Doc("qa", at, f"h{at}", [{"role": "user", "content": text}], "", (rows or [{}] * len(texts))[at])
        for at, text in enumerate(texts)
    ]


def asked(passages: int, each: int) -> list[str]:
    return [
        f"{PASSAGE.format(p)}\n\nWhat is the answer to question {q} about text {p}?\n\n{TEMPLATE}"
        for p in range(passages)
        for q in range(each)
    ]


def test_questions_on_one_passage_are_one_group() -> None:
    found = shared_stem(docs(asked(20, 5)))
    assert found is not None
    assert [list(group) for group in found.groups] == [list(range(5 * p, 5 * p + 5)) for p in range(20)]
    assert found.units == pytest.approx(20)
    assert "100 of 100 docs share a text with other docs (docs 0, 1, 2, …: 'In the year 0" in found.sentence
    assert "`cluster_id`. The 100 docs may be worth 20 independent ones" in found.sentence


def test_shuffled_docs_are_found_too() -> None:
    texts = asked(20, 5)
    found = shared_stem(docs([texts[37 * at % 100] for at in range(100)]))
    assert found is not None
    assert sorted(map(len, found.groups)) == [5] * 20


def test_a_template_is_no_stem_and_neither_is_a_short_overlap() -> None:
    assert shared_stem(docs(asked(100, 1))) is None
    assert shared_stem(docs([f"What is {at} plus {at % 7}? Give a number. {TEMPLATE}" for at in range(50)])) is None
    assert shared_stem([]) is None
    assert shared_stem(docs(["", ""])) is None


def test_a_few_pairs_among_many_docs_are_not_worth_a_word() -> None:
    assert shared_stem(docs(asked(98, 1) + asked(1, 1))) is None


def test_declared_clusters_are_left_alone_and_wrong_ones_are_not() -> None:
    texts = asked(20, 5)
    own = [{"cluster_id": at // 5} for at in range(100)]
    assert shared_stem(docs(texts, own)) is None
    assert shared_stem(docs(texts, [{"row": row} for row in own])) is None
    assert shared_stem(docs(texts, [{"cluster_id": at} for at in range(100)])) is not None


@pytest.mark.real
def test_the_benchmarks_raise_no_alarm_but_those_with_subproblems() -> None:
    loaded, _ = load_tasks(load_suite("spot"))
    found = {task.name: stem for task in loaded if (stem := shared_stem(task.docs))}
    assert set(found) <= {"minerva", "olympiadbench"}
    if "minerva" in found:  # "Preamble: …" and "Subproblem 0: …", asked as docs of their own
        assert 150 < found["minerva"].units < 230


def test_the_miniature_raises_no_alarm() -> None:
    loaded, _ = load_tasks(load_suite("miniature"))
    assert [task.name for task in loaded if shared_stem(task.docs)] == []
