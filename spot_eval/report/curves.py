"""The checkpoints of a training run as a figure: a panel per family, steps to the right, differences upwards.

It shows from a comparison.json when a gain came, and if forgetting came with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.display import format
from spot_eval.display.comparison import by_step
from spot_eval.report.figures import axis, place, round_values, tone

ROOM = 0.04  # of the width, left and right of the first and last step


def load_curves(path: Path) -> dict[str, Any]:
    """Return a comparison.json that holds curves. Raises UserError if it is another file or holds none."""
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
    """Return a figure of differences per training run, and one of drift if it was measured.

    `margins` of families, as fractions, become bands below zero.
    """
    found = []
    for curve in comparison["curves"]:
        found.append(_figure(comparison, curve, margins or {}))
        if any(point.get("drift") for point in curve["points"]):
            found.append(_drift(comparison, curve))
    return found


def _drift(comparison: Mapping[str, Any], curve: Mapping[str, Any]) -> dict[str, Any]:
    families = list(by_step(comparison, curve)[0][1]["families"])
    points = {
        family: [
            (point["step"], point["drift"][family])
            for point in curve["points"]
            if point.get("drift") and point["drift"].get(family, {}).get("mean") is not None
        ]
        for family in families
    }
    values = [1000 * (one["mean"] + 2 * (one["stderr"] or 0)) for found in points.values() for _, one in found]
    high = 1.05 * max(values, default=0.0) or 1.0
    base = comparison["base"]["model"]
    return {
        "hint": f"{curve['training_run']}, step by step: KL({base} || checkpoint), thousandths of a nat per token of "
        "the base's own answers, ± two standard errors. It says that the model moved, never that it was harmed.",
        "zero": _height(0, 0, high),
        "rungs": [{"at": _height(value, 0, high), "text": f"{value:g}"} for value in round_values(0, high, most=5)],
        **_steps([point["step"] for point in curve["points"]]),
        "panels": [_drift_panel(family, found, curve, high) for family, found in points.items() if found],
    }


def _drift_panel(
    family: str, found: Sequence[tuple[int, Mapping[str, Any]]], curve: Mapping[str, Any], high: float
) -> dict[str, Any]:
    left, right = _ends([point["step"] for point in curve["points"]])
    title = format.family_title(family)
    return {
        "title": f"drift, {title}",
        "margin": None,
        "points": [
            {
                "x": place(step, left, right),
                "y": _height(1000 * one["mean"], 0, high),
                "low": _height(1000 * (one["mean"] - 2 * one["stderr"]), 0, high) if one["stderr"] else None,
                "high": _height(1000 * (one["mean"] + 2 * one["stderr"]), 0, high) if one["stderr"] else None,
                "tone": "",
                "words": f"step {step:,}: KL {format.kl(one)}",
            }
            for step, one in found
        ],
        "words": f"{title}, drift by step: " + "; ".join(f"{step:,}: {format.kl(one)}" for step, one in found),
    }


def _ends(steps: Sequence[int]) -> tuple[float, float]:
    """Return the steps at the left and right edge of a panel."""
    room = ROOM * (max(steps) - min(steps)) or 1.0
    return min(steps) - room, max(steps) + room


def _steps(steps: Sequence[int]) -> dict[str, Any]:
    """Return the ticks of a panel's steps."""
    first, last = min(steps), max(steps)
    left, right = _ends(steps)
    ticks = [
        {"at": place(step, left, right), "text": f"{step:,.0f}"}
        for step in (round_values(first, last, most=4) if last > first else ())
        if float(step).is_integer()
    ]
    return {"ticks": ticks or [{"at": 50.0, "text": f"{first:,}"}]}


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
    left, right = _ends(steps)
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
        **_steps(steps),
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
                    f"{step:,}: {format.difference(entry['mean'], entry['stderr'], entry.get('exact')) or 'not known'}"
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
        "words": f"step {step:,}: {format.difference(entry['mean'], entry['stderr'], entry.get('exact'))}",
    }


def _height(value: float, low: float, high: float) -> float:
    """Return a height as a percentage from the top, as SVG counts."""
    return round(100 - place(value, low, high), 2)
