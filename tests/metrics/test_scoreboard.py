"""The scoreboard of hand-worked samples."""

from __future__ import annotations

import math
from typing import Any

import pytest

from spot_eval.core.records import Sample
from spot_eval.metrics.scoreboard import scoreboard, task_scores

SUITE: dict[str, Any] = {
    "name": "s",
    "version": 1,
    "families": {"in_domain": ["a", "b"], "general": ["c"]},
    "tasks": {"a": {"family": "in_domain"}, "b": {"family": "in_domain"}, "c": {"family": "general"}},
}


def sample(task: str, doc: int, repeat: int, score: float | None, **changes: Any) -> Sample:
    fields: dict[str, Any] = {
        "key": f"{task}{doc}{repeat}", "task": task, "doc_id": doc, "doc_hash": f"{task}{doc}", "repeat": repeat,
        "score": score, "extracted": "x", "why": "", "truncated": False, "unparsed": False,
        "not_judged": score is None, "prompt_tokens": 5, "output_tokens": 10,
    }  # fmt: skip
    return Sample(**{**fields, **changes})


def two_docs(task: str) -> list[Sample]:
    """Doc 0: right, right, wrong, wrong. Doc 1: one right, three wrong, of which one truncated, one unparsed."""
    groups = [0, 0, 1, 2]
    scores = [1.0, 1.0, 0.0, 0.0]
    first = [sample(task, 0, r, scores[r], answer_group=groups[r]) for r in range(4)]
    second = [
        sample(task, 1, 0, 1.0, answer_group=0),
        sample(task, 1, 1, 0.0, answer_group=1, truncated=True),
        sample(task, 1, 2, 0.0, answer_group=1),
        sample(task, 1, 3, 0.0, answer_group=None, extracted=None, unparsed=True),
    ]
    return first + second


def test_a_task() -> None:
    task = scoreboard(two_docs("a"), suite=SUITE)["tasks"]["a"]
    assert task["mean"] == pytest.approx(0.375)  # docs score 0.5 and 0.25
    assert task["stderr"] == pytest.approx(0.125)
    assert (task["docs"], task["repeats"], task["samples"]) == (2, 4, 8)
    assert task["pass_at_k"]["1"] == pytest.approx(0.375)
    assert task["pass_at_k"]["2"] == pytest.approx((5 / 6 + 3 / 6) / 2)
    assert task["pass_at_k"]["4"] == 1.0
    assert task["maj_at_k"]["4"] == pytest.approx(0.5)  # doc 0 votes right, doc 1 wrong
    assert (task["truncated"], task["unparsed"], task["not_judged"]) == (1 / 8, 1 / 8, 0)
    assert task["output_tokens"] == 10


def test_not_judged_is_outside_the_mean_and_counted() -> None:
    samples = [
        sample("a", 0, 0, 1.0),
        sample("a", 0, 1, None),
        sample("a", 1, 0, None),
        sample("a", 1, 1, None),
    ]
    task = scoreboard(samples, suite=SUITE)["tasks"]["a"]
    assert task["mean"] == 1.0
    assert (task["docs"], task["docs_judged"], task["not_judged"]) == (2, 1, 0.75)
    assert task["pass_at_k"] == {"1": None, "2": None}  # no doc has both its samples judged


def test_pass_at_k_never_falls_with_k() -> None:
    samples = [sample("a", 0, 0, 1.0), sample("a", 0, 1, 0.0), sample("a", 1, 0, 1.0), sample("a", 1, 1, None)]
    assert scoreboard(samples, suite=SUITE)["tasks"]["a"]["pass_at_k"] == {"1": 0.5, "2": 1.0}


def test_a_doc_nobody_judged_is_no_lost_vote() -> None:
    samples = [sample("a", 0, r, 1.0, answer_group=0) for r in range(2)] + [sample("a", 1, r, None) for r in range(2)]
    assert scoreboard(samples, suite=SUITE)["tasks"]["a"]["maj_at_k"] == {"2": 1.0}


def test_a_narrowed_run_has_no_family_mean() -> None:
    narrowed = {**SUITE, "tasks": {"a": {"family": "in_domain"}}}
    board = scoreboard([sample("a", doc, 0, 1.0) for doc in range(2)], suite=narrowed)
    assert board["families"]["in_domain"]["missing"] == ["b"]
    assert board["overall"]["mean"] is None


def test_nothing_judged_is_no_score_rather_than_zero() -> None:
    board = scoreboard([sample("c", 0, 0, None)], suite=SUITE)
    assert board["tasks"]["c"]["mean"] is None
    assert board["families"]["general"] == {
        "mean": None, "stderr": None, "tasks": 1, "partial": True, "missing": ["c"],
    }  # fmt: skip


