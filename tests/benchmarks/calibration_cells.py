"""The cells of the calibration: each simulates one situation and returns rates with their Monte-Carlo errors.

    margin("spot", SPOT, "ood", "whole", 0.03, sims, rng)   # how often a family passes though the harm is the margin

A claim has a limit: 5 % for a false FAIL of the whole gate, 5.5 % for a false PASS of a family. A cell without a limit
is measured and shown only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from spot_eval.gating.policy import SHARES, Policy
from spot_eval.gating.power import plan_power
from spot_eval.metrics import paired
from spot_eval.metrics.paired import Pairs
from spot_eval.metrics.power import chance_to_find, smallest_drop
from tests.benchmarks import calibration_worlds as worlds
from tests.benchmarks.calibration_arrays import Drawn, holm, lower, lower_t, p_harm
from tests.benchmarks.calibration_worlds import Task

POLICY = Policy()
FALSE_FAIL, FALSE_PASS = 0.05, 0.055


@dataclass(frozen=True)
class Cell:
    """One measured rate; `holds` is None if nothing is claimed."""

    section: str
    name: str
    rate: float
    sims: int
    limit: float | None = None
    extra: Mapping[str, Any] | None = None

    @property
    def error(self) -> float:
        """The Monte-Carlo standard error."""
        return math.sqrt(self.rate * (1 - self.rate) / self.sims)

    @property
    def holds(self) -> bool | None:
        """True if the rate is within its limit."""
        return None if self.limit is None else self.rate <= self.limit

    @property
    def near_its_limit(self) -> bool:
        """True if the rate cannot be told from the limit: they are less than three errors apart."""
        return self.limit is not None and abs(self.rate - self.limit) < 3 * self.error

    def row(self) -> dict[str, Any]:
        """Return the cell for the result file."""
        return {**asdict(self), "rate": round(self.rate, 5), "error": round(self.error, 5), "holds": self.holds}


def pooled(measured: Sequence[Cell]) -> Cell:
    """Return one cell from several of the same size: the means of all rates."""
    count = len(measured)
    extras = [cell.extra or {} for cell in measured]
    extra = {
        name: None if value is None else round(sum(one[name] for one in extras) / count, 5)
        for name, value in extras[0].items()
    }
    rate = sum(cell.rate for cell in measured) / count
    return replace(measured[0], rate=rate, sims=sum(cell.sims for cell in measured), extra=extra)


@dataclass(frozen=True)
class Verdicts:
    """What the gate says of many comparisons; arrays of (simulations, …)."""

    passed: np.ndarray  # families
    failed: np.ndarray  # families
    guard: np.ndarray  # tasks
    limit: np.ndarray

    @property
    def gate_fails(self) -> np.ndarray:
        """FAIL of the whole gate."""
        return self.failed.any(1) | self.guard.any(1) | self.limit

    @property
    def gate_passes(self) -> np.ndarray:
        """PASS of the whole gate."""
        return self.passed.all(1) & ~self.gate_fails


@dataclass(frozen=True)
class Evidence:
    """What the gate's rule (gating/rules.py) reads of simulated comparisons; arrays of (simulations, …)."""

    passed: np.ndarray  # families: the lower bound is above -margin
    p_families: np.ndarray
    p_tasks: np.ndarray  # after Holm
    fell: np.ndarray  # tasks: by more than their guard
    p_limits: np.ndarray  # families, after Holm
    grown: np.ndarray  # families: truncated answers, by more than the limit

    def judged(self, shares: Mapping[str, float] = SHARES, correct: Callable[..., np.ndarray] = holm) -> Verdicts:
        """Return the verdicts, with these shares of alpha and this correction over the families."""
        level = {name: POLICY.alpha * share for name, share in shares.items()}
        return Verdicts(
            self.passed,
            (correct(self.p_families) <= level["families"]) & ~self.passed,
            (self.p_tasks <= level["guards"]) & self.fell,
            (self.grown & (self.p_limits <= level["limits"])).any(1),
        )


def evidence(
    tasks: Mapping[str, Task], drawn: Mapping[str, Drawn], flags: Mapping[str, Drawn] | None = None
) -> Evidence:
    """Return the evidence of simulated comparisons; `flags` are growths of truncated answers."""
    families = worlds.members(tasks)
    parts = {family: [drawn[name] for name in names] for family, names in families.items()}
    passed = np.stack([lower(of, POLICY.alpha) > -POLICY.margin for of in parts.values()], 1)
    p_limits, grown = np.ones(passed.shape), np.zeros(passed.shape, dtype=bool)
    if flags:
        growth = {family: [flags[name].mirrored for name in names] for family, names in families.items()}
        p = holm(np.stack([p_harm(of) for of in growth.values()] * 2, 1))  # truncated is half of what is tested
        p_limits = p[:, : len(families)]
        grown = np.stack([-sum(one.mean for one in of) / len(of) for of in growth.values()], 1)
        grown = grown > POLICY.limits.truncated
    return Evidence(
        passed,
        np.stack([p_harm(of) for of in parts.values()], 1),
        holm(np.stack([p_harm([one]) for one in drawn.values()], 1)),
        np.stack([one.mean for one in drawn.values()], 1) < -POLICY.guards.drop,
        p_limits,
        grown,
    )


