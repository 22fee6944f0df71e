"""Compute means with standard errors, pass@k and maj@k. Pure functions of numbers; fractions of 1 throughout."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

TAIL = 0.05
"""The error of a one-sided exact bound."""
TAIL_IN_ERRORS = 1.6448536269514722
"""Standard errors from a mean to its one-sided bound at that level."""


class Estimate(NamedTuple):
    """A mean and its standard error; None if there are too few docs."""

    mean: float | None
    stderr: float | None


def mean_over_docs(doc_means: Sequence[float]) -> Estimate:
    """Return the mean of per-doc means and its standard error over docs, s / sqrt(n) with n - 1 in s.

    Repeats of a doc are not independent, so the doc is the unit (Miller 2024, "Adding Error Bars to Evals", section
    2.2). One doc has no standard error.
    """
    n = len(doc_means)
    if n == 0:
        return Estimate(None, None)
    values = np.asarray(doc_means, dtype=float)
    stderr = float(values.std(ddof=1) / math.sqrt(n)) if n > 1 else None
    return Estimate(float(values.mean()), stderr)


def mean_over_units(doc_means: Mapping[str, float], cluster_of: Mapping[str, str]) -> Estimate:
    """Return the same mean with its error over independent units: docs, or clusters of docs.

    `cluster_of` names the cluster of a doc; a doc without one stands alone.
    """
    if not cluster_of.keys() & doc_means.keys():
        return mean_over_docs(list(doc_means.values()))
    return weighted_mean_over_docs(*units_of(doc_means, cluster_of))


def units_of(doc_means: Mapping[str, float], cluster_of: Mapping[str, str]) -> tuple[list[float], list[int]]:
    """Return (mean, number of docs) of each independent unit: a doc, or the docs that share a cluster."""
    units: dict[tuple[str, str], list[float]] = {}
    for doc, mean in doc_means.items():
        unit = ("cluster", cluster_of[doc]) if doc in cluster_of else ("doc", doc)
        units.setdefault(unit, []).append(mean)
    return [sum(of) / len(of) for of in units.values()], [len(of) for of in units.values()]


def weighted_mean_over_docs(doc_means: Sequence[float], weights: Sequence[float]) -> Estimate:
    """Return a ratio of sums over docs, sum(w x) / sum(w), with its linearised standard error.

    The error is that of Cochran (1977, section 6.4). Equal weights give `mean_over_docs`.
    """
    n, x, w = len(doc_means), np.asarray(doc_means, dtype=float), np.asarray(weights, dtype=float)
    if n == 0 or w.sum() == 0:
        return Estimate(None, None)
    mean = float((w * x).sum() / w.sum())
    if n == 1:
        return Estimate(mean, None)
    return Estimate(mean, float(math.sqrt(n / (n - 1) * ((w * (x - mean)) ** 2).sum()) / w.sum()))


def exact_bounds(
    scores: Sequence[float], sizes: Sequence[float] | None = None, span: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float] | None:
    """Return a one-sided 95 % bound on either side of the mean, if all units score the same; else None.

    If all docs are right, their spread is 0, which does not measure the error. The true mean is only known to be above
    0.05^(1/n): Clopper and Pearson (1934) bound the share of unseen docs, and these may have any score in `span`.

    Args:
        scores: the mean score of each independent unit (a doc, or a cluster of docs).
        sizes: docs in each unit; None if all have one size. Unseen units are taken to be as large as the largest.
        span: the least and the greatest possible score; (-1, 1) for differences.
    """
    n = len(scores)
    if n < 2 or max(scores) - min(scores) > 1e-12 or not span[0] <= scores[0] <= span[1]:
        return None
    w = np.ones(n) if sizes is None else np.asarray(sizes, dtype=float)
    unseen = 1 - TAIL ** (1 / n)
    unseen = float(unseen * w.max() / (unseen * w.max() + (1 - unseen) * w.mean()))
    low, high = (float(scores[0]) + (end - float(scores[0])) * unseen for end in span)
    return low, high


def unweighted(parts: Sequence[Estimate]) -> Estimate:
    """Return the unweighted mean of independent means; None if one of them is missing."""
    means = [part.mean for part in parts if part.mean is not None]
    if not parts or len(means) < len(parts):
        return Estimate(None, None)
    errors = [part.stderr for part in parts if part.stderr is not None]
    stderr = math.sqrt(sum(error**2 for error in errors)) / len(parts) if len(errors) == len(parts) else None
    return Estimate(sum(means) / len(parts), stderr)


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the chance that k of n samples, drawn without replacement, hold a correct one.

    The unbiased estimator of Chen et al. 2021 (arXiv 2107.03374, equation 1). Raises ValueError unless k <= n.
    """
    if not 0 < k <= n or not 0 <= correct <= n:
        raise ValueError(f"pass@k needs 0 < k <= n and 0 <= correct <= n; got n={n}, correct={correct}, k={k}")
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def majority_score(groups: Sequence[int | None], scores: Sequence[float | None]) -> float | None:
    """Return the score of the answer that most samples of one doc gave; groups that tie share the vote evenly.

    `groups[i]` numbers the answer of sample i. It is None for no answer, which has no vote. A group scores the mean of
    its judged samples. The result is 0 if no sample has an answer, and None if a winning group, or every
    sample, was not judged.
    """
    if all(score is None for score in scores):
        return None
    members: dict[int, list[float | None]] = {}
    for group, score in zip(groups, scores, strict=True):
        if group is not None:
            members.setdefault(group, []).append(score)
    if not members:
        return 0.0
    most = max(len(votes) for votes in members.values())
    winners = []
    for votes in members.values():
        if len(votes) == most:
            judged = [score for score in votes if score is not None]
            if not judged:
                return None
            winners.append(sum(judged) / len(judged))
    return sum(winners) / len(winners)


def ks_up_to(n: int) -> list[int]:
    """Return the k reported for n repeats: powers of two below n, and n itself."""
    powers = [1 << power for power in range(n.bit_length()) if 1 << power < n]
    return [*powers, n] if n else []


def paired_difference(
    candidate: Mapping[str, float], base: Mapping[str, float], cluster_of: Mapping[str, str] | None = None
) -> tuple[Estimate, int]:
    """Return the mean of candidate - base over the docs both have, with its standard error, and the number of docs."""
    shared = {doc: candidate[doc] - base[doc] for doc in sorted(candidate.keys() & base.keys())}
    return mean_over_units(shared, cluster_of or {}), len(shared)
