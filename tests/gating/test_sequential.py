"""Verdicts at looks: what stops, what goes on, and by which boundary a stopped run is judged."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from spot_eval.core.errors import UserError
from spot_eval.display.verdict import print_gate
from spot_eval.gating.decide import gate
from spot_eval.gating.files import markdown
from spot_eval.gating.look_plan import family_fractions, number_of_looks, plan_looks, task_counts, task_fractions
from spot_eval.gating.policy import Policy
from spot_eval.gating.sequential import Rules
from spot_eval.gating.stopped import UntilVerdict
from spot_eval.report.verdict import gated
from spot_eval.runs.judged import JudgedRun
from spot_eval.runs.look_views import at_look
from spot_eval.runs.looks import Looks
from tests.made_runs import made

FAMILIES = {"in_domain": ["a", "b"], "general": ["c"]}
DOCS = {"a": 300, "b": 300, "c": 600}


def drawn(drop: dict[str, float] | None = None, seed: int = 0, repeats: int = 5, docs: dict[str, int] = DOCS) -> dict:
    """Scores of docs with chances of their own, the same for every seed; a drop takes right answers away."""
    found = {}
    for task, count in docs.items():
        chances = np.random.default_rng(sum(map(ord, task))).beta(0.2, 0.1, count) * (1 - (drop or {}).get(task, 0.0))
        rng = np.random.default_rng([seed, ord(task)])
        found[task] = [[float(x) for x in rng.random(repeats) < chance] for chance in chances]
    return found


def until_verdict(candidate: JudgedRun, base: JudgedRun, policy: Policy | None = None) -> tuple[JudgedRun, Looks]:
    """Take all looks of a run whose answers are known; the run as it would be left, with its looks."""
    monitor = UntilVerdict(policy or Policy(), "default")
    suite = candidate.config["suite"]
    clusters = {task: {hashed: doc.cluster for hashed, doc in docs.items()} for task, docs in candidate.docs.items()}
    looks = Looks(monitor.plan(suite, clusters, base))
    while looks.open_tasks:
        upto = {**looks.last_looks(), **dict.fromkeys(looks.open_tasks, looks.taken + 1)}
        line = monitor.look(at_look(candidate, looks, upto), base, looks)
        looks = Looks(looks.head, (*looks.lines, line))
    left = at_look(candidate, looks, looks.last_looks())
    return replace(left, looks=looks), looks


BASE = made(drawn(), "b", FAMILIES)


def test_the_looks_of_the_protocol() -> None:
    assert task_counts(30, 16, 5) == [(30, 3), (30, 6), (30, 10), (30, 13), (30, 16)]
    assert task_counts(500, 5, 5) == [(500, r) for r in range(1, 6)]
    assert task_counts(201, 1, 2) == [(101, 1), (201, 1)]
    assert [number_of_looks(one) for one in ([1], [1, 2], [4], [16, 5])] == [2, 2, 4, 5]
    assert task_fractions(task_counts(500, 5, 5), 5) == pytest.approx([1 / 3, 4 / 7, 0.75, 8 / 9, 1])
    # a deep base: the candidate's own repeats are all that is missing
    assert task_fractions(task_counts(500, 5, 5), 1e9) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])


def test_a_family_grows_no_faster_than_its_fastest_task_from_look_to_look() -> None:
    tasks = [(0.3, 0.8, 1.0), (0.5, 0.6, 1.0)]
    found = family_fractions(tasks)
    assert found[-1] == 1
    for early, late in ((0, 1), (1, 2)):
        for weight in (0.0, 0.3, 0.7, 1.0):  # any mixture of the tasks' variances
            variances = [weight / tasks[0][k] + (1 - weight) / tasks[1][k] for k in (early, late)]
            assert found[early] / found[late] <= variances[1] / variances[0] + 1e-12


def test_an_unchanged_checkpoint_passes_early_and_the_gate_says_so() -> None:
    run, looks = until_verdict(made(drawn(seed=1), "n", FAMILIES), BASE)
    assert looks.stopped_early
    verdict, _ = gate(run, BASE, Policy())
    assert verdict["verdict"] == "pass"
    assert verdict["looks"]["stopped_early"]
    assert "stopped early" in verdict["notes"][0]
    for family in verdict["families"].values():
        found = family["sequential"]
        assert 1 <= found["look"] < 5
        assert found["level"] < 0.05
        assert found["interval"][0] < found["median_unbiased"] < found["interval"][1]


def test_harm_fails_early_and_only_the_harmed_family_is_asked_no_more_for_it() -> None:
    run, looks = until_verdict(made(drawn({"c": 0.2}, seed=1), "n", FAMILIES), BASE)
    verdict, _ = gate(run, BASE, Policy())
    assert (verdict["verdict"], verdict["families"]["general"]["verdict"]) == ("fail", "fail")
    assert verdict["families"]["general"]["sequential"]["look"] == 1
    assert looks.last_looks()["c"] == 1
    assert verdict["families"]["in_domain"]["verdict"] == "pass"


def test_a_stopped_run_is_judged_by_its_looks_boundary_never_by_the_fixed_one() -> None:
    """The same samples: enough for the fixed bound, not for the look's."""
    candidate = made(drawn(seed=4), "n", FAMILIES)
    looks = Looks(UntilVerdict(Policy(), "default").plan(
        candidate.config["suite"], {t: dict.fromkeys(d) for t, d in candidate.docs.items()}, BASE))  # fmt: skip
    first = at_look(candidate, looks, dict.fromkeys(DOCS, 1))
    fixed = gate(first, BASE, Policy())[0]["families"]["general"]
    line = UntilVerdict(Policy(), "default").look(first, BASE, looks)
    sequential = gate(replace(first, looks=Looks(looks.head, (line,))), BASE, Policy())[0]["families"]["general"]
    assert sequential["lower"] < fixed["lower"]
    assert sequential["mean"] == fixed["mean"]


