"""The gate of a run with looks: its looks are taken again from the samples, and each family keeps its first verdict.

A verdict is a function of the samples, the base, the policy and the plan of the looks, so that a run that was killed,
graded again or carried on gives the same one wherever these are the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scipy import stats

from spot_eval.comparison.compare import compare
from spot_eval.display.format import family_named, family_title
from spot_eval.gating.look_plan import plan_looks
from spot_eval.gating.policy import PASS, Policy
from spot_eval.gating.rules import assemble
from spot_eval.gating.sequential import FamilyState, Rules, States, judge_look
from spot_eval.metrics.sequential import Look, after_stopping
from spot_eval.runs.judged import JudgedRun
from spot_eval.runs.look_views import at_look, base_digest
from spot_eval.runs.looks import Clusters, Looks


class UntilVerdict:
    """The gate as `run --until-verdict` asks it: a plan, and after each wave what is decided."""

    def __init__(self, policy: Policy, source: str) -> None:
        self.policy, self.source = policy, source

    def plan(self, suite: Mapping[str, Any], docs: Mapping[str, Clusters], base: JudgedRun) -> dict[str, Any]:
        """Return the first line of looks.jsonl."""
        return plan_looks(suite, docs, base, self.policy, self.source)

    def look(self, candidate: JudgedRun, base: JudgedRun, looks: Looks) -> dict[str, Any]:
        """Return the line of the next look of `candidate`, which holds the samples of all waves up to it."""
        number, asked = looks.taken + 1, looks.open_tasks
        suite = candidate.config["suite"]
        rules = Rules.of(self.policy, looks.tasks, suite)
        states = replay(candidate, base, looks, rules, {**looks.last_looks(), **dict.fromkeys(asked, number)})
        still = {task for family, state in states.items() if not state.closed for task in rules.planned(family)}
        return {
            "kind": "look",
            "look": number,
            "asked": asked,
            "go_on": [task for task in looks.head["tasks"] if task in still],
            "families": {
                family: {
                    "verdict": state.verdict,
                    **{name: state.judged.get(name) for name in ("mean", "stderr", "lower", "p_harm")},
                    "closed": bool(state.closed),
                }
                for family, state in states.items()
            },
            "output_tokens": sum(
                tokens or 0 for of in candidate.docs.values() for doc in of.values() for tokens in doc.output_tokens
            ),
        }


def replay(candidate: JudgedRun, base: JudgedRun, looks: Looks, rules: Rules, upto: Mapping[str, int]) -> States:
    """Take the looks again; return the families' states.

    Args:
        candidate: the run, with the samples of all its waves.
        base: the finished run that the candidate is compared with.
        looks: the plan, as looks.jsonl has it.
        rules: margins, tasks and levels that all looks share.
        upto: the last look for which each task was asked.
    """
    states = {family: FamilyState() for family in rules.margins}
    for look in range(1, max(upto.values()) + 1):
        for family, state in states.items():  # a family that was asked no more has learnt nothing new
            if not state.closed and any(upto[task] < look for task in rules.planned(family)):
                state.closed = look - 1
        view = at_look(candidate, looks, {task: min(look, last) for task, last in upto.items()})
        judge_look(states, view, base, rules, look)
    return states


def gate_stopped(
    candidate: JudgedRun, base: JudgedRun, policy: Policy, source: str = "default"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (gate.json, comparison.json) of a run with looks: every family by the boundary of its own look.

    gate.json has besides: "looks": {"taken", "planned", "stopped_early", "spending", "tasks": {name: {"docs",
    "repeats", "look"}}}, and in each family "sequential": {"look", "level": of the bound, "fraction": of the
    information, "median_unbiased", "interval": two-sided at 1 - alpha}.

    Args:
        candidate: the run with looks.
        base: the run it is compared with.
        policy: margins, guards, limits and alpha.
        source: the policy's file, for the record.

    Raises NotComparableError if the runs may not be compared, UserError if the policy names what the suite lacks.
    """
    looks = candidate.looks
    assert looks is not None
    rules = Rules.of(policy, looks.tasks, candidate.config["suite"])
    upto = looks.last_looks()
    comparison = compare([at_look(candidate, looks, upto)], base, policy.alpha)
    states = replay(candidate, base, looks, rules, upto)
    (entry,) = comparison["comparisons"]
    families = {}
    for family, state in states.items():
        if not state.judged:  # none of its tasks could run
            state.judged = _never_asked(family, entry["families"][family], rules.margins[family])
        families[family] = {**state.judged, "sequential": _stop(family, state, rules, upto)}
    result = assemble(
        candidate, comparison, policy, source,
        families=families,
        guards={task: one for state in states.values() for task, one in state.guards.items()},
        limits=[one for state in states.values() for one in state.limits],
    )  # fmt: skip
    result["looks"] = {
        "taken": looks.taken,
        "planned": looks.planned,
        "stopped_early": looks.stopped_early,
        "spending": "alpha t^2 (Lan and DeMets 1983)",
        "tasks": {
            task: {"docs": plan.docs[upto[task] - 1], "repeats": plan.repeats[upto[task] - 1], "look": upto[task]}
            for task, plan in looks.tasks.items()
            if upto[task]
        },
    }
    result["notes"] = [*_notes(base, looks, policy, states), *result["notes"]]
    return result, comparison


