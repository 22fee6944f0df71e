"""The gate at a look: verdicts that hold although the run may stop at any of them.

The rules are the fixed gate's (`rules.py`); a look replaces their levels. PASS is looked at first: the lower bound at
the look's level is above -margin. FAIL: harm is significant at the look's level, and before the last look the
difference is below -margin as well. Both chances of error are spent by alpha t^2 over the looks, each within its own
share. A family is closed once it has a verdict and nothing that hangs on its answers, a guard or a limit, is in doubt.
docs/sequential.md derives all of it; `stopped.py` applies it to a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spot_eval.comparison.compare import outline
from spot_eval.comparison.pairing import DocPair, as_pairs, paired_docs
from spot_eval.display.format import family_named
from spot_eval.gating.limits import judge_limits
from spot_eval.gating.look_plan import family_fractions
from spot_eval.gating.policy import FAIL, INCONCLUSIVE, PASS, Policy
from spot_eval.gating.rules import judge_families, judge_tasks
from spot_eval.metrics.paired import effect
from spot_eval.metrics.sequential import levels
from spot_eval.runs.judged import JudgedRun
from spot_eval.runs.looks import TaskLooks

NEVER = 1e-9
"""Stands for a level of 0, at a look that may decide nothing."""


class PolicyAtLook(Policy):
    """A policy whose levels are those of one look; p after Holm is compared with `shares`."""

    shares: Mapping[str, float] = {}

    def share(self, of: str) -> float:
        """Return the level of families, guards or limits at this look."""
        return self.shares[of]


@dataclass(frozen=True)
class Levels:
    """The nominal one-sided levels of a family at each look, from the policy's shares of alpha."""

    passing: tuple[float, ...]
    failing: tuple[float, ...]
    guards: Mapping[str, tuple[float, ...]]
    limits: tuple[float, ...]

    def at(self, policy: Policy, look: int, task: str = "") -> PolicyAtLook:
        """Return `policy` with the levels of `look`; those of the guard are `task`'s."""
        shares = {"families": self.failing, "guards": self.guards.get(task, ()), "limits": self.limits}
        return PolicyAtLook(
            **{**policy.model_dump(), "alpha": max(self.passing[look - 1], NEVER)},
            shares={name: max(of[look - 1], NEVER) if of else NEVER for name, of in shares.items()},
        )


@dataclass(frozen=True)
class Rules:
    """All that the looks of a run have in common: the policy, and how the tasks come in."""

    policy: Policy
    plan: Mapping[str, TaskLooks]
    members: Mapping[str, Sequence[str]]
    """The tasks of each gated family, those included that have no plan."""
    margins: Mapping[str, float]

    @classmethod
    def of(cls, policy: Policy, plan: Mapping[str, TaskLooks], suite: Mapping[str, Any]) -> Rules:
        """Return the rules for a resolved suite. Raises UserError if the policy names what the suite lacks."""
        margins = policy.margins(suite)
        return cls(policy, plan, {family: suite["families"][family] for family in margins}, margins)

    @property
    def looks(self) -> int:
        """Return the largest number of looks."""
        return max(len(task.docs) for task in self.plan.values())

    def planned(self, family: str) -> list[str]:
        """Return the tasks of a family that have a plan."""
        return [task for task in self.members[family] if task in self.plan]

    def fractions(self, family: str) -> tuple[float, ...]:
        """Return the information of a family at each look."""
        return family_fractions([self.plan[task].fractions for task in self.planned(family)])

    def levels(self, family: str, failed: int = 0) -> Levels:
        """Return the levels of a family of which a task has a plan.

        `failed` other families have failed: their part of the families' share is free for the rest (Maurer and Bretz
        2013). Guards and limits share by Bonferroni over all tasks, and over all families' two flags.
        """
        policy, families = self.policy, len(self.margins)
        guarded = sum(len(self.planned(name)) for name in self.margins)
        fractions = self.fractions(family)
        return Levels(
            passing=levels(fractions, policy.alpha),
            failing=levels(fractions, policy.share("families") / max(1, families - failed)),
            guards={
                task: levels(self.plan[task].fractions, policy.share("guards") / guarded)
                for task in self.planned(family)
            },
            limits=tuple(2 * one for one in levels(fractions, policy.share("limits") / (2 * families))),
        )


@dataclass
class FamilyState:
    """All that the looks have said of one family so far."""

    verdict: str = INCONCLUSIVE
    look: int = 0
    """The look of the verdict; 0 while there is none."""
    closed: int = 0
    """The look after which nothing more is asked; 0 while it is open."""
    judged: dict[str, Any] = field(default_factory=dict)
    guards: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: list[dict[str, Any]] = field(default_factory=list)
    path: list[tuple[float, float]] = field(default_factory=list)
    """(mean, standard error) at each look up to the verdict."""

    @property
    def in_doubt(self) -> bool:
        """True if a family with a verdict must go on: a guard or limit stands on its wrong side, undecided."""
        beside = [*self.guards.values(), *self.limits]
        if self.verdict == FAIL or any(one["verdict"] == FAIL for one in beside):
            return False
        fallen = any(one["mean"] is None or one["mean"] < -one["drop"] for one in self.guards.values())
        grown = any(one["mean"] is not None and one["mean"] > one["limit"] + 1e-12 for one in self.limits)
        return fallen or grown