def test_a_run_that_went_on_keeps_the_verdicts_of_its_looks() -> None:
    whole = made(drawn(seed=1), "n", FAMILIES)
    stopped, looks = until_verdict(whole, BASE)
    gone_on = replace(whole, looks=replace(looks, whole=True))
    first, later = (gate(run, BASE, Policy())[0] for run in (stopped, gone_on))
    for family, one in first["families"].items():
        assert later["families"][family]["sequential"]["look"] == one["sequential"]["look"]
        assert later["families"][family]["lower"] == one["lower"]


def test_a_task_below_its_guard_keeps_a_passed_family_going() -> None:
    # b gains what a loses, so the family passes; the guard of a goes on until it fails or the protocol ends
    scores = drawn({"a": 0.15}, seed=2)
    wrong = [at for at, doc in enumerate(scores["b"]) if not any(doc)]
    for at in wrong[:45]:
        scores["b"][at] = [1.0] * 5
    run, looks = until_verdict(made(scores, "n", FAMILIES), BASE)
    verdict, _ = gate(run, BASE, Policy())
    family, guard = verdict["families"]["in_domain"], verdict["guards"]["a"]
    assert (family["verdict"], guard["verdict"]) == ("pass", "fail")
    assert looks.last_looks()["a"] >= family["sequential"]["look"]


def test_identical_records_pass_by_identity_at_the_last_look_only() -> None:
    small = {"a": 40, "b": 40, "c": 40}
    base = made(drawn(repeats=1, docs=small), "b", FAMILIES)
    run, looks = until_verdict(made(drawn(repeats=1, docs=small), "b", FAMILIES), base)
    assert [line["families"]["general"]["verdict"] for line in looks.lines] == ["inconclusive", "pass"]
    assert gate(run, base, Policy())[0]["families"]["general"]["bounds"] == "identity"


def test_failed_families_leave_their_share_of_alpha_to_the_others() -> None:
    looks = Looks(UntilVerdict(Policy(), "default").plan(
        BASE.config["suite"], {t: dict.fromkeys(d) for t, d in BASE.docs.items()}, BASE))  # fmt: skip
    rules = Rules.of(Policy(), looks.tasks, BASE.config["suite"])
    before, after = rules.levels("general"), rules.levels("general", failed=1)
    assert all(a > 1.9 * b for a, b in zip(after.failing, before.failing, strict=True))
    assert before.passing == after.passing


def test_another_base_or_policy_judges_the_looks_anew_and_says_so() -> None:
    run, _ = until_verdict(made(drawn(seed=1), "n", FAMILIES), BASE)
    other = made(drawn(seed=9), "o", FAMILIES)
    assert any("another base" in note for note in gate(run, other, Policy())[0]["notes"])
    assert any("another policy" in note for note in gate(run, BASE, Policy(margin=0.02))[0]["notes"])


@pytest.mark.parametrize(
    ("docs", "repeats", "base", "said"),
    [
        ({"a": 300, "b": 300, "c": 8}, 5, BASE, "task c has 8 docs, fewer than the 10 a look needs"),
        ({"a": 9, "b": 300, "c": 600}, 1, BASE, "task a has 9 docs"),
        (DOCS, 5, made(drawn(docs={"a": 300, "b": 300}), "b", {"in_domain": ["a", "b"]}), "no judged doc of task c"),
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(docs: dict[str, int], repeats: int, base: JudgedRun, said: str) -> None:
    run = made(drawn(repeats=repeats, docs=docs), "n", FAMILIES)
    clusters = {task: dict.fromkeys(of) for task, of in run.docs.items()}
    with pytest.raises(UserError, match=said):
        plan_looks(run.config["suite"], clusters, base, Policy())


def test_terminal_markdown_and_report_say_that_the_run_stopped_early() -> None:
    run, _ = until_verdict(made(drawn(seed=1), "n", FAMILIES), BASE)
    verdict, comparison = gate(run, BASE, Policy())
    screen = Console(record=True, width=120, file=io.StringIO())
    print_gate(verdict, screen, Path("out"))
    for text in (screen.export_text(), markdown(verdict)):
        assert "stopped early" in text
        assert "median-unbiased" in text
        assert "look 1 of 5" in text or "look 2 of 5" in text
        assert "95 %)" not in text  # the fixed level is not the look's
    assert "stopped early" in gated(verdict, comparison["comparisons"][0])["sentence"]