def _never_asked(family: str, numbers: Mapping[str, Any], margin: float) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("candidate", "base", "mean", "stderr", "lower", "p_harm", "p_harm_holm", "bounds", "test", "imputed")
    )
    return {
        "verdict": "inconclusive",
        "reason": f"{family_named(family)} lacks {', '.join(numbers['missing'])} in one of the runs",
        "notes": [],
        "margin": margin,
        "tasks": numbers["tasks"],
        "missing": numbers["missing"],
        **empty,
    }


def _notes(base: JudgedRun, looks: Looks, policy: Policy, states: Mapping[str, FamilyState]) -> list[str]:
    when = ", ".join(
        f"{family_title(family)} {f'at look {state.look}' if state.look else 'undecided'}"
        for family, state in states.items()
    )
    how = "stopped early" if looks.stopped_early else "was looked at while it ran"
    notes = [
        f"this run {how} ({when}, of at most {looks.planned} looks): its bounds and levels are those of the look, and "
        "its means are as observed at the stop; estimates that allow for stopping are given beside them"
    ]
    if looks.head["base"]["digest"] != base_digest(base):
        notes.append(f"another base ({looks.head['base']['model']}) stopped this run; its looks are judged anew")
    if {name: value for name, value in looks.head["policy"].items() if name != "source"} != policy.model_dump():
        notes.append("another policy stopped this run; its looks are judged anew under this one")
    recorded = {name: one["verdict"] for line in looks.lines for name, one in line["families"].items()}
    notes += [
        f"{family_named(family)}: {recorded[family]} when the run was looked at, {state.verdict} judged again"
        for family, state in states.items()
        if recorded.get(family, state.verdict) != state.verdict and not looks.whole
    ]
    return notes


def _stop(family: str, state: FamilyState, rules: Rules, upto: Mapping[str, int]) -> dict[str, Any]:
    """Return the look at which a family stopped, its level, and the estimate that allows for stopping."""
    members = rules.planned(family)
    look = state.look or max((upto[task] for task in members), default=0)
    if not look:
        return dict.fromkeys(("look", "level", "fraction", "median_unbiased", "interval"))
    levels = rules.levels(family)
    estimate = None
    if len(state.path) == look and state.judged["bounds"] != "identity":
        steps = []
        for index, (_, stderr) in enumerate(state.path):
            lower = min(-rules.margins[family], -_times(levels.failing[index]) * stderr)
            upper = max(-rules.margins[family] + _times(levels.passing[index]) * stderr, lower + 1e-9)
            steps.append(Look(stderr, lower, upper))
        estimate = after_stopping(steps, state.path[-1][0], rules.policy.alpha)
    return {
        "look": look,
        "level": levels.passing[look - 1] if state.verdict == PASS or not state.look else levels.failing[look - 1],
        "fraction": rules.fractions(family)[look - 1],
        "median_unbiased": estimate and estimate.median_unbiased,
        "interval": estimate and list(estimate.interval),
    }


def _times(level: float) -> float:
    return float(stats.norm.isf(level)) if level > 0 else math.inf
