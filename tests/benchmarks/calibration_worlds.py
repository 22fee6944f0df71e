"""Simulated models for the calibration: what a doc's difference is distributed as, and draws of whole tasks.

Every doc has a chance of its own to be right, Beta(mean c, (1 - mean) c) over docs; a small c makes docs that a model
always or never solves, c = 0 leaves only those (greedy decoding). A harm lowers the task's mean by `drop`:

    shrink    every doc's chance falls by the same share
    whole     some docs, drawn at random, are lost altogether
    solved    docs that were nearly always right are lost altogether
    noise     every chance p also moves by p (1 - p) up or down, doc by doc

A negative drop is a gain: every doc's chance to be wrong falls by the same share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy import stats

from spot_eval.metrics.power import TaskPlan
from tests.benchmarks.calibration_arrays import Drawn

QUANTILES = (np.arange(1000) + 0.5) / 1000
GRID = 240
"""Differences of ragged repeats are split between the neighbouring multiples of 1 / GRID, which keeps their mean."""
KINDS = ("shrink", "whole", "solved", "noise")


@dataclass(frozen=True)
class Task:
    """A task of a simulated suite; `pool`, if given, holds each doc's chance (from real labels).

    `missing` is the share of repeats that could not be judged, drawn doc by doc.
    """

    family: str
    docs: int
    repeats: int
    mean: float
    base_repeats: int | None = None
    concentration: float = 1.0
    pool: tuple[float, ...] | None = None
    missing: float = 0.0

    @cached_property
    def chances(self) -> np.ndarray:
        """Chances that stand for the docs' distribution."""
        if self.pool is not None:
            return np.asarray(self.pool)
        if not self.concentration:
            return (self.mean > QUANTILES).astype(float)
        c = self.concentration
        return stats.beta.ppf(QUANTILES, self.mean * c, (1 - self.mean) * c)

    @property
    def plan(self) -> TaskPlan:
        """What `power` knows of such a task from a deep base."""
        p = self.chances
        base = self.base_repeats or self.repeats
        return TaskPlan(self.family, self.docs, self.repeats, base, float(p.mean()), float((p**2).mean()))


SPOT = {  # sizes and repeats of the suite; chances as an 8B instruct model might have them
    "aime24": Task("in_domain", 30, 16, 0.3),
    "aime25": Task("in_domain", 30, 16, 0.2),
    "amc23": Task("in_domain", 40, 16, 0.65),
    "math500": Task("in_domain", 500, 5, 0.83),
    "minerva": Task("in_domain", 272, 5, 0.4),
    "olympiadbench": Task("in_domain", 675, 5, 0.5),
    "gpqa_diamond": Task("ood", 198, 5, 0.49),
    "connect4": Task("ood", 500, 5, 0.2),
    "ifeval": Task("general", 541, 5, 0.83),
}
SMALL = {
    "mini_arithmetic": Task("in_domain", 200, 1, 0.45),
    "mini_bags": Task("ood", 150, 1, 0.35),
    "mini_boards": Task("ood", 150, 1, 0.5),
    "mini_instructions": Task("general", 200, 1, 0.87),
}


def altered(tasks: Mapping[str, Task], repeats: int | None = None, **changes: object) -> dict[str, Task]:
    """The same tasks with other settings; `repeats` also moves the base's unless it is given."""
    made = {}
    for name, task in tasks.items():
        more = {"repeats": repeats} if repeats else {}
        made[name] = replace(task, **more, **changes)  # type: ignore[arg-type]
    return made


