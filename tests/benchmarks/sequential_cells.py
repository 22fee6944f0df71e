"""Cells of the sequential calibration: how often a run until a verdict errs, and what it saves.

    unchanged("spot", SPOT, sims, rng)
    margin("spot", SPOT, "ood", "whole", sims, rng)

The rule is that of gating/sequential.py with its levels; bounds and p values are those of calibration_arrays. The
claims are the fixed gate's: at most 5 % false FAIL of the whole gate, at most 5.5 % false PASS of a family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spot_eval.gating.expected import expected_cost, looks_of
from spot_eval.gating.look_plan import number_of_looks
from spot_eval.gating.sequential import Rules
from tests.benchmarks import calibration_worlds as worlds
from tests.benchmarks.calibration_arrays import Drawn, lower, p_harm
from tests.benchmarks.calibration_cells import FALSE_FAIL, FALSE_PASS, POLICY, Cell, evidence
from tests.benchmarks.calibration_worlds import Task
from tests.benchmarks.sequential_worlds import paths

Path = Mapping[str, Sequence[Drawn]]
"""Task to the differences at each look."""


@dataclass(frozen=True)
class Ended:
    """How runs ended; arrays of (simulations, families), guards and limits of (simulations,)."""

    verdict: np.ndarray
    """1 for PASS, -1 for FAIL, 0 for none."""
    closed: np.ndarray
    """The look after which nothing more was asked, from 0."""
    beside: np.ndarray
    """True if a guard or a limit failed."""

    @property
    def fails(self) -> np.ndarray:
        """FAIL of the whole gate."""
        return (self.verdict < 0).any(axis=1) | self.beside

    @property
    def passes(self) -> np.ndarray:
        """PASS of the whole gate."""
        return (self.verdict > 0).all(axis=1) & ~self.beside


def rules_of(tasks: Mapping[str, Task]) -> Rules:
    """Return the rules of a simulated suite, as `run --until-verdict` plans them."""
    looks = number_of_looks([task.repeats for task in tasks.values()])
    plan = {name: looks_of(task.plan, looks) for name, task in tasks.items()}
    members = worlds.members(tasks)
    return Rules(POLICY, plan, members, dict.fromkeys(members, POLICY.margin))


def judged(rules: Rules, drawn: Path, flags: Path | None = None) -> Ended:
    """Return how runs with these differences end; `flags` are growths of truncated answers."""
    sims = len(next(iter(drawn.values()))[0].counts)
    names = list(rules.members)
    verdict, closed = np.zeros((sims, len(names)), dtype=int), np.full((sims, len(names)), -1)
    guard_failed = {task: np.zeros(sims, dtype=bool) for task in drawn}
    limit_failed = np.zeros((sims, len(names)), dtype=bool)
    for look in range(rules.looks):
        going = closed < 0
        _families(rules, rules.members, drawn, look, going, verdict)
        for column, name in enumerate(names):
            open_now, levels = going[:, column], rules.levels(name)
            doubt, failed = np.zeros(sims, dtype=bool), limit_failed[:, column].copy()
            for task in rules.members[name]:
                part = drawn[task][look]
                fallen = part.mean < -POLICY.guards.tasks.get(task, POLICY.guards.drop)
                new = open_now & fallen & (_p(part, fallen & open_now) <= levels.guards[task][look])
                guard_failed[task] |= new
                failed |= guard_failed[task]
                doubt |= fallen
            if flags is not None:
                parts = [flags[task][look] for task in rules.members[name]]
                grown = sum(part.mean for part in parts) / len(parts) > POLICY.limits.truncated + 1e-12
                p = np.ones(sims)
                if (at := np.flatnonzero(grown & open_now)).size:
                    p[at] = p_harm([_rows(part.mirrored, at) for part in parts])
                new = open_now & grown & (2 * p <= levels.limits[look])  # Holm over truncated and unparsed
                limit_failed[:, column] |= new
                failed |= new
                doubt |= grown
            decided = (verdict[:, column] != 0) & ((verdict[:, column] < 0) | failed | ~doubt)
            if look == rules.looks - 1:
                decided[:] = True
            closed[open_now & decided, column] = look
    beside = np.any(list(guard_failed.values()), axis=0) | limit_failed.any(axis=1)
    return Ended(verdict, closed, beside)


def _families(
    rules: Rules,
    members: Mapping[str, Sequence[str]],
    drawn: Path,
    look: int,
    going: np.ndarray,
    verdict: np.ndarray,
) -> None:
    """Judge the open families at a look; a FAIL leaves more of alpha to the others, which are judged again.

    Args:
        rules: the rules of the suite.
        members: the simulated families, a column each.
        drawn: the differences of each task at each look.
        look: the look, from 0.
        going: which families are still asked.
        verdict: the verdicts so far; changed in place.
    """
    last = look == rules.looks - 1
    may_fail, p = np.zeros(verdict.shape, dtype=bool), np.ones(verdict.shape)
    for column, (name, tasks) in enumerate(members.items()):
        at = np.flatnonzero(going[:, column] & (verdict[:, column] == 0))
        if not at.size:
            continue
        parts = [_rows(drawn[task][look], at) for task in tasks]
        level = rules.levels(name).passing[look]
        passed = lower(parts, max(level, 1e-9)) > -rules.margins[name]
        verdict[at[passed], column] = 1
        mean = sum(part.mean for part in parts) / len(parts)
        asked = ~passed & (mean < (0.0 if last else -rules.margins[name]))
        if asked.any():
            may_fail[at[asked], column] = True
            p[at[asked], column] = p_harm([_rows(part, np.flatnonzero(asked)) for part in parts])
    for _ in members:
        failed = (verdict < 0).sum(axis=1)
        for column, name in enumerate(members):
            levels = np.array([rules.levels(name, count).failing[look] for count in range(len(rules.margins))])
            new = may_fail[:, column] & (p[:, column] <= levels[np.minimum(failed, len(levels) - 1)])
            verdict[new & (verdict[:, column] == 0), column] = -1


def _rows(part: Drawn, at: np.ndarray) -> Drawn:
    return part._replace(counts=part.counts[at])


def _p(part: Drawn, asked: np.ndarray) -> np.ndarray:
    p = np.ones(len(asked))
    if (at := np.flatnonzero(asked)).size:
        p[at] = p_harm([_rows(part, at)])
    return p


def spent(rules: Rules, ended: Ended) -> float:
    """Return the share of the protocol's answers that the runs asked for, on average."""
    asked, whole = 0.0, 0.0
    for column, members in enumerate(rules.members.values()):
        cost = np.sum([np.multiply(rules.plan[task].docs, rules.plan[task].repeats) for task in members], axis=0)
        asked += float(cost[ended.closed[:, column]].mean())
        whole += float(cost[-1])
    return asked / whole