def judge(tasks: Mapping[str, Task], drawn: Mapping[str, Drawn], flags: Mapping[str, Drawn] | None = None) -> Verdicts:
    """Return the gate's verdicts on simulated comparisons."""
    return evidence(tasks, drawn, flags).judged()


def unchanged(
    name: str, tasks: Mapping[str, Task], sims: int, rng: np.random.Generator, redrawn: float = 0.0
) -> list[Cell]:
    """A model set beside itself; `redrawn` is a share of docs that changed in either direction."""
    drawn = {
        one: worlds.drawn(task, worlds.differences(task, redrawn=redrawn), sims, rng) for one, task in tasks.items()
    }
    flags = {one: worlds.drawn(task, worlds.flag_growth(task), sims, rng) for one, task in tasks.items()}
    seen = evidence(tasks, drawn, flags)
    got = seen.judged()
    families = worlds.members(tasks)
    missed = [lower([drawn[one] for one in of], POLICY.alpha) > 0 for of in families.values()]
    foretold = plan_power({one: task.plan for one, task in tasks.items()}, families, POLICY)["pass_at_no_change"]
    old = [lower_t([drawn[one] for one in of], POLICY.alpha) > -POLICY.margin for of in families.values()]
    extra = {
        "pass": round(float(got.gate_passes.mean()), 5),
        "pass_t": round(float((np.all(old, axis=0) & ~got.gate_fails).mean()), 5),
        "foretold": None if redrawn else round(foretold, 5),
        "bounds_miss": round(max(float(one.mean()) for one in missed), 5),
        "alpha_thrice": round(float(seen.judged(dict.fromkeys(SHARES, 1.0)).gate_fails.mean()), 5),
        "no_holm": round(float(seen.judged({**SHARES, "families": 1.0}, np.asarray).failed.any(1).mean()), 5),
    }
    return [Cell("unchanged", name, float(got.gate_fails.mean()), sims, FALSE_FAIL, extra)]


def margin(
    name: str, tasks: Mapping[str, Task], family: str, kind: str, sims: int, rng: np.random.Generator, *,
    only: str | None = None, drop: float = POLICY.margin,
) -> list[Cell]:  # fmt: skip
    """A family that lost exactly its margin: in every task, or all of it in the task `only`."""
    of = {one: task for one, task in tasks.items() if task.family == family}
    drops = {one: drop if only is None else drop * len(of) * (one == only) for one in of}
    parts = [worlds.drawn(task, worlds.differences(task, kind, drops[one]), sims, rng) for one, task in of.items()]
    rate = float((lower(parts, POLICY.alpha) > -drop).mean())
    old = float((lower_t(parts, POLICY.alpha) > -drop).mean())
    label = f"{name}, {family}: {kind}" + (f", all in {only}" if only else "")
    return [Cell("margin", label, rate, sims, FALSE_PASS, {"margin": drop, "t": round(old, 5)})]


def greedy(docs: int, drop: float, gained: float, sims: int, rng: np.random.Generator) -> list[Cell]:
    """One greedy task: docs are lost or gained, by the margin on balance; and as many lost as gained."""
    task, pmf = worlds.greedy(docs, drop + gained, gained)
    harmed = [worlds.drawn(task, pmf, sims, rng)]
    task, pmf = worlds.greedy(docs, max(gained, 0.005), max(gained, 0.005))
    unchanged = [worlds.drawn(task, pmf, sims, rng)]
    rate, old, passes, passes_old = (
        float((bound(parts, POLICY.alpha) > -drop).mean())
        for parts in (harmed, unchanged)
        for bound in (lower, lower_t)
    )
    extra = {"t": round(old, 5), "pass": round(passes, 5), "pass_t": round(passes_old, 5)}
    label = f"{docs} docs, margin {100 * drop:g}, {100 * gained:g} % gained"
    return [Cell("greedy", label, rate, sims, FALSE_PASS, extra)]


LARGE = 20
"""Docs in each large cluster; a tenth of the clusters are large, the others have one doc."""


