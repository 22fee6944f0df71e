"""Every branch of the gate's rule, on cases worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.gating.judgement import family_rule
from spot_eval.gating.policy import Limits, Policy
from spot_eval.gating.rules import gate
from spot_eval.metrics.paired import Effect
from spot_eval.runs.judged import JudgedDoc, JudgedRun
from tests.made_runs import FAMILIES, Scores, made

RIGHT, WRONG = [1.0], [0.0]


def task(n: int, lost: int = 0, gained: int = 0, wrong: int = 0) -> tuple[list[list[float | None]], ...]:
    """(candidate, base) of n docs at one repeat: the last `wrong` are wrong in both, some flip."""
    same = n - lost - gained - wrong
    candidate = [WRONG] * lost + [RIGHT] * gained + [RIGHT] * same + [WRONG] * wrong
    base = [RIGHT] * lost + [WRONG] * gained + [RIGHT] * same + [WRONG] * wrong
    return [list(doc) for doc in candidate], [list(doc) for doc in base]


def judged(policy: Policy | None = None, **tasks: tuple[Any, ...]) -> dict[str, Any]:
    candidate, base = ({name: both[side] for name, both in tasks.items()} for side in (0, 1))
    return gate(made(candidate, "n"), made(base, "b"), policy or Policy())[0]


def still(n: int = 1000) -> tuple[Any, ...]:
    """A task that keeps within any margin: five lost, five gained, of many."""
    return task(n, lost=5, gained=5, wrong=n // 4)


def test_nothing_lost_passes() -> None:
    verdict = judged(a=still(), b=still(), c=still())
    assert (verdict["verdict"], verdict["exit_code"]) == ("pass", 0)
    assert verdict["reasons"] == []
    assert {one["verdict"] for one in [*verdict["families"].values(), *verdict["guards"].values()]} == {"pass"}


def test_identical_runs_pass_by_identity_however_small() -> None:
    run = made({"a": [RIGHT] * 3, "b": [WRONG] * 2, "c": [WRONG]})
    verdict, _ = gate(run, run, Policy())
    assert verdict["verdict"] == "pass"
    assert "every record is the same" in verdict["families"]["general"]["reason"]
    assert verdict["families"]["general"]["lower"] == 0


def test_a_family_that_lost_fails() -> None:
    verdict = judged(a=still(), b=still(), c=task(400, lost=60, gained=20, wrong=100))
    assert (verdict["verdict"], verdict["exit_code"]) == ("fail", 3)
    general = verdict["families"]["general"]
    assert general["mean"] == pytest.approx(-0.1)
    assert general["p_harm_holm"] < 0.035
    assert "family general got worse: -10.0 points" in general["reason"]
    assert verdict["reasons"][0] == general["reason"]
    assert verdict["families"]["in_domain"]["verdict"] == "pass"


def test_too_few_docs_to_say_is_inconclusive_and_the_policy_says_what_that_means() -> None:
    small = {"a": still(), "b": still(), "c": task(60, lost=4, gained=4, wrong=20)}
    verdict = judged(**small)
    assert (verdict["verdict"], verdict["exit_code"]) == ("inconclusive", 4)
    assert "neither shown nor excluded" in verdict["reasons"][0]
    assert judged(Policy(inconclusive="warn"), **small)["exit_code"] == 0
    wide = judged(Policy(families={"in_domain": 0.03, "general": 0.2}), **small)
    assert wide["verdict"] == "pass"


def test_one_differing_doc_is_judged_by_the_exact_bound_never_by_a_width_of_zero() -> None:
    # one loss in 30: the drop may be 14.9 points; in 200, 2.3
    assert judged(a=still(), b=still(), c=task(30, lost=1, wrong=10))["verdict"] == "inconclusive"
    verdict = judged(a=still(), b=still(), c=task(200, lost=1, wrong=50))
    assert verdict["verdict"] == "pass"
    assert verdict["families"]["general"]["bounds"] == "exact"
    assert verdict["families"]["general"]["lower"] == pytest.approx(-0.0235, abs=0.0001)


def test_a_base_at_the_floor_has_no_room_to_forget() -> None:
    verdict = judged(a=still(), b=still(), c=task(1000, lost=5, gained=5, wrong=980))
    assert verdict["verdict"] == "inconclusive"
    assert "no room" in verdict["reasons"][0]
    # at chance level there is nothing to lose either
    four_choices = {"a": still(), "b": still(), "c": task(1000, lost=5, gained=5, wrong=730)}
    assert judged(Policy(), **four_choices)["verdict"] == "pass"
    assert judged(Policy(floors={"c": 0.25}), **four_choices)["verdict"] == "inconclusive"


def test_a_task_hidden_in_its_family_is_guarded() -> None:
    verdict = judged(a=task(1000, gained=150, wrong=100), b=task(200, lost=30, gained=5, wrong=50), c=still())
    assert verdict["families"]["in_domain"]["verdict"] == "pass"
    assert verdict["families"]["in_domain"]["mean"] > 0
    assert (verdict["verdict"], verdict["exit_code"]) == ("fail", 3)
    assert verdict["reasons"] == [verdict["guards"]["b"]["reason"]]
    assert "task b fell by more than 5 points: -12.5 points" in verdict["reasons"][0]
    tolerant = Policy(guards={"tasks": {"b": 0.2}})
    assert judged(tolerant, a=task(1000, gained=150, wrong=100), b=task(200, lost=30, gained=5, wrong=50),
                  c=still())["verdict"] == "pass"  # fmt: skip


def test_a_big_fall_that_may_be_chance_does_not_trip_the_guard() -> None:
    verdict = judged(a=still(3000), b=task(40, lost=6, gained=3, wrong=10), c=still(), policy=Policy(margin=0.2))
    assert verdict["guards"]["b"]["mean"] == pytest.approx(-0.075)
    assert verdict["guards"]["b"]["verdict"] == "pass"


def test_a_small_drop_that_is_significant_passes_and_is_noted() -> None:
    verdict = judged(a=still(), b=still(), c=task(5000, lost=80, gained=20, wrong=1000))
    assert verdict["verdict"] == "pass"
    assert verdict["notes"] == ["family general passes with a small but significant drop: -1.2 points, at least -1.5"]


def test_harm_must_survive_holm_over_the_families() -> None:
    # p of 19 lost against 8 is 0.026: below 0.035 alone, above it with two families
    fails = {"c": task(120, lost=19, gained=8, wrong=30)}
    alone = judged(Policy(families={"general": 0.03}), a=still(), b=still(), **fails)
    assert alone["families"]["general"]["p_harm_holm"] == pytest.approx(0.0261, abs=0.0003)
    assert alone["verdict"] == "fail"
    both = judged(a=still(), b=still(), **fails)
    assert both["families"]["general"]["p_harm_holm"] == pytest.approx(0.0522, abs=0.0006)
    assert both["verdict"] == "inconclusive"


def test_a_missing_task_is_inconclusive_and_named() -> None:
    candidate, base = made({"a": still()[0], "c": still()[0]}, "n"), made(dict.fromkeys("abc", still()[1]), "b")
    verdict, _ = gate(candidate, base, Policy())
    assert verdict["verdict"] == "inconclusive"
    assert verdict["reasons"] == ["family in-domain lacks b in one of the runs"]
    assert verdict["families"]["in_domain"]["missing"] == ["b"]
    only, _ = gate(candidate, base, Policy(families={"general": 0.03}))
    assert only["verdict"] == "pass"
    assert only["notes"] == ["family in-domain is not gated by this policy"]


def test_not_judged_that_decides_is_inconclusive() -> None:
    candidate, base = task(1000, lost=5, gained=5, wrong=250)
    few: Scores = {"a": still()[0], "b": still()[0], "c": [*candidate[:-5], *[[None]] * 5]}
    many: Scores = {**few, "c": [*candidate[:-60], *[[None]] * 60]}
    against = made(dict.fromkeys("ab", still()[1]) | {"c": base}, "b")
    lenient = Policy(limits=Limits(not_judged=0.5))
    verdict, _ = gate(made(few, "n"), against, lenient)
    assert verdict["verdict"] == "pass"
    # five docs were wrong in the base: at worst they stay wrong, at best they become right
    imputed = verdict["families"]["general"]["imputed"]
    assert (imputed["worst"]["mean"], imputed["best"]["mean"]) == (pytest.approx(0), pytest.approx(0.005))
    lost: Scores = {**many, "c": [*[[None]] * 60, *candidate[60:]]}  # sixty the base had right, or nearly all of them
    verdict, _ = gate(made(lost, "n"), against, lenient)
    assert verdict["verdict"] == "inconclusive"
    assert "hangs on what was not judged (fail in the worst case, pass in the best)" in verdict["reasons"][0]
    assert verdict["guards"]["c"]["verdict"] == "inconclusive"


def test_a_task_nobody_judged_is_missing_and_never_a_pass() -> None:
    verdict = judged(a=([[None]] * 50, task(50)[1]), b=still(), c=still())
    assert verdict["verdict"] == "inconclusive"
    assert verdict["reasons"][:2] == [
        "family in-domain lacks a in one of the runs", "task a has no doc that was judged in both runs",
    ]  # fmt: skip


def test_not_judged_in_both_runs_is_nobodys_fault() -> None:
    candidate, base = task(1000, lost=5, gained=5, wrong=250)
    both = tuple([*docs[:-100], *[[None]] * 100] for docs in (candidate, base))
    verdict = judged(a=still(), b=still(), c=both)
    assert verdict["verdict"] == "pass"
    assert verdict["families"]["general"]["imputed"] is None


def flagged(run: JudgedRun, name: str, share: float, task: str = "c") -> JudgedRun:
    """The run with the first share of a task's docs flagged."""
    docs = list(run.docs[task].values())
    changed: dict[str, JudgedDoc] = {
        doc.doc_hash: replace(doc, **{name: (number < share * len(docs),) * len(doc.scores)})
        for number, doc in enumerate(docs)
    }
    return replace(run, docs={**run.docs, task: changed})


