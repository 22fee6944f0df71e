"""What a run until a verdict is expected to cost: against simulation, and where it must go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spot_eval.gating.expected import CHANGES, deeper, expected_cost
from spot_eval.gating.look_plan import task_counts
from spot_eval.gating.policy import Policy
from spot_eval.metrics.power import TaskPlan, chance_to_pass
from spot_eval.metrics.sequential import levels
from tests.made_runs import made

FAMILIES = {"one": ["a", "b"], "two": ["c"]}
PLANS = {
    "a": TaskPlan("one", 300, 5, 5, 0.5, 0.35),
    "b": TaskPlan("one", 500, 5, 5, 0.6, 0.45),
    "c": TaskPlan("two", 400, 5, 5, 0.4, 0.25),
}
MARGINS = {"one": 0.03, "two": 0.03}


def by_change(plans: dict[str, TaskPlan] = PLANS, **margins: float) -> dict[float, dict[str, float]]:
    found = expected_cost(plans, FAMILIES, Policy(), margins or MARGINS)
    assert found is not None
    return {one["change"]: one for one in found["truths"]}


def test_a_clear_case_costs_less_and_a_deep_base_saves_more() -> None:
    found, deep = by_change(), by_change(deeper(PLANS, 4))
    assert set(found) == set(CHANGES)
    assert found[0.03]["share"] < found[0.0]["share"] < found[-0.01]["share"]
    assert all(0.2 <= one["share"] <= 1 for one in found.values())
    assert found[0.03]["pass"] > 0.999
    assert found[-0.03]["fail"] > found[-0.01]["fail"] > found[0.0]["fail"]
    assert deep[0.0]["pass"] > found[0.0]["pass"]
    assert deep[0.0]["share"] < found[0.0]["share"]


@pytest.mark.parametrize("change", [0.0, -0.01, -0.03])
def test_one_family_is_as_simulated(change: float) -> None:
    """Answers of single docs, waves of repeats, the rule as docs/sequential.md states it."""
    rng, sims, docs = np.random.default_rng(1), 4000, 400
    plan, policy = replace(PLANS["c"], family="two"), Policy()
    chances = rng.beta(0.4 * 1.6666667, 0.6 * 1.6666667, docs)  # within 0.15 of 0.24: concentration 1.67
    plan = replace(plan, mean=float(chances.mean()), square=float((chances**2).mean()))
    shrunk = chances * (1 + change / chances.mean())
    counts = task_counts(docs, 5, 5)
    base = rng.binomial(5, chances, (sims, docs)) / 5
    candidate = np.cumsum(rng.binomial(1, shrunk, (5, sims, docs)), axis=0)
    found = expected_cost({"c": plan}, {"two": ["c"]}, policy, {"two": 0.03})
    assert found is not None
    fractions = [(r / (5 + r)) / 0.5 for _, r in counts]
    up, down = levels(fractions, policy.alpha), levels(fractions, policy.share("families"))
    from scipy import stats

    state, spent = np.zeros(sims, dtype=int), np.zeros(sims)
    for k, (_, repeats) in enumerate(counts):
        difference = candidate[k] / repeats - base
        mean, error = difference.mean(axis=1), difference.std(axis=1, ddof=1) / np.sqrt(docs)
        going = state == 0
        spent[going] = repeats / 5
        passes = mean - stats.t.isf(up[k], docs - 1) * error > -0.03
        fails = (mean + stats.t.isf(down[k], docs - 1) * error < 0) & ((mean < -0.03) | (k == 4))
        state[going & passes] = 1
        state[going & fails & ~passes] = -1
    one = next(one for one in found["truths"] if one["change"] == change)
    assert one["pass"] == pytest.approx((state == 1).mean(), abs=0.03)
    assert one["fail"] == pytest.approx((state == -1).mean(), abs=0.03)
    assert one["share"] == pytest.approx(spent.mean(), abs=0.03)


def test_one_look_is_the_fixed_gate() -> None:
    once = {"c": replace(PLANS["c"], repeats=2, base_repeats=2)}
    found = expected_cost(once, {"two": ["c"]}, Policy(), {"two": 0.05})
    assert found is not None
    assert found["looks"] == 2
    fixed = chance_to_pass(list(once.values()), 0.05, 0.05)
    assert found["truths"][0]["pass"] == pytest.approx(fixed, abs=0.04)


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_docs_that_all_score_the_same_give_finite_chances(mean: float) -> None:
    few = {"a": (6, 4), "b": (6, 4), "c": (5, 1)}  # the first look of so few has no say
    plans = {
        task: replace(PLANS[task], docs=docs, repeats=repeats, base_repeats=repeats, mean=mean, square=mean)
        for task, (docs, repeats) in few.items()
    }
    for found in by_change(plans).values():
        assert 0 <= found["pass"] <= 1
        assert 0 <= found["fail"] <= 1
        assert 0 < found["share"] <= 1 + 1e-9


def test_tokens_and_hours_are_the_bases() -> None:
    base = made({"a": [[1.0] * 5] * 3, "b": [[0.0] * 5] * 3, "c": [[1.0] * 5] * 3}, families=FAMILIES)
    found = expected_cost(PLANS, FAMILIES, Policy(), MARGINS, base)
    assert found is not None
    assert found["output_tokens"] == 10 * 5 * (300 + 500 + 400)
    assert found["hours"] is None
    fast = replace(base, cost={"tokens_per_s": 100.0})
    found = expected_cost(PLANS, FAMILIES, Policy(), MARGINS, fast)
    assert found is not None
    assert found["hours"] == pytest.approx(60_000 / 100 / 3600)
    first = found["truths"][0]
    assert first["output_tokens"] == round(first["share"] * 60_000)


def test_families_that_are_not_gated_are_asked_once_and_missing_tasks_give_nothing() -> None:
    assert by_change(one=0.03)[0.03]["share"] == pytest.approx((800 * 1 + 400 * 1) / (1200 * 5), abs=0.02)
    assert expected_cost({"a": PLANS["a"]}, FAMILIES, Policy(), MARGINS) is None
    assert expected_cost(PLANS, FAMILIES, Policy(), {}) is None