def unchanged(
    name: str, tasks: Mapping[str, Task], sims: int, rng: np.random.Generator, redrawn: float = 0.0
) -> list[Cell]:
    """A model set beside itself, with 4 % of its answers truncated; `redrawn` docs changed in either direction."""
    return _whole("unchanged", name, tasks, 0.0, sims, rng, limit=FALSE_FAIL, redrawn=redrawn)


def curve(name: str, tasks: Mapping[str, Task], change: float, sims: int, rng: np.random.Generator) -> list[Cell]:
    """All tasks change alike, every doc's chance by the same share."""
    return _whole("curve", f"{name}: {100 * change:+g}", tasks, change, sims, rng)


def _whole(
    section: str,
    name: str,
    tasks: Mapping[str, Task],
    change: float,
    sims: int,
    rng: np.random.Generator,
    *,
    limit: float | None = None,
    redrawn: float = 0.0,
) -> list[Cell]:
    rules = rules_of(tasks)
    drawn = {
        one: paths(task, rules.plan[one], "shrink", min(-change, task.mean), sims, rng, redrawn=redrawn)
        for one, task in tasks.items()
    }
    flags = {one: paths(_truncation(task), rules.plan[one], "shrink", 0.0, sims, rng) for one, task in tasks.items()}
    ended = judged(rules, drawn, flags)
    fixed = evidence(tasks, {one: of[-1] for one, of in drawn.items()}, {one: of[-1] for one, of in flags.items()})
    plans = {one: task.plan for one, task in tasks.items()}
    cost = expected_cost(plans, worlds.members(tasks), POLICY, rules.margins)
    truths = cost["truths"] if cost and not redrawn else []
    foretold = next((one for one in truths if one["change"] == change), None)
    extra = {
        "pass": round(float(ended.passes.mean()), 5),
        "fixed_pass": round(float(fixed.judged().gate_passes.mean()), 5),
        "fixed_fail": round(float(fixed.judged().gate_fails.mean()), 5),
        "share": round(spent(rules, ended), 5),
        "foretold_share": foretold and round(foretold["share"], 5),
        "foretold_pass": foretold and round(foretold["pass"], 5),
    }
    return [Cell(section, name, float(ended.fails.mean()), sims, limit, extra)]


def _truncation(task: Task) -> Task:
    """The truncated answers of a task: 4 %, most of them in few docs."""
    return replace(task, mean=0.04, concentration=5.0, pool=None)


def margin(
    name: str, tasks: Mapping[str, Task], family: str, kind: str, sims: int, rng: np.random.Generator
) -> list[Cell]:
    """A family that lost exactly its margin in every task: how often it passes at one of its looks."""
    rules = rules_of(tasks)
    of = {one: task for one, task in tasks.items() if task.family == family}
    drawn = {one: paths(task, rules.plan[one], kind, POLICY.margin, sims, rng) for one, task in of.items()}
    going, verdict = np.ones((sims, 1), dtype=bool), np.zeros((sims, 1), dtype=int)
    for look in range(rules.looks):
        _families(rules, {family: list(of)}, drawn, look, going, verdict)
    fixed = float((lower([path[-1] for path in drawn.values()], POLICY.alpha) > -POLICY.margin).mean())
    label = f"{name}, {family}: {kind}"
    return [Cell("margin", label, float((verdict > 0).mean()), sims, FALSE_PASS, {"fixed": round(fixed, 5)})]