@pytest.mark.parametrize("flag", ["truncated", "unparsed"])
def test_more_truncated_or_unparsed_answers_than_allowed_fail(flag: str) -> None:
    scores = [dict.fromkeys("abc", still()[side]) for side in (0, 1)]
    candidate, base = made(scores[0], "n"), flagged(made(scores[1], "b"), flag, 0.01)
    verdict, _ = gate(flagged(candidate, flag, 0.05), base, Policy())
    assert (verdict["verdict"], verdict["exit_code"]) == ("fail", 3)
    (limit,) = (one for one in verdict["limits"] if one["verdict"] == "fail")
    assert (limit["family"], limit["flag"], limit["mean"]) == ("general", flag, pytest.approx(0.04))
    assert gate(flagged(candidate, flag, 0.025), base, Policy())[0]["verdict"] == "pass"


def test_an_increase_that_may_be_chance_is_noted_and_passes() -> None:
    scores = [dict.fromkeys("ab", still()[side]) | {"c": task(40, wrong=10)[side]} for side in (0, 1)]
    candidate = flagged(made(scores[0], "n"), "truncated", 0.05)  # two docs
    verdict, _ = gate(candidate, made(scores[1], "b"), Policy(families={"general": 0.2}))
    assert verdict["verdict"] == "pass"
    assert any("which may be chance" in note for note in verdict["notes"])


