"""The share of right answers that turned wrong, and how much of it an unchanged model of this variance would show.

    lost_share([Counts(base=[1, 1, 0], candidate=[0, 1, 0]), …])

Two samples of one unchanged model differ: a doc that is right two times in three turns from right to wrong by chance in
2 of 9 pairs of samples. So the raw share of 1 -> 0 says little. Both shares are estimated without bias, from pairs of
samples of different repeats (equal repeats share their random numbers), and their difference is what was lost beyond
chance. With one repeat the chance is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spot_eval.metrics.estimates import Estimate, mean_over_docs


class Counts(NamedTuple):
    """Scores of one doc, repeat by repeat, fractions of 1; only repeats that were judged on both sides."""

    base: Sequence[float]
    candidate: Sequence[float]


class LostShare(NamedTuple):
    """Shares of 1 -> 0 in a set of docs; `expected` and `excess` are None if the base has one repeat."""

    observed: Estimate
    expected: Estimate
    excess: Estimate
    docs: int


def lost_share(docs: Sequence[Counts]) -> LostShare:
    """Return the share of 1 -> 0 over `docs`: observed, expected by chance, and the difference.

    Docs with one repeat count in `observed` only.
    """
    observed = [_turned(doc.base, doc.candidate) for doc in docs if doc.base and doc.candidate]
    several = [doc for doc in docs if len(doc.base) > 1 and len(doc.candidate) > 1]
    expected = [_turned(doc.base, doc.base) for doc in several]
    excess = [_turned(doc.base, doc.candidate) - chance for doc, chance in zip(several, expected, strict=True)]
    return LostShare(mean_over_docs(observed), mean_over_docs(expected), mean_over_docs(excess), len(observed))


def _turned(before: Sequence[float], after: Sequence[float]) -> float:
    """The mean of before * (1 - after) over pairs of different repeats; of one repeat, over that pair."""
    n, m = len(before), len(after)
    wrong = [1 - score for score in after]
    total = sum(before) * sum(wrong)
    if n == 1 or m == 1:
        return total / (n * m)
    same = sum(one * other for one, other in zip(before, wrong, strict=False))
    return (total - same) / (n * m - min(n, m))
