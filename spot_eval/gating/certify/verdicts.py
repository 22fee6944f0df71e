"""The gate's verdict on two sides held as arrays: the rules, bounds and tests of `spot-eval gate`, without its report.

    evidence = gather(exam, base, candidate)
    harmed = gather(exam, base, planted, evidence, touched={"math500"})     # only what the harm touched is new
    verdict(exam, harmed).gate                                              # "fail"

A test sets both beside the gate itself on the same records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spot_eval.comparison.pairing import AS_JUDGED, BEST, FLAGS, WORST, Imputation
from spot_eval.gating.certify.answers import RecordedTask
from spot_eval.gating.certify.sides import Side, Sides
from spot_eval.gating.judgement import Judgement, family_rule, settle, task_rule
from spot_eval.gating.limits import limit_rule
from spot_eval.gating.policy import FAIL, INCONCLUSIVE, PASS, Policy
from spot_eval.gating.rules import room_to_lose
from spot_eval.metrics.paired import NOTHING, Effect, Pairs, holm, lower_bound, screened_p_harm

CASES = {"judged": AS_JUDGED, "worst": WORST, "best": BEST}
Flag = tuple[str, str]
"""(family, flag)"""


@dataclass(frozen=True)
class Exam:
    """The exam that is certified: recorded tasks, families with their tasks and margins, and the policy."""

    tasks: Mapping[str, RecordedTask]
    members: Mapping[str, Sequence[str]]
    margins: Mapping[str, float]
    policy: Policy

    def flag_known(self, family: str, flag: str) -> bool:
        """Return True if every answer of a family records whether it has this flag."""
        return flag != "truncated" or all(self.tasks[task].truncated is not None for task in self.members[family])


@dataclass(frozen=True)
class Tested:
    """An effect, and the p of its harm (or of the growth of a flag), which is computed once a verdict asks for it."""

    effect: Effect
    parts: Sequence[Pairs]
    level: float
    """The share of alpha of all `tests` together."""
    tests: int

    @cached_property
    def p(self) -> float:
        """The p, or a stand-in on the same side of every level of Holm's method."""
        return screened_p_harm(self.parts, self.level, self.tests)


@dataclass(frozen=True)
class Evidence:
    """The numbers that the gate's rules read; those of families and tasks by case of what was not judged."""

    families: Mapping[str, Mapping[str, Tested]]
    tasks: Mapping[str, Mapping[str, Tested]]
    growth: Mapping[Flag, Tested]
    bases: Mapping[str, float]


@dataclass(frozen=True)
class ExamVerdict:
    """The verdicts of all rules on one comparison."""

    families: Mapping[str, str]
    guards: Mapping[str, str]
    limits: Mapping[Flag, str]

    @property
    def gate(self) -> str:
        """The verdict of the whole gate."""
        found = {*self.families.values(), *self.guards.values(), *self.limits.values()}
        return FAIL if FAIL in found else INCONCLUSIVE if INCONCLUSIVE in found else PASS

    def caught_by(self, exam: Exam, family: str) -> tuple[bool, bool, bool]:
        """Return True for each kind of rule that failed a family: the family's own, a guard, a limit."""
        return (
            self.families[family] == FAIL,
            any(self.guards[task] == FAIL for task in exam.members[family]),
            any(verdict == FAIL for (of, _), verdict in self.limits.items() if of == family),
        )


def gather(
    exam: Exam,
    base: Sides,
    candidate: Sides,
    before: Evidence | None = None,
    touched: AbstractSet[str] = frozenset(),
) -> Evidence:
    """Return the evidence on a candidate.

    Args:
        exam: tasks, families, margins and policy that every candidate is judged by.
        base: the base's side of each task.
        candidate: the same of the candidate.
        before: the evidence on another candidate against the same base.
        touched: the tasks in which the two candidates differ; the others' numbers are taken from `before`.
    """
    policy = exam.policy
    fresh = set(exam.tasks) if before is None else set(touched)
    cases = CASES if any(np.isnan(side.scores).any() for of in (base, candidate) for side in of.values()) else {
        "judged": AS_JUDGED
    }  # fmt: skip
    families: dict[str, dict[str, Tested]] = {}
    tasks: dict[str, dict[str, Tested]] = {}
    changed = {family for family, members in exam.members.items() if fresh & set(members)}
    needed = {task for family in changed for task in exam.members[family]}
    for case, imputed in cases.items():
        pairs = {task: _pairs(exam.tasks[task], base[task], candidate[task], imputed) for task in needed}
        families[case] = {
            family: before.families[case][family]
            if before and family not in changed
            else _tested([pairs[task] for task in members], policy, "families", len(exam.members))
            for family, members in exam.members.items()
        }
        tasks[case] = {
            task: before.tasks[case][task]
            if before and task not in fresh
            else _tested([pairs[task]], policy, "guards", len(exam.tasks), bounded=False)
            for task in exam.tasks
        }
    flags = [(family, flag) for family in exam.members for flag in FLAGS if exam.flag_known(family, flag)]
    growth = {
        (family, flag): before.growth[family, flag]
        if before and family not in changed
        else _growth(exam, family, flag, base, candidate)
        for family, flag in flags
    }
    bases = {task: _base_mean(base[task], candidate[task]) for task in fresh}
    return Evidence(families, tasks, growth, {**(before.bases if before else {}), **bases})