def test_more_not_judged_than_allowed_says_nothing_of_the_checkpoint() -> None:
    candidate, base = task(1000, lost=5, gained=5, wrong=250)
    scores: Scores = {"a": still()[0], "b": still()[0], "c": [*candidate[:-15], *[[None]] * 15]}
    verdict, _ = gate(made(scores, "n"), made(dict.fromkeys("ab", still()[1]) | {"c": base}, "b"), Policy())
    assert verdict["families"]["general"]["verdict"] == "pass"
    assert verdict["verdict"] == "inconclusive"
    assert "not judged went from 0.0 to 1.5 %" in verdict["reasons"][0]


def test_fail_comes_before_inconclusive_which_is_noted() -> None:
    verdict = judged(a=task(30, lost=2, wrong=5), b=task(30, wrong=5), c=task(400, lost=60, gained=20, wrong=100))
    assert verdict["verdict"] == "fail"
    assert any("in-domain" in note for note in verdict["notes"])


@pytest.mark.parametrize(
    ("lower", "p", "expected"),
    [(-0.029, 0.001, "pass"), (-0.031, 0.034, "fail"), (-0.031, 0.036, "inconclusive"), (-0.5, None, "inconclusive")],
)
def test_the_heart_of_the_rule(lower: float, p: float | None, expected: str) -> None:
    one = Effect(-0.02, 0.01, 50, lower, 0.1, (-0.1, 0.1), "t", "sign-flip", p, 1 - (p or 0), p)
    assert family_rule("f", one, p, 0.03, Policy()).verdict == expected


def test_a_policy_for_another_suite_is_refused() -> None:
    run = made({"a": [RIGHT]})
    with pytest.raises(UserError, match=r"gates family 'generall', which the suite has not; the nearest: general"):
        gate(run, run, Policy(families={"generall": 0.03}))
    with pytest.raises(UserError, match="guards task 'z'"):
        gate(run, run, Policy(guards={"tasks": {"z": 0.1}}))
    assert set(FAMILIES) == {"in_domain", "general"}
