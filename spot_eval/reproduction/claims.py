"""The claims and the test that decides each: paired over items and seeds, one-sided, adjusted by Holm.

    decide(CLAIMS, finals, base)[0].verdict        # "holds", "contradicted" or "undecided"

An error adds, in squares, that over items (of the differences averaged over seeds) and that over seeds. Degrees of
freedom are Welch's and Satterthwaite's (Satterthwaite 1946), so that few seeds make the test cautious.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from spot_eval.metrics.paired import holm
from spot_eval.reproduction.exam import FAMILIES, PARTS
from spot_eval.reproduction.protocol import FEW, MANY
from spot_eval.reproduction.scores import Weights, family_weights, right_of

ALPHA = 0.05
MARGIN = 0.02
BASE = "base"
GAIN = ("in_domain", "ood")
Results = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
"""(regime, method) to its results, one per seed."""


@dataclass(frozen=True)
class Claim:
    """A comparison of a method with another, or with the base: in accuracy over families, or in drift."""

    text: str
    method: str
    against: str
    families: tuple[str, ...] = FAMILIES
    drift: bool = False
    below: bool = False
    """True if the difference is claimed to be below zero."""
    margin: float = 0.0
    """The claim is about a difference above minus this."""
    regime: str = MANY.name


CLAIMS = (
    Claim("SPoT-BCE gains in-domain", "spot-bce", BASE, ("in_domain",)),
    Claim("SPoT-BCE gains out of domain", "spot-bce", BASE, ("ood",)),
    Claim("SPoT-BCE retains", "spot-bce", BASE, ("general",), margin=MARGIN),
    Claim("SPoT-BCO gains in-domain", "spot-bco", BASE, ("in_domain",)),
    Claim("SPoT-BCO retains", "spot-bco", BASE, ("general",), margin=MARGIN),
    Claim("SFT forgets", "sft", BASE, ("general",), below=True),
    Claim("RFT gains less than SFT+ in-domain", "rft", "sft+", ("in_domain",), below=True),
    Claim("SPoT-BCE is ahead of DPO in-domain", "spot-bce", "dpo", ("in_domain",)),
    Claim("SPoT-BCE is ahead of SFT+ in gain", "spot-bce", "sft+", GAIN),
    Claim("SPoT-BCE gains no less than SFT+", "spot-bce", "sft+", GAIN, margin=MARGIN),
    Claim("SPoT-BCE drifts less than SFT+", "spot-bce", "sft+", drift=True, below=True),
    Claim("Reward-SFT drifts less than SFT+", "reward-sft", "sft+", drift=True, below=True),
    Claim("SPoT-BCO is ahead of SPoT-BCE in gain", "spot-bco", "spot-bce", GAIN),
    Claim("few pairs: SPoT-BCE is ahead of SFT+ out of domain", "spot-bce", "sft+", ("ood",), regime=FEW.name),
    Claim("few pairs: SPoT-BCE drifts less than SFT+", "spot-bce", "sft+", drift=True, below=True, regime=FEW.name),
)


@dataclass(frozen=True)
class Difference:
    """A paired difference with its standard error and degrees of freedom; fractions, or nats a token."""

    mean: float
    stderr: float
    df: float

    def p_above(self, bound: float) -> float:
        """Return the one-sided p-value of a true difference above `bound`."""
        if self.stderr == 0:
            return 0.5 if self.mean == bound else float(self.mean < bound)
        return float(stats.t.sf((self.mean - bound) / self.stderr, self.df))


@dataclass(frozen=True)
class Decided:
    """A claim with its difference, its p-value after Holm's correction, and its verdict."""

    claim: Claim
    difference: Difference
    p: float
    verdict: str


def decide(claims: Sequence[Claim], finals: Results, base: Mapping[str, Any]) -> list[Decided]:
    """Return the verdict of each claim whose methods were run."""
    known = [one for one in claims if (one.regime, one.method) in finals
             and (one.against == BASE or (one.regime, one.against) in finals)]  # fmt: skip
    found = [difference_of(one, finals, base) for one in known]
    towards, away = [], []
    for one, difference in zip(known, found, strict=True):
        above = difference.p_above(-one.margin)
        p = 1 - above if one.below else above
        towards.append(p)
        away.append(1 - p)
    return [
        Decided(one, difference, p, "holds" if p < ALPHA else "contradicted" if q < ALPHA else "undecided")
        for one, difference, p, q in zip(known, found, holm(towards), holm(away), strict=True)
    ]


def difference_of(claim: Claim, finals: Results, base: Mapping[str, Any]) -> Difference:
    """Return the difference that a claim is about."""
    mine = finals[claim.regime, claim.method]
    theirs = None if claim.against == BASE else finals[claim.regime, claim.against]
    if claim.drift:
        inside = np.array([PARTS[part] in claim.families for part in base["parts"]])
        tokens = np.array(mine[0]["tokens"], dtype=float)
        scale = np.where(inside, 1 / tokens[inside].sum(), 0.0)
        return paired(_rows(mine, _kl), _rows(theirs, _kl) if theirs else 0.0, scale, ["all"] * len(scale))
    weights = family_weights(base["parts"], claim.families)
    return paired(
        _rows(mine, _right), _rows(theirs, _right) if theirs else right_of(base["right"]), weights, base["parts"]
    )


def _right(result: Mapping[str, Any]) -> Weights:
    return right_of(result["right"])


def _kl(result: Mapping[str, Any]) -> Weights:
    return np.array(result["kl"], dtype=float)


def _rows(results: Sequence[Mapping[str, Any]], of: Callable[[Mapping[str, Any]], Weights]) -> Weights:
    return np.stack([of(result) for result in results])


def paired(mine: Weights, theirs: Weights | float, weights: Weights, parts: Sequence[str]) -> Difference:
    """Return the difference of weighted sums over items.

    Args:
        mine: values of shape (seeds, items).
        theirs: values of the other side, of the same shape, or one row for all seeds.
        weights: the weight of each item in the sum, shape (items,).
        parts: the stratum of each item; errors over items are within strata.
    """
    gaps = mine - theirs
    seeds = len(gaps)
    by_seed = gaps @ weights
    averaged = gaps.mean(axis=0)
    names = np.array(parts)
    items, counted = 0.0, 0
    for part in dict.fromkeys(parts):
        inside = (names == part) & (weights > 0)
        count = int(inside.sum())
        if count > 1:
            items += count * float((averaged[inside] * weights[inside]).var(ddof=1))
            counted += count - 1
    between = float(by_seed.var(ddof=1)) / seeds if seeds > 1 else 0.0
    total = items + between
    df = total**2 / (items**2 / max(counted, 1) + (between**2 / (seeds - 1) if seeds > 1 else 0.0)) if total else 1.0
    return Difference(float(by_seed.mean()), total**0.5, float(df))
