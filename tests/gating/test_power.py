"""What an evaluation can see, against statsmodels, figures worked by hand, and simulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spot_eval.gating.policy import Policy
from spot_eval.gating.power import power_of
from spot_eval.gating.task_plans import assumed, from_base, plan_tasks
from spot_eval.metrics.power import TaskPlan, chance_to_find, chance_to_pass, smallest_drop
from spot_eval.tasks.suite import load_suite
from tests.made_runs import made

SPOT = load_suite("spot").resolved()
DOCS: dict[str, int | None] = {
    "aime24": 30, "aime25": 30, "amc23": 40, "math500": 500, "minerva": 272, "olympiadbench": 675,
    "gpqa_diamond": 198, "connect4": 500, "ifeval": 541,
}  # fmt: skip


def test_half_of_the_variance_is_within_docs_where_nothing_is_known() -> None:
    plan = assumed("f", 30, 1, mean=0.3)
    assert plan.variance() == pytest.approx(2 * (0.3 * 0.7 / 2) / 30)
    assert assumed("f", 30, 4, mean=0.3).variance() == pytest.approx(plan.variance() / 4)
    assert assumed("f", 30, 1, mean=0.3, churn=0.1).variance() == pytest.approx(plan.variance() + 0.01 / 30)


def test_what_one_repeat_of_aime_and_four_of_math_can_show() -> None:
    # McNemar's exact test needs more than the 22 points of a t test
    assert smallest_drop([assumed("f", 30, 1, mean=0.3)], 0.05) == pytest.approx(0.25, abs=0.015)
    assert smallest_drop([assumed("f", 500, 4, mean=0.83)], 0.05) == pytest.approx(0.022, abs=0.001)


def test_power_is_statsmodels() -> None:
    from statsmodels.stats.power import TTestPower

    plan = TaskPlan("f", 60, 1000, 1000, mean=0.5, square=0.3, churn=0.2)  # sums in steps too small to matter
    drop = 0.08
    theirs = TTestPower().power(drop / math.sqrt(plan.variance(drop) * 60), 60, 0.05, alternative="larger")
    assert chance_to_find([plan], drop, 0.05) == pytest.approx(theirs, abs=1e-3)
    found = smallest_drop([plan], 0.05)
    assert found is not None
    assert chance_to_find([plan], found, 0.05) == pytest.approx(0.8)


def test_power_at_one_repeat_is_that_of_mcnemars_exact_test() -> None:
    # by summing over all outcomes: each of 100 docs is lost with chance q + d / 2, gained with q - d / 2
    plan, drop = assumed("f", 100, 1), 0.15
    kept = 1 - drop / 0.5
    lost, gained = 0.5 - kept * plan.square, kept * 0.5 - kept * plan.square
    changed = stats.binom.pmf(np.arange(101), 100, lost + gained)
    power = 0.0
    for m, chance in enumerate(changed):
        worse = np.arange(m + 1)
        significant = stats.binom.sf(worse - 1, m, 0.5) <= 0.05
        power += chance * stats.binom.pmf(worse, m, lost / (lost + gained))[significant].sum()
    assert chance_to_find([plan], drop, 0.05) == pytest.approx(power, abs=0.02)


def test_a_base_that_scores_little_cannot_be_shown_to_drop() -> None:
    assert smallest_drop([assumed("f", 30, 1, mean=0.02)], 0.05) is None


def test_few_repeats_pass_rarely_and_the_protocols_pass_mostly() -> None:
    whole = power_of(SPOT, DOCS, Policy())
    assert whole["pass_at_no_change"] == pytest.approx(0.86, abs=0.01)
    assert whole["warnings"] == []
    assert whole["families"]["in_domain"]["repeats_factor"] <= 1
    once = {**SPOT, "tasks": {name: {**task, "repeats": 1} for name, task in SPOT["tasks"].items()}}
    few = power_of(once, DOCS, Policy())
    assert few["pass_at_no_change"] < 0.1
    assert few["warnings"][0].startswith("an unchanged checkpoint passes this gate with only 3 % chance, below 80 %")
    factor = few["families"]["in_domain"]["repeats_factor"]
    plans, _ = plan_tasks(once, DOCS)
    members = [plans[task] for task in SPOT["families"]["in_domain"]]
    more = [TaskPlan(p.family, p.docs, p.repeats * factor, p.base_repeats * factor, p.mean, p.square) for p in members]
    assert chance_to_pass(more, 0.03, 0.05) == pytest.approx(0.8, abs=0.01)


def test_lost_docs_are_the_pessimistic_case() -> None:
    for family in power_of(SPOT, DOCS, Policy())["families"].values():
        assert family["smallest_failing"] < family["smallest_failing_lost_docs"]
        assert 0.4 < family["fail_chance_lost_docs"] < 0.8
    plan = assumed("f", 400, 5)
    for drop in (0.02, 0.05, 0.2):
        assert plan.variance(drop, lost_docs=True) > plan.variance(drop)
    # by simulation: always right before, always wrong now, and the others unchanged
    rng, drop = np.random.default_rng(6), 0.1
    chances = np.tile(stats.beta.ppf((np.arange(400) + 0.5) / 400, 0.5, 0.5), 1)
    means = []
    for _ in range(4000):
        lost = rng.random(400) < drop
        noise = (rng.binomial(5, chances) - rng.binomial(5, chances)) / 5
        means.append((noise - lost).mean())
    assert np.var(means) == pytest.approx(plan.variance(drop, lost_docs=True), rel=0.1)


def test_the_docs_state_what_power_states() -> None:
    text = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    once = {**SPOT, "tasks": {name: {**task, "repeats": 1} for name, task in SPOT["tasks"].items()}}
    whole, few = (100 * power_of(suite, DOCS, Policy())["pass_at_no_change"] for suite in (SPOT, once))
    assert (
        f"passes with {whole:.0f} % chance at the protocol's repeats, and with {few:.0f} % at one repeat"
        in " ".join(text.split())
    )


def test_needed_docs_and_repeats_reach_the_wished_chance() -> None:
    task = power_of(SPOT, DOCS, Policy(), margin=0.05)["tasks"]["gpqa_diamond"]
    enough = assumed("ood", task["docs_for_margin"], 5)
    assert chance_to_pass([enough], 0.05, 0.05) >= 0.8
    assert chance_to_pass([assumed("ood", task["docs_for_margin"] - 1, 5)], 0.05, 0.05) < 0.8
    k = task["repeats_for_margin"]
    assert (
        chance_to_pass([assumed("ood", 198, k)], 0.05, 0.05)
        >= 0.8
        > chance_to_pass([assumed("ood", 198, k - 1)], 0.05, 0.05)
    )


def test_what_nobody_knows_the_size_of_is_said() -> None:
    found = power_of(SPOT, {**DOCS, "ifeval": None}, Policy())
    assert "ifeval" not in found["tasks"]
    assert "general" not in found["families"]
    assert any("the number of docs is unknown: ifeval" in warning for warning in found["warnings"])


def test_a_bases_spread_is_measured_without_bias() -> None:
    rng = np.random.default_rng(3)
    chances = rng.beta(0.8, 1.2, 4000)
    scores = (rng.random((4000, 3)) < chances[:, None]).astype(float).tolist()
    base = made({"a": scores}, families={"f": ["a"]})
    plan = from_base("f", list(base.docs["a"].values()), repeats=5)
    assert plan is not None
    assert (plan.docs, plan.base_repeats, plan.source) == (4000, 3, "base")
    assert plan.mean == pytest.approx(chances.mean(), abs=0.02)
    assert plan.mean - plan.square == pytest.approx((chances * (1 - chances)).mean(), abs=0.01)
    resolved = {"families": {"f": ["a"]}, "tasks": {"a": {"family": "f", "repeats": 5}}}
    assert power_of(resolved, {"a": 100}, Policy(), base)["tasks"]["a"]["docs"] == 100


def test_hardly_a_doc_that_differs_means_the_exact_bound() -> None:
    # 40 docs nearly always right: simulated with the gate's own bounds
    from spot_eval.metrics.paired import Pairs, effect

    rng = np.random.default_rng(4)
    plan = assumed("f", 40, 2, mean=0.95)
    lower = []
    for _ in range(300):
        chances = rng.beta(0.95, 0.05, 40)
        lower.append(effect([Pairs((rng.binomial(2, chances) - rng.binomial(2, chances)) / 2)]).lower)
    share = np.mean([bound is not None and bound > -0.08 for bound in lower])
    expected = chance_to_pass([plan], 0.08, 0.05)
    assert share == pytest.approx(expected, abs=0.08)
    naive = stats.nct.sf(stats.t.isf(0.05, 39), 39, 0.08 / math.sqrt(plan.variance()))
    assert abs(share - naive) > abs(share - expected)
