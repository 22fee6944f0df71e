"""The checkpoints of one training run on a page: a panel a family, steps to the right, difference to the base upwards.

It tells from a comparison.json what a single checkpoint cannot: when a gain came, and whether forgetting came with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.display import format
from spot_eval.display.comparison import by_step
from spot_eval.report.figures import axis, place, round_values, tone

ROOM = 0.04  # of the width, left and right of the first and last step


def load_curves(path: Path) -> dict[str, Any]:
    """A comparison.json that holds curves. Raises UserError where it is none, or holds no curve."""
    comparison = read_json(path)
    try:
        names = [curve["training_run"] for curve in comparison["curves"]]
        drawn = [by_step(comparison, curve) for curve in comparison["curves"]]
        known = isinstance(comparison["base"]["model"], str) and isinstance(comparison["alpha"], float)
        whole = known and all(
            points and all(isinstance(step, int) and isinstance(entry["families"], dict) for step, entry in points)
            for points in drawn
        )
    except (KeyError, TypeError, IndexError):
        whole, names = False, []
    if not whole:
        raise UserError(f"{path} is no comparison.json as this version writes it; make it by `spot-eval compare … -o`")
    if not names:
        raise UserError(
            f"{path} holds no curve: it takes two checkpoints of one training run, as `step-N` or `checkpoint-N`; "
            "compare them together, or let `spot-eval train --score-suite` do it"
        )
    return comparison


def curves(comparison: Mapping[str, Any], margins: Mapping[str, float] | None) -> list[dict[str, Any]]:
    """One figure a training run; `margins` of families, as fractions, become bands below zero."""
    return [_figure(comparison, curve, margins or {}) for curve in comparison["curves"]]


def _figure(comparison: Mapping[str, Any], curve: Mapping[str, Any], margins: Mapping[str, float]) -> dict[str, Any]:
    entries = by_step(comparison, curve)
    families = list(entries[0][1]["families"])
    by_family = {
        family: [(step, entry["families"][family]) for step, entry in entries if family in entry["families"]]
        for family in families
    }
    margin = max((margins[family] for family in families if family in margins), default=None)
    low, high = axis([entry for points in by_family.values() for _, entry in points], margin)
    steps = [step for step, _ in entries]
    first, last = min(steps), max(steps)
    room = ROOM * (last - first) or 1.0
    left, right = first - room, last + room
    base = comparison["base"]["model"]
    return {
        "hint": f"{curve['training_run']}, step by step: the difference to {base} in percentage points, with two-sided "
        f"{100 * (1 - comparison['alpha']):g} % intervals, each for itself."
        + (" The bands reach to the margins." if margin else ""),
        "zero": _height(0, low, high),
        "rungs": [
            {"at": _height(value, low, high), "text": format.points(value).removesuffix(".0")}
            for value in round_values(low, high, most=5)
        ],
        "ticks": [
            {"at": place(step, left, right), "text": f"{step:,.0f}"}
            for step in round_values(first, last, most=4)
            if float(step).is_integer()
        ] if last > first else [{"at": 50.0, "text": f"{first:,}"}],
        "panels": [
            {
                "title": format.family_title(family),
                "margin": _height(-margins[family], low, high) if family in margins else None,
                "points": [
                    _point(step, entry, place(step, left, right), low, high)
                    for step, entry in points
                    if entry["mean"] is not None
                ],
                "words": f"{format.family_title(family)}, difference to {base} by step: " + "; ".join(
                    f"{step:,}: {format.difference(entry['mean'], entry['stderr']) or 'not known'}"
                    for step, entry in points
                ),
            }
            for family, points in by_family.items()
        ],
    }  # fmt: skip


def _point(step: int, entry: Mapping[str, Any], x: float, low: float, high: float) -> dict[str, Any]:
    interval = entry["interval"]
    return {
        "x": x,
        "y": _height(entry["mean"], low, high),
        "low": _height(interval[0], low, high) if interval else None,
        "high": _height(interval[1], low, high) if interval else None,
        "tone": tone(entry),
        "words": f"step {step:,}: {format.difference(entry['mean'], entry['stderr'])}",
    }


def _height(value: float, low: float, high: float) -> float:
    """A percentage from the top, as SVG counts."""
    return round(100 - place(value, low, high), 2)