def members(tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """Tasks by family."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        found[task.family].append(name)
    return dict(found)


def after_harm(p: np.ndarray, kind: str, drop: float) -> list[tuple[np.ndarray, np.ndarray | float]]:
    """(chances of the candidate, share of docs that have them) for each way a doc may go."""
    if kind == "noise":
        up, down = np.clip(p + p * (1 - p), 0, 1), np.clip(p - p * (1 - p), 0, 1)
        kept = (p.mean() - drop) / ((up.mean() + down.mean()) / 2)
        return [(np.clip(up * kept, 0, 1), 0.5), (down * kept, 0.5)]
    if not drop:
        return [(p, 1.0)]
    if drop < 0:  # a gain: every doc's chance to be wrong falls by the same share
        return [(1 - (1 - p) * (1 + drop / (1 - p).mean()), 1.0)]
    if kind == "shrink":
        return [(p * (1 - drop / p.mean()), 1.0)]
    may = p > 0.9 if kind == "solved" and drop < float((p * (p > 0.9)).mean()) else p >= 0
    share = np.where(may, drop / float((p * may).mean()), 0.0)
    return [(p, 1 - share), (np.zeros_like(p), share)]


def differences(task: Task, kind: str = "shrink", drop: float = 0.0, redrawn: float = 0.0) -> tuple[
    np.ndarray, np.ndarray
]:  # fmt: skip
    """Return (values, chances) of one doc's difference; `redrawn` is the share of docs whose chance is drawn anew."""
    base = task.base_repeats or task.repeats
    if not task.missing:
        return _differences(task, kind, drop, redrawn, task.repeats, base)
    chances = np.zeros(2 * GRID + 2)
    for mine in range(1, task.repeats + 1):
        for other in range(1, base + 1):
            share = _judged(task.repeats, task.missing, mine) * _judged(base, task.missing, other)
            if share > 1e-7:
                values, of_value = _differences(task, kind, drop, redrawn, mine, other)
                at = (values + 1) * GRID
                below = np.floor(at + 1e-9).astype(int)
                np.add.at(chances, below, share * of_value * (1 - (at - below)))
                np.add.at(chances, below + 1, share * of_value * (at - below))
    seen = chances > 1e-12
    return (np.arange(2 * GRID + 2)[seen] - GRID) / GRID, chances[seen] / chances[seen].sum()


def _judged(repeats: int, missing: float, judged: int) -> float:
    return float(stats.binom.pmf(judged, repeats, 1 - missing) / (1 - missing**repeats))


@lru_cache(maxsize=2048)
def _differences(
    task: Task, kind: str, drop: float, redrawn: float, repeats: int, base: int
) -> tuple[np.ndarray, np.ndarray]:
    p = task.chances
    before = stats.binom.pmf(np.arange(base + 1), base, p[:, None]) / len(p)
    fine = int(np.lcm(repeats, base))
    step = np.subtract.outer(np.arange(repeats + 1) * (fine // repeats), np.arange(base + 1) * (fine // base)) + fine
    chances = np.zeros(2 * fine + 1)
    for candidate, share in after_harm(p, kind, drop):
        right = stats.binom.pmf(np.arange(repeats + 1), repeats, candidate[:, None])
        right = (1 - redrawn) * right + redrawn * right.mean(0)
        joint = np.einsum("pi,pj->ij", right, before * np.reshape(share * np.ones(len(p)), (-1, 1)))
        np.add.at(chances, step.ravel(), joint.ravel())
    values, seen = (np.arange(2 * fine + 1) - fine) / fine, chances > 1e-12
    return values[seen], chances[seen] / chances[seen].sum()


def drawn(task: Task, pmf: tuple[np.ndarray, np.ndarray], sims: int, rng: np.random.Generator) -> Drawn:
    """Draw `sims` comparisons of a task whose docs differ as `pmf` says."""
    counts = rng.multinomial(task.docs, pmf[1], size=sims).astype(float)
    return Drawn(
        pmf[0], counts, task.docs, (task.base_repeats or task.repeats) == task.repeats == 1 and not task.missing
    )


def greedy(docs: int, lost: float, gained: float) -> tuple[Task, tuple[np.ndarray, np.ndarray]]:
    """A task at one repeat whose docs are lost and gained with these chances."""
    task = Task("general", docs, 1, 0.5, concentration=0.0)
    return task, (np.array([-1.0, 0.0, 1.0]), np.array([lost, 1 - lost - gained, gained]))


def flag_growth(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """(values, chances) of a doc's growth of truncated answers if nothing changed: 4 % of them, most in few docs."""
    return _differences(replace(task, mean=0.04, concentration=5.0, pool=None, missing=0.0), "shrink", 0.0, 0.0,
                        task.repeats, task.base_repeats or task.repeats)  # fmt: skip