def test_families_and_overall_weigh_tasks_alike_and_are_partial_without_one() -> None:
    samples = [sample("a", d, 0, float(d == 0)) for d in range(4)]
    samples += [sample("b", d, 0, 1.0) for d in range(2)] + [sample("c", d, 0, 0.0) for d in range(2)]
    board = scoreboard(samples, suite=SUITE)
    assert board["families"]["in_domain"]["mean"] == pytest.approx(0.625)
    unseen = (1 - math.sqrt(0.05)) / 1.6449  # both docs of b are right: the share that need not be, in standard errors
    assert board["families"]["in_domain"]["stderr"] == pytest.approx(math.hypot(0.25, unseen) / 2, rel=1e-4)
    assert board["overall"]["mean"] == pytest.approx(1.25 / 3)

    board = scoreboard([one for one in samples if one.task != "b"], suite=SUITE, left_out={"b": "gated"})
    assert board["families"]["in_domain"]["missing"] == ["b"]
    assert board["families"]["in_domain"]["mean"] is None
    assert board["families"]["general"]["mean"] == 0
    assert board["overall"]["partial"] is True
    assert board["left_out"] == {"b": "gated"}


def test_docs_that_all_score_the_same_have_exact_bounds_instead_of_an_error_of_0() -> None:
    samples = [sample("a", d, 0, 1.0) for d in range(30)] + [sample("b", d, 0, 1.0) for d in range(90)]
    board = scoreboard([*samples, *(sample("c", d, 0, 0.0) for d in range(40))], suite=SUITE)
    tasks = board["tasks"]
    assert [tasks[name]["stderr"] for name in "abc"] == [None] * 3
    assert tasks["a"]["bounds"] == pytest.approx([0.05 ** (1 / 30), 1])
    assert tasks["c"]["bounds"] == pytest.approx([0, 1 - 0.05 ** (1 / 40)])
    below = math.hypot(*(1 - tasks[name]["bounds"][0] for name in "ab")) / 2
    assert board["families"]["in_domain"]["bounds"] == pytest.approx([1 - below, 1])
    assert board["families"]["in_domain"]["stderr"] is None
    low, high = board["overall"]["bounds"]
    assert 0 < low < board["overall"]["mean"] < high < 1


def test_clusters_that_are_all_right_count_as_units() -> None:
    whole = task_scores([sample("a", d, 0, 1.0) for d in range(40)], {f"a{d}": f"c{d // 4}" for d in range(40)})
    assert whole["bounds"][0] == pytest.approx(0.05 ** (1 / 10))


def test_further_metrics_are_averaged_like_the_headline() -> None:
    samples = [
        sample("a", 0, 0, 1.0, metrics={"paper": 1.0}),
        sample("a", 0, 1, 0.0, metrics={"paper": 1.0}),
        sample("a", 1, 0, 0.0, metrics={"paper": None}),
        sample("a", 1, 1, 0.0, metrics={"paper": 0.0}),
    ]
    assert scoreboard(samples, suite=SUITE)["tasks"]["a"]["metrics"]["paper"] == {"mean": 0.5, "stderr": 0.5}


def test_a_metric_over_instructions_weighs_docs_by_their_number() -> None:
    samples = [
        sample("a", 0, 0, 1.0, metrics={"inst": 1.0}, weights={"inst": 1.0}),
        sample("a", 1, 0, 0.0, metrics={"inst": 1 / 3}, weights={"inst": 3.0}),
    ]
    assert scoreboard(samples, suite=SUITE)["tasks"]["a"]["metrics"]["inst"]["mean"] == pytest.approx(0.5)


def test_cost_adds_up_over_sessions() -> None:
    sessions = [{"seconds": 2.0, "generations": 3, "output_tokens": 50}] * 2
    cost = scoreboard([], suite=SUITE, sessions=sessions)["cost"]
    assert cost == {
        "wall_time_s": 4.0, "generations": 6, "output_tokens": 100, "tokens_per_s": 25.0, "sessions": 2,
    }  # fmt: skip


def test_docs_that_share_a_source_are_one_unit_of_the_error() -> None:
    # clusters score (0, 0), (1, 1), and docs 4 and 5 stand alone with 1 and 0: residuals sum to -1, 1, 0.5, -0.5
    samples = [sample("a", doc, 0, float(doc in {2, 3, 4})) for doc in range(6)]
    clusters = {"a": {"a0": "p", "a1": "p", "a2": "q", "a3": "q"}}
    task = scoreboard(samples, suite=SUITE, clusters=clusters)["tasks"]["a"]
    assert task["mean"] == 0.5
    assert task["stderr"] == pytest.approx((4 / 3 * (1 + 1 + 0.25 + 0.25)) ** 0.5 / 6)
    alone = scoreboard(samples, suite=SUITE)["tasks"]["a"]
    assert alone["stderr"] == pytest.approx((6 / 5 * 6 * 0.25) ** 0.5 / 6)
