"""Simulated runs that are looked at while they go on: each doc's answers are drawn once and seen wave by wave.

paths(task, looks, "whole", 0.03, sims, rng)     # a `Drawn` of the differences at each look
"""

from __future__ import annotations

import math

import numpy as np

from spot_eval.runs.looks import TaskLooks
from tests.benchmarks.calibration_arrays import Drawn
from tests.benchmarks.calibration_worlds import Task, after_harm

BLOCK = 250
GRID = 96
"""Finer differences are rounded to multiples of 1 / GRID, up or down at random, which keeps their mean."""


def paths(
    task: Task,
    looks: TaskLooks,
    kind: str,
    drop: float,
    sims: int,
    rng: np.random.Generator,
    *,
    redrawn: float = 0.0,
) -> list[Drawn]:
    """Return the differences of a task at each look of `sims` runs.

    Args:
        task: the task.
        looks: docs and repeats at each look.
        kind: the kind of harm.
        drop: how far the task's mean truly falls.
        sims: how many runs to draw.
        rng: the source of randomness.
        redrawn: the share of docs whose chance is drawn anew for the candidate: they change in either direction.
    """
    chances = task.chances
    ways = after_harm(chances, kind, drop)
    after = np.stack([np.broadcast_to(way, chances.shape) for way, _ in ways])
    reached = np.cumsum([np.broadcast_to(share, chances.shape) for _, share in ways], axis=0)
    base_repeats = task.base_repeats or task.repeats
    found: list[list[np.ndarray]] = [[] for _ in looks.docs]
    for at in range(0, sims, BLOCK):
        shape = min(BLOCK, sims - at), task.docs
        index = rng.integers(len(chances), size=shape)
        mine = index
        if redrawn:
            mine = np.where(rng.random(shape) < redrawn, rng.integers(len(chances), size=shape), index)
        way = (rng.random(shape)[None] > reached[:-1, mine]).sum(axis=0)
        base, right, asked = rng.binomial(base_repeats, chances[index]), np.zeros(shape, dtype=np.int64), 0
        candidate = after[way, mine]
        for look, (docs, repeats) in enumerate(zip(looks.docs, looks.repeats, strict=True)):
            if repeats > asked:
                right = right + rng.binomial(repeats - asked, candidate)
                asked = repeats
            found[look].append(_histograms(right[:, :docs], repeats, base[:, :docs], base_repeats, rng))
    return [
        _drawn(np.concatenate(of), docs, single=repeats == base_repeats == 1)
        for of, docs, repeats in zip(found, looks.docs, looks.repeats, strict=True)
    ]


def _histograms(
    right: np.ndarray, repeats: int, base: np.ndarray, base_repeats: int, rng: np.random.Generator
) -> np.ndarray:
    """Return how many docs of each run have each difference, of the values -1 … 1 in equal steps."""
    fine = math.lcm(repeats, base_repeats)
    step = right * (fine // repeats) - base * (fine // base_repeats)
    if fine > GRID:
        step = np.floor(step * (GRID / fine) + rng.random(step.shape)).astype(np.int64)
        fine = GRID
    width = 2 * fine + 1
    flat = (np.arange(len(step))[:, None] * width + step + fine).ravel()
    return np.bincount(flat, minlength=len(step) * width).reshape(len(step), width).astype(float)


def _drawn(counts: np.ndarray, docs: int, *, single: bool) -> Drawn:
    fine = counts.shape[1] // 2
    seen = counts.any(axis=0)
    return Drawn(((np.arange(2 * fine + 1) - fine) / fine)[seen], counts[:, seen], docs, single)
