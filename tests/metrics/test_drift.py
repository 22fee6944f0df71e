"""Drift per task and family: ratios of sums, errors over docs or clusters."""

import math

import pytest

from spot_eval.metrics.drift import AnswerDrift, drift

FAMILIES = {"a": ["one", "two"], "b": ["three"]}


def row(task, doc, kl, tokens, kind="answer", logprob=0.0):
    half = tokens // 2
    return AnswerDrift(
        f"{kind}-{task}-{doc}", kind, task, doc, f"h{doc}", 0, tokens, kl, logprob, -1.0,
        [kl] + [0.0] * 9, [half] + [0] * 8 + [tokens - half],
    )  # fmt: skip


def test_a_task_is_a_ratio_of_sums():
    rows = [row("one", 0, 1.0, 10), row("one", 1, 5.0, 40), row("two", 0, 1.0, 10), row("three", 0, 2.0, 10)]
    found = drift(rows, families=FAMILIES, clusters={})
    task = found["tasks"]["one"]
    assert (task["kl"]["mean"], task["docs"], task["tokens"]) == (6 / 50, 2, 50)
    # linearised: residuals 1 - .12 * 10 and 5 - .12 * 40
    assert task["kl"]["stderr"] == pytest.approx(math.sqrt(2 * (0.2**2 + 0.2**2)) / 50)
    assert task["z"] == pytest.approx(task["kl"]["mean"] / task["kl"]["stderr"])
    assert task["where"][0] == 6.0 / 25
    assert found["families"]["a"]["kl"]["mean"] == pytest.approx((0.12 + 0.1) / 2)
    assert found["overall"]["kl"]["mean"] == pytest.approx((0.12 + 0.1 + 0.2) / 3)


def test_docs_of_a_cluster_count_as_one():
    rows = [row("three", doc, doc % 2, 10) for doc in range(8)]
    alone = drift(rows, families={"b": ["three"]}, clusters={})["tasks"]["three"]["kl"]
    pairs = {"three": {f"h{doc}": str(doc % 2) for doc in range(8)}}
    together = drift(rows, families={"b": ["three"]}, clusters=pairs)["tasks"]["three"]["kl"]
    assert together["mean"] == alone["mean"]
    assert together["stderr"] > 1.5 * alone["stderr"]


def test_golds_are_signed_and_apart():
    rows = [row("three", 0, 1.0, 10), row("three", 0, 9.0, 3, "gold", -2.0), row("three", 1, 9.0, 3, "gold", 1.0)]
    task = drift(rows, families={"b": ["three"]}, clusters={})["tasks"]["three"]
    assert (task["kl"]["mean"], task["gold"]["mean"], task["gold"]["docs"]) == (0.1, -0.5, 2)


def test_a_missing_task_makes_its_family_partial():
    found = drift([row("one", 0, 1.0, 10)], families=FAMILIES, clusters={})
    assert found["families"].keys() == {"a"}
    assert found["families"]["a"]["partial"]
    assert found["families"]["a"]["kl"]["mean"] is None