States = dict[str, FamilyState]
"""By gated family."""


@dataclass(frozen=True)
class Seen:
    """All that a look sees: members and means (`compare.outline`), and the paired docs by task."""

    entry: Mapping[str, Any]
    pairs: Mapping[str, Sequence[DocPair]]


def judge_look(states: States, candidate: JudgedRun, base: JudgedRun, rules: Rules, look: int) -> None:
    """Bring `states` up to `look`.

    Args:
        states: what earlier looks said; changed in place.
        candidate: the run as it stands at this look.
        base: the finished run that the candidate is compared with.
        rules: the rules of all looks.
        look: the number of the look, 1 for the first.
    """
    pairs = paired_docs(candidate, base)
    seen = Seen(outline(candidate, base, pairs), pairs)
    going = [family for family, state in states.items() if not state.closed and rules.planned(family)]
    judge_open_families(states, going, seen, rules, look)
    for family in going:
        state = states[family]
        if state.look in {0, look} and state.judged.get("stderr"):
            state.path.append((state.judged["mean"], state.judged["stderr"]))
        judge_beside(state, family, seen, rules, look)
    for state in states.values():
        if not state.closed and (look == rules.looks or (state.verdict != INCONCLUSIVE and not state.in_doubt)):
            state.closed = look


def judge_open_families(
    states: States,
    going: Sequence[str],
    seen: Seen,
    rules: Rules,
    look: int,
) -> None:
    """Judge the families without a verdict; a FAIL leaves more of alpha to the others, which are judged again.

    Args:
        states: family to its state, which is changed.
        going: the families that may be judged at this look.
        seen: what the look sees.
        rules: what all looks have in common.
        look: number of the look, from 1.
    """
    while True:
        failed = sum(state.verdict == FAIL for state in states.values())
        for family in going:
            state = states[family]
            if state.verdict == INCONCLUSIVE:
                state.judged = _judged(family, seen, rules.levels(family, failed).at(rules.policy, look), rules, look)
                if state.judged["verdict"] != INCONCLUSIVE:
                    state.verdict, state.look = state.judged["verdict"], look
        if sum(state.verdict == FAIL for state in states.values()) == failed:
            return


def judge_beside(
    state: FamilyState,
    family: str,
    seen: Seen,
    rules: Rules,
    look: int,
) -> None:
    """Judge the guards and limits of a family; a guard that has failed keeps its verdict.

    Args:
        state: the family's state, which is changed.
        family: name of the family.
        seen: what the look sees.
        rules: what all looks have in common.
        look: number of the look, from 1.
    """
    numbers = rules.levels(family)
    before = {one["flag"]: one for one in state.limits if one["verdict"] == FAIL}
    found = judge_limits(seen.pairs, {family: rules.members[family]}, numbers.at(rules.policy, look))
    state.limits = [before.get(one["flag"], one) for one in found]
    for task in rules.planned(family):
        if task in seen.pairs and state.guards.get(task, {}).get("verdict") != FAIL:
            at = numbers.at(rules.policy, look, task)
            state.guards[task] = judge_tasks(seen.entry, {task: seen.pairs[task]}, at)[task]


def _judged(family: str, seen: Seen, at: Policy, rules: Rules, look: int) -> dict[str, Any]:
    margin = rules.margins[family]
    judged = judge_families(seen.entry, seen.pairs, {family: margin}, at)[family]
    if look == rules.looks:
        return judged
    if judged["verdict"] == FAIL and not (judged["mean"] or 0.0) < -margin:
        return {**judged, "verdict": INCONCLUSIVE, "reason": (
            f"{family_named(family)} got worse, but by no more than the margin of "
            f"{100 * margin:g} points so far: only the last look may fail it"
        )}  # fmt: skip
    if judged["verdict"] == PASS and judged["bounds"] == "identity":
        return {
            **judged,
            **_as_a_sample([as_pairs(seen.pairs[task]) for task in rules.members[family]], family, margin, at),
        }
    return judged


def _as_a_sample(parts: Sequence[Any], family: str, margin: float, at: Policy) -> dict[str, Any]:
    """Judge a family whose records agree so far by bounds: what is still to come may differ."""
    found = effect([replace(part, identical=False) for part in parts], at.alpha)
    lower = -1.0 if found.lower is None else found.lower
    return {
        "verdict": PASS if lower > -margin else INCONCLUSIVE,
        "reason": f"{family_named(family)}: every record so far is the same in both runs, the difference "
        f"at least {100 * lower:+.1f} points",
        "lower": lower,
        "stderr": found.stderr,
        "bounds": found.bounds,
    }
