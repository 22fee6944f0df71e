"""Did the tether act? Warnings about beta, read from the metrics of a finished run.

The gradient on y+ of reward-sft and spot-bce is s(-r+), which metrics.jsonl calls `tether`; dpo's is s(-(r+ - r-)) and
spot-bco's s(-(r+ - d)). r sums over an answer's tokens, so if beta is too small for short answers, the sigmoid stays
linear and nothing is tethered; if it is too large, the sigmoid is a step, and a pair stops teaching once it is met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

from trainer.objectives import Objective

FEWEST_STEPS = 20
"""Shorter runs are not judged: a tenth of them is a single noisy step."""

OPEN = 1 / (1 + math.e)
"""s(-1) = 0.27. For |r| < 1 the sigmoid is close to a straight line."""

SATURATED = 5.0
"""s(-5) = 0.007. A run whose mean r+ is beyond this in its first tenth was saturated from the start."""

RUNAWAY = -3.0
"""A shift d below this takes the gradient of a y+ with r+ >= 0 to less than a twentieth."""


def tether_warnings(rows: Sequence[Mapping[str, Any]], objective: Objective, beta: float) -> list[str]:
    """Return one sentence per fault of beta or shift that `rows`, the metrics of all steps, show.

    Mixtures are not judged, for their other terms pull too; nor are runs of fewer than FEWEST_STEPS steps.
    """
    if len(rows) < FEWEST_STEPS or len(objective.terms) != 1:
        return []
    term = objective.terms[0][1]
    if not term.reference:
        return []
    chosen = _tenths(rows, "reward_chosen")
    found = _saturated(chosen, beta)
    if term.shift:
        shift = _tenths(rows, "shift")
        found += _linear("r+ - d", chosen[-1] - shift[-1], beta)
        return found + _runaway(rows[-1]["shift"], chosen)
    if term.name == "dpo":
        return found + _linear("r+ - r-", chosen[-1] - _tenths(rows, "reward_rejected")[-1], beta)
    return found + _open(_tenths(rows, "tether")[-1], chosen[-1], beta)


def _open(tether: float, reward: float, beta: float) -> list[str]:
    if OPEN < tether < 1 - OPEN:
        return [
            f"the tether hardly acted: {tether:.2f} of its pull on y+ was left at the end (r+ {reward:.2f}), "
            f"where the sigmoid is nearly linear; {_more_than(beta)}"
        ]
    return []


def _linear(what: str, value: float, beta: float) -> list[str]:
    if abs(value) < 1:
        return [
            f"the tether hardly acted: {what} was {value:.2f} at the end, where the sigmoid is nearly linear; "
            f"{_more_than(beta)}"
        ]
    return []


def _more_than(beta: float) -> str:
    return (
        "beta acts on the sum over an answer's tokens, so for short answers "
        f"take more than {beta:g}, or train further if r+ is still rising"
    )


def _saturated(reward: list[float], beta: float) -> list[str]:
    if reward[0] < SATURATED:
        return []
    return [
        f"the sigmoid was saturated from the start: r+ was {reward[0]:.1f} in the first tenth of the run, so a pair "
        f"stopped teaching as soon as it was met; take a beta below {beta:g}, or a lower learning rate"
    ]


def _runaway(shift: float, reward: list[float]) -> list[str]:
    highest = max(reward[: len(reward) // 2])
    if shift > RUNAWAY or reward[-1] > highest:
        return []
    return [
        f"the shift d ran away: it ended at {shift:.1f}, while r+ rose no further ({highest:.1f} in the first half, "
        f"{reward[-1]:.1f} at the end), for d follows y- down and has no floor; take fewer steps, a lower learning "
        "rate, or spot-bce"
    ]


def _tenths(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return the means of a metric over ten equal parts of the run."""
    edges = [len(rows) * part // 10 for part in range(11)]
    return [fmean(row[name] for row in rows[a:b]) for a, b in pairwise(edges)]