def _pairs(task: RecordedTask, base: Side, candidate: Side, imputed: Imputation) -> Pairs:
    """Return the numbers for the statistics, as `comparison.pairing.as_pairs`."""
    mine, other = candidate.mean_with(imputed.candidate), base.mean_with(imputed.base)
    judged = ~np.isnan(mine) & ~np.isnan(other)
    judged &= ~(np.isnan(candidate.scores).all(axis=1) & np.isnan(base.scores).all(axis=1))
    once = candidate.scores.shape[1] == base.scores.shape[1] == 1
    both = np.concatenate([mine[judged], other[judged]])
    return Pairs(
        mine[judged] - other[judged],
        clusters=None if task.clusters is None else task.clusters[judged],
        binary=once and bool(np.isin(both, (0.0, 1.0)).all()),
        identical=bool(judged.all()) and np.array_equal(candidate.texts, base.texts),
    )


def _tested(parts: Sequence[Pairs], policy: Policy, share: str, tests: int, *, bounded: bool = True) -> Tested:
    """Return what the rules read of an effect: the mean, the lower bound if `bounded`, and the p."""
    if any(part.docs == 0 for part in parts):
        effect = NOTHING
    elif all(part.identical for part in parts):
        effect = replace(NOTHING, mean=0.0, lower=0.0, bounds="identity")
    else:
        lower = lower_bound(parts, policy.alpha) if bounded else -1.0  # no rule asks a task for its bound
        effect = replace(NOTHING, mean=_mean(parts), lower=lower, bounds="likelihood")
    return Tested(effect, parts, policy.share(share), tests)


def _mean(parts: Sequence[Pairs]) -> float:
    return sum(float(part.differences.mean()) for part in parts) / len(parts)


def _growth(exam: Exam, family: str, flag: str, base: Sides, candidate: Sides) -> Tested:
    parts = [
        Pairs(_rates(base[task], flag) - _rates(candidate[task], flag), exam.tasks[task].clusters)
        for task in exam.members[family]
    ]
    tests = sum(exam.flag_known(name, one) for name in exam.members for one in FLAGS if one != "not_judged")
    return Tested(replace(NOTHING, mean=-_mean(parts)), parts, exam.policy.share("limits"), tests)


def _rates(side: Side, flag: str) -> np.ndarray:
    values = {"truncated": side.truncated, "unparsed": side.unparsed, "not_judged": np.isnan(side.scores)}[flag]
    assert values is not None
    return values.mean(axis=1)


def _base_mean(base: Side, candidate: Side) -> float:
    mine, other = candidate.mean_with(None), base.mean_with(None)
    judged = ~np.isnan(mine) & ~np.isnan(other)
    return float(other[judged].mean()) if judged.any() else 0.0


def verdict(exam: Exam, seen: Evidence) -> ExamVerdict:
    """Return the gate's verdicts on the evidence."""
    policy = exam.policy
    drops = {task: policy.guards.tasks.get(task, policy.guards.drop) for task in exam.tasks}
    of_families: dict[str, dict[str, Judgement]] = {}
    of_tasks: dict[str, dict[str, Judgement]] = {}
    for case, found in seen.families.items():
        p = _adjusted(found, {name for name, one in found.items() if (one.effect.lower or 0.0) <= -exam.margins[name]})
        of_families[case] = {
            name: family_rule(name, one.effect, p[name], exam.margins[name], policy) for name, one in found.items()
        }
        of_case = seen.tasks[case]
        p = _adjusted(of_case, {task for task, one in of_case.items() if (one.effect.mean or 0.0) < -drops[task]})
        of_tasks[case] = {
            task: task_rule(task, one.effect, p[task], drops[task], policy) for task, one in of_case.items()
        }
    return ExamVerdict(
        families={family: _family(exam, family, of_families, seen) for family in exam.members},
        guards={
            task: settle(task, {case: judged[task] for case, judged in of_tasks.items()}).verdict for task in exam.tasks
        },
        limits=_limits(exam, seen),
    )


def _adjusted(tested: Mapping[str, Tested], asked: AbstractSet[str]) -> dict[str, float | None]:
    """Return p values adjusted by Holm's method, right for `asked`; a verdict on the others does not read theirs.

    A p that is above the level, or below its smallest part, is on that side after any adjustment. Only between the two
    does it depend on the other p values.
    """
    known = [name for name, one in tested.items() if one.effect.mean is not None]
    found: dict[str, float | None] = {name: 1.0 if name in known else None for name in tested}
    p = {name: tested[name].p for name in known if name in asked}
    level = next((one.level for one in tested.values()), 0.0)
    if any(level / len(known) < one <= level for one in p.values()):
        adjusted = holm([tested[name].p for name in known])
        return {**found, **dict(zip(known, adjusted, strict=True))}
    return {**found, **{name: 1.0 if one > level else 0.0 for name, one in p.items()}}


def _family(exam: Exam, family: str, by_case: Mapping[str, Mapping[str, Judgement]], seen: Evidence) -> str:
    found = settle(family, {case: judged[family] for case, judged in by_case.items()})
    if found.verdict == PASS and found.effect.bounds != "identity":
        room = room_to_lose({task: seen.bases[task] for task in exam.members[family]}, exam.policy)
        return INCONCLUSIVE if room <= exam.margins[family] else PASS
    return found.verdict


def _limits(exam: Exam, seen: Evidence) -> dict[Flag, str]:
    limits = exam.policy.limits.model_dump()
    tested = {" ".join(which): one for which, one in seen.growth.items() if which[1] != "not_judged"}
    grown = {" ".join(which) for which, one in seen.growth.items() if (one.effect.mean or 0.0) > limits[which[1]]}
    p = _adjusted(tested, grown & tested.keys())
    level = exam.policy.share("limits")
    return {
        (family, flag): limit_rule(
            seen.growth[family, flag].effect.mean, limits[flag], p.get(f"{family} {flag}"), level
        )
        if (family, flag) in seen.growth
        else INCONCLUSIVE
        for family in exam.members
        for flag in FLAGS
    }
