"""Redraw answers: what a model of the same ability would answer to the same docs, from the answers on record.

    redrawn(start, count, concentration(scores), 10, rng)     # (docs, 10) numbers of answers

Each doc has its own unknown distribution of answers. The prior is a Dirichlet process around the answers of the whole
task (Ferguson 1973), and its posterior is drawn by the urn of Blackwell and MacQueen (1973): the next answer is one of
the doc's own, one drawn before, or one of the task's. For scores of 0 and 1 that is a Beta posterior. All draws of a
call are exchangeable, so any split of them is a pair of runs between which nothing changed. Knows numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ASSUMED = 1.0
"""The concentration if no doc has two scores: half of the variance lies within docs, as `power` assumes."""
LARGEST = 1e6
"""Stands for docs that do not differ from each other."""


def concentration(scores: Sequence[np.ndarray]) -> float | None:
    """Return how little docs differ: the weight of the task's answers, counted in answers; None if it is unknown.

    0 if each doc always has the same score. It matches the variance within docs (unbiased, from docs with two scores
    or more) with the variance of all scores: within / all = c / (c + 1).

    Args:
        scores: the judged scores of each doc.
    """
    known = [one for one in scores if len(one)]
    several = [one for one in known if len(one) > 1]
    if not several:
        return None
    within = float(np.mean([one.var(ddof=1) for one in several]))
    mean = float(np.mean([one.mean() for one in known]))
    overall = float(np.mean([((one - mean) ** 2).mean() for one in known]))
    if within <= 0:
        return 0.0
    return LARGEST if overall - within < within / LARGEST else within / (overall - within)


def redrawn(start: np.ndarray, count: np.ndarray, weight: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the numbers of `draws` answers of each doc, drawn from its posterior: (docs, draws).

    Args:
        start: the number of each doc's first answer; its others follow.
        count: how many answers each doc has, at least one.
        weight: the concentration; 0 draws only answers of the doc itself.
        draws: answers to draw per doc.
        rng: the source of randomness.
    """
    docs = np.arange(len(start))
    found = np.empty((len(start), draws), dtype=np.int64)
    for step in range(draws):
        ticket = rng.random(len(start)) * (weight + count + step)
        other = rng.integers(len(start), size=len(start))
        of_task = start[other] + (rng.random(len(start)) * count[other]).astype(np.int64)
        own = start + np.minimum(ticket, count - 1).astype(np.int64)
        before = found[docs, np.clip(ticket - count, 0, max(0, step - 1)).astype(np.int64)] if step else own
        found[:, step] = np.where(ticket < count, own, np.where(ticket < count + step, before, of_task))
    return found


def split(start: np.ndarray, count: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (answers of one run, answers of the other): each doc's answers in two halves, drawn at random.

    Docs with fewer answers than others are split to the length of the shortest, so that both halves are rectangular.
    An odd answer goes to the first run.
    """
    least = int(count.min())
    order = np.argsort(
        np.where(np.arange(int(count.max())) < count[:, None], rng.random((len(start), int(count.max()))), 2.0), axis=1
    )
    numbers = start[:, None] + order[:, :least]
    half = (least + 1) // 2
    return numbers[:, :half], numbers[:, half:]
