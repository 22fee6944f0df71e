"""Planted harm: its size is exact, a larger one contains every smaller one, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spot_eval.gating.certify.harms import Harm, harms_of, of_unknown_reading
from spot_eval.gating.certify.sides import redrawn_pair
from tests.gating.certify.exams import SIZES, base_run, exam_of

EXAM = exam_of(base_run(missing=0.05))
BASE, CANDIDATE = redrawn_pair(EXAM.tasks, np.random.default_rng(0))
QUARTERS = {task: {f"q{k}": np.arange(k, docs, 4) for k in range(4)} for task, docs in SIZES.items()}
HARMS = {harm.name: harm for harm in harms_of(EXAM.tasks, QUARTERS, {"c": QUARTERS["c"]})}


def planted(harm: Harm, size: float) -> dict[str, np.ndarray]:
    """Which answers were touched, by task."""
    sides, touched = harm.plant(EXAM.tasks, CANDIDATE, size, np.random.default_rng(1))
    assert all(sides[task] is CANDIDATE[task] for task in SIZES if task not in touched)
    return {task: np.isnan(sides[task].texts) for task in touched}


def test_there_is_a_harm_of_every_kind() -> None:
    assert list(HARMS) == [
        "wrong answers", "wrong in a", "wrong in b", "wrong in c", "wrong in one slice", "topics lost", "truncated",
        "format lost", "another language",
    ]  # fmt: skip


@pytest.mark.parametrize("name", HARMS)
def test_a_larger_harm_contains_every_smaller_one(name: str) -> None:
    before: dict[str, np.ndarray] = {}
    for size in HARMS[name].sizes:
        found = planted(HARMS[name], size)
        assert before.keys() <= found.keys()
        assert all((found[task] >= mask).all() for task, mask in before.items())
        before = found


def test_the_share_of_docs_and_of_answers_is_exact() -> None:
    docs = planted(HARMS["wrong answers"], 0.1)
    assert {task: mask.all(axis=1).sum() for task, mask in docs.items()} == {"a": 8, "b": 4, "c": 12}
    assert all((mask.all(axis=1) == mask.any(axis=1)).all() for mask in docs.values()), "whole docs are hit"
    answers = planted(HARMS["truncated"], 0.1)
    assert {task: mask.sum() for task, mask in answers.items()} == {"a": 24, "b": 12, "c": 36}
    assert planted(HARMS["wrong in b"], 1.0).keys() == {"b"}
    (only,) = planted(HARMS["wrong in one slice"], 1.0).items()
    assert any(set(np.flatnonzero(only[1].any(axis=1))) == set(places) for places in QUARTERS[only[0]].values())
    assert planted(HARMS["topics lost"], 2)["c"].any(axis=1).sum() == 60


def test_what_each_harm_does_to_the_records() -> None:
    for name in ("wrong answers", "truncated", "format lost"):
        sides, touched = HARMS[name].plant(EXAM.tasks, CANDIDATE, 0.5, np.random.default_rng(1))
        for task in touched:
            before, after = CANDIDATE[task], sides[task]
            hit = np.isnan(after.texts)
            judged = ~np.isnan(before.scores)
            assert np.array_equal(np.isnan(after.scores), ~judged), "what was not judged stays so"
            assert (after.scores[hit & judged] == 0).all()
            assert np.array_equal(after.scores[~hit & judged], before.scores[~hit & judged])
            assert after.truncated is not None
            assert after.truncated[hit].all() == (name == "truncated")
            assert after.unparsed[hit].all() == (name != "wrong answers")
            assert not after.unparsed[~hit].any()
            assert (after.tokens[hit] == (100 if name == "truncated" else 10)).all()


def test_another_language_is_wrong_only_where_words_are_compared() -> None:
    tasks = {
        **EXAM.tasks,
        "c": replace(EXAM.tasks["c"], grader="ifeval/3"),
        "b": replace(EXAM.tasks["b"], grader="my:own"),
    }
    (switch,) = (harm for harm in harms_of(tasks, {}, {}) if harm.name == "another language")
    assert switch.tasks == ["a", "c"], "what an unknown grader reads is unknown"
    assert of_unknown_reading(tasks) == ["b"]
    sides, touched = switch.plant(tasks, CANDIDATE, 1.0, np.random.default_rng(1))
    assert touched == {"a", "c"}
    assert np.array_equal(sides["a"].scores, CANDIDATE["a"].scores, equal_nan=True)
    assert np.nansum(sides["c"].scores) == 0


def test_log_likelihoods_are_not_truncated_and_lose_no_format() -> None:
    tasks = {name: replace(task, grader="likelihood/1") for name, task in EXAM.tasks.items()}
    assert {harm.name for harm in harms_of(tasks, {}, {})} == {
        "wrong answers",
        "wrong in a",
        "wrong in b",
        "wrong in c",
    }