def clusters(sizes: str, declared: bool, count: int, drop: float, sims: int, rng: np.random.Generator) -> list[Cell]:
    """Clusters that are lost as a whole, and noise beside, by the real bound.

    Args:
        sizes: "unequal" (a tenth have 20 docs), "unequal, large ones lost" (no other is), or "five docs each".
        declared: tell the bound of the clusters, or let every doc pass for a unit of its own.
        count: how many clusters there are.
        drop: the expected share of docs lost, and the margin.
        sims: how many simulations.
        rng: the source of randomness.
    """
    passed, still = 0, 0
    for _ in range(sims):
        each = rng.choice([1, LARGE], count, p=[0.9, 0.1]) if sizes.startswith("unequal") else np.full(count, 5)
        index = np.repeat(np.arange(count), each)
        chance = np.full(count, drop)
        if sizes.endswith("large ones lost"):
            chance = np.where(each > 1, drop * (0.9 + 0.1 * LARGE) / (0.1 * LARGE), 0.0)
        lost = rng.random(count) < chance
        noise = rng.binomial(5, 0.5, len(index)) / 5 - rng.binomial(5, 0.5, len(index)) / 5
        noise = np.where(rng.random(len(index)) < 0.2, noise, 0.0)
        known = index if declared else None
        passed += paired.lower_bound([Pairs(np.where(lost[index], -1.0, noise), known)], POLICY.alpha) > -drop
        still += paired.lower_bound([Pairs(noise, known)], POLICY.alpha) > -drop
    label = f"{count} clusters, {sizes}, margin {100 * drop:g}{'' if declared else ', not declared'}"
    return [Cell("clusters", label, passed / sims, sims, FALSE_PASS if declared else None, {"pass": still / sims})]


def shared_base(name: str, tasks: Mapping[str, Task], bases: int, each: int, rng: np.random.Generator) -> list[Cell]:
    """One drawn base and `each` unchanged candidates, `bases` times; docs and their chances belong to the base."""
    fails = np.array([_fails_against_one(tasks, each, rng) for _ in range(bases)])
    extra = {
        "bases": bases,
        "above": round(float((fails > FALSE_FAIL).mean()), 4),
        "worst": round(float(fails.max()), 4),
        "tenth": round(float(np.quantile(fails, 0.9)), 4),
    }
    # candidates of one base are not independent: the error is that of the bases
    sims = max(1, round(fails.mean() * (1 - fails.mean()) / max(float(fails.var() / bases), 1e-9)))
    return [Cell("shared base", name, float(fails.mean()), sims, FALSE_FAIL, extra)]


def _fails_against_one(tasks: Mapping[str, Task], each: int, rng: np.random.Generator) -> float:
    drawn = {}
    for name, task in tasks.items():
        base = task.base_repeats or task.repeats
        p = rng.choice(task.chances, task.docs)
        right = rng.binomial(base, p) / base
        fine = math.lcm(base, task.repeats)
        steps = (
            np.rint((rng.binomial(task.repeats, p, (each, task.docs)) / task.repeats - right) * fine).astype(int) + fine
        )
        counts = np.zeros((each, 2 * fine + 1))
        np.add.at(counts, (np.arange(each)[:, None], steps), 1)
        seen = counts.any(0)
        values = (np.arange(2 * fine + 1) - fine) / fine
        drawn[name] = Drawn(values[seen], counts[:, seen], task.docs, base == task.repeats == 1)
    return float(judge(tasks, drawn).gate_fails.mean())


def curve(name: str, tasks: Mapping[str, Task], change: float, sims: int, rng: np.random.Generator) -> list[Cell]:
    """All tasks change alike, by harm that shrinks every doc's chance: how often the gate passes and fails."""
    drawn = {
        one: worlds.drawn(task, worlds.differences(task, "shrink", min(-change, task.mean)), sims, rng)
        for one, task in tasks.items()
    }
    got = judge(tasks, drawn)
    passes = float(got.gate_passes.mean())
    return [Cell("curve", f"{name}: {100 * change:+g}", float(got.gate_fails.mean()), sims, None, {"pass": passes})]


def power(name: str, tasks: Mapping[str, Task], family: str, sims: int, rng: np.random.Generator) -> list[Cell]:
    """The drop that `power` says fails the gate with 80 % chance, under each kind of harm."""
    of = {one: task for one, task in tasks.items() if task.family == family}
    parts = [task.plan for task in of.values()]
    level = POLICY.share("families") / len(worlds.members(tasks))
    drop = smallest_drop(parts, level, (POLICY.margin, POLICY.alpha))
    if drop is None:
        return []
    rates = {}
    for kind in worlds.KINDS:
        drawn = [worlds.drawn(task, worlds.differences(task, kind, drop), sims, rng) for task in of.values()]
        rates[kind] = float(((p_harm(drawn) <= level) & ~(lower(drawn, POLICY.alpha) > -POLICY.margin)).mean())
    foretold = chance_to_find(parts, drop, level, (POLICY.margin, POLICY.alpha))
    pessimistic = chance_to_find(parts, drop, level, (POLICY.margin, POLICY.alpha), lost_docs=True)
    extra = {
        "drop": round(drop, 5), "foretold": round(foretold, 4), "pessimistic": round(pessimistic, 4),
        **{kind: round(rate, 4) for kind, rate in rates.items()},
    }  # fmt: skip
    return [Cell("power", f"{name}, {family}", rates["shrink"], sims, None, extra)]


def with_base(tasks: Mapping[str, Task], times: int) -> dict[str, Task]:
    """The same tasks against a base of more repeats."""
    return {name: replace(task, base_repeats=task.repeats * times) for name, task in tasks.items()}


def broken(cells: Sequence[Cell]) -> list[Cell]:
    """The cells whose claim does not hold."""
    return [cell for cell in cells if cell.holds is False]
