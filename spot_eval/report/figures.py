"""Numbers laid out on a page: bars with errors, intervals around a difference, histograms. Places are percentages.

`reports/html/figures.html` draws them. Scores are fractions of 1. Every figure has a sentence that describes it, for
readers who cannot see it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from spot_eval.core.records import Sample
from spot_eval.display import format
from spot_eval.runs.finished import mean_score

HISTOGRAM_HEIGHT = 78  # pixels of the highest bar
FLOOR_Y = 84
BINS = 10  # of scores, where repeats would make more
LENGTH_BINS = 18
LEAST_SPAN = 0.01  # of a difference axis: identical runs get one, too


def bar(
    name: str,
    mean: float | None,
    stderr: float | None,
    base: float | None,
    bounds: Sequence[float] | None = None,
) -> dict[str, Any] | None:
    """Return a bar from 0 to 100 %, with one standard error either side and a tick where the base is.

    Args:
        name: whose score it is.
        mean: the score, a fraction of 1; None makes no bar.
        stderr: its standard error.
        base: the base's score.
        bounds: exact bounds, drawn instead of the standard error.
    """
    if mean is None:
        return None
    said = f"{name}: {format.score(mean, stderr, bounds)} percent"
    low, high = bounds or ((mean - stderr, mean + stderr) if stderr else (None, None))
    return {
        "at": place(mean, 0, 1),
        "low": None if low is None else place(low, 0, 1),
        "high": None if high is None else place(high, 0, 1),
        "base": None if base is None else place(base, 0, 1),
        "words": said if base is None else f"{said}; base {format.score(base)}",
    }


def forest(
    comparison: Mapping[str, Any], alpha: float, margins: Mapping[str, float] | None, names: Sequence[str]
) -> dict[str, Any]:
    """Return every difference with its two-sided interval, families over their tasks, on one axis around zero.

    Args:
        comparison: an entry of comparison.json's comparisons.
        alpha: one-sided error of its bounds.
        margins: margin of each family in the gate, if there is one.
        names: the candidate's and the base's.
    """
    entries = [("overall", "overall", comparison["overall"])]
    for family, whole in comparison["families"].items():
        members = [task for task in whole["tasks"] if task in comparison["tasks"]]
        if members:
            entries.append(("family", format.family_title(family), whole))
            entries += [("task", task, comparison["tasks"][task]) for task in members]
    margin = max(margins.values()) if margins else None
    low, high = axis([entry for *_, entry in entries], margin)
    ticks = [
        {"at": place(value, low, high), "text": format.points(value).removesuffix(".0"), "anchor": "middle"}
        for value in round_values(low, high)
    ]
    level = f"{100 * (1 - alpha):g} %"
    band = f" The band reaches to the margin, {format.points(-margin)} points." if margin else ""
    return {
        "rows": [_forest_row(*entry, low, high) for entry in entries],
        "ticks": ticks,
        "zero": place(0, low, high),
        "names": list(names),
        "margin": None if margin is None else place(-margin, low, high),
        "hint": f"{names[0]} minus {names[1]} on the docs both runs hold, in percentage points, with two-sided "
        f"{level} intervals; p against no change, adjusted for the number of comparisons (Holm).{band}",
        "words": f"Differences of {names[0]} to {names[1]} with {level} intervals",
    }


def _forest_row(level: str, title: str, entry: Mapping[str, Any], low: float, high: float) -> dict[str, Any]:
    mean, interval = entry["mean"], entry["interval"]
    if mean is None:
        row: dict[str, Any] = {"at": None, "low": None, "high": None, "tone": "", "value": None, "odds": ""}
        return {**row, "level": level, "title": title, "words": f"{title}: the difference is not known"}
    p = entry.get("p_holm", entry["p"])
    return {
        "level": level,
        "title": title,
        "at": place(mean, low, high),
        "low": place(interval[0], low, high) if interval else None,
        "high": place(interval[1], low, high) if interval else None,
        "tone": tone(entry),
        "value": format.difference(mean, entry["stderr"], entry.get("exact")),
        "odds": format.p_phrase(p),
        "words": f"{title}: {format.difference(mean, entry['stderr'], entry.get('exact'))} points"
        + (f", from {format.points(interval[0])} to {format.points(interval[1])}" if interval else ""),
    }


def tone(entry: Mapping[str, Any]) -> str:
    """Return `better` or `worse` if the interval excludes zero, else an empty text."""
    if entry["mean"] is None or not entry["interval"]:
        return ""
    low, high = entry["interval"]
    return "better" if low > 0 else "worse" if high < 0 else ""


def axis(entries: Sequence[Mapping[str, Any]], margin: float | None) -> tuple[float, float]:
    """Return the ends of the axis: all intervals, zero and the margin, with a little room."""
    values = [0.0, *([-margin] if margin else [])]
    for entry in entries:
        if entry["mean"] is not None:
            values += [entry["mean"], *(entry["interval"] or [])]
    low, high = min(values), max(values)
    if high - low < LEAST_SPAN:
        low, high = low - LEAST_SPAN, high + LEAST_SPAN
    room = 0.05 * (high - low)
    return max(-1.0, low - room) - 1e-9, min(1.0, high + room) + 1e-9


def round_values(low: float, high: float, most: int = 7) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten between `low` and `high`."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= most)
    return [round(number * step, 10) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def place(value: float, low: float, high: float) -> float:
    """Return the place of a value as a percentage from `low` to `high`."""
    return round(100 * (min(max(value, low), high) - low) / (high - low), 2)


def score_histogram(docs: Sequence[Sequence[Sequence[Sample]]], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the histogram of mean scores. `docs[run]` holds the samples of each doc; the candidate comes first."""
    means = [[mean for samples in run if (mean := mean_score(samples)) is not None] for run in docs]
    if not any(means):
        return None
    values = sorted({round(mean, 6) for run in means for mean in run})
    repeats = max(len(samples) for run in docs for samples in run)
    whole = all(abs(value * repeats - round(value * repeats)) < 1e-4 for value in values)
    exact = whole and repeats < BINS  # k repeats have k + 1 possible means, each a bin of its own; finer ones share ten
    bins = repeats + 1 if exact else BINS
    places = [[round(mean * (bins - 1)) if exact else min(int(mean * bins), bins - 1) for mean in run] for run in means]
    labels = [
        f"{format.score(number / (bins - 1))} %" if exact
        else f"{100 * number // bins} to {100 * (number + 1) // bins} %"
        for number in range(bins)
    ]  # fmt: skip
    ticks = [{"at": at, "text": text, "anchor": anchor}
             for at, text, anchor in ((0, "0 %", "start"), (50, "score", "middle"), (100, "100 %", "end"))]  # fmt: skip
    said = "; ".join(
        f"{name}: {run.count(0)} docs at the lowest, {run.count(bins - 1)} at the highest of {bins} scores"
        for name, run in zip(names, places, strict=True)
    )
    return {
        "bars": _bars(places, bins, labels, names),
        "edges": [],
        "ticks": ticks,
        "means": [],
        "words": f"Mean scores. {said}",
    }


def length_histogram(lengths: Sequence[Sequence[int]], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the histogram of answer lengths: tokens on a logarithmic axis, with a mark at each run's median."""
    known = [max(1, tokens) for run in lengths for tokens in run]
    if not known:
        return None
    low, high = math.log(min(known)), math.log(max(known))
    if high - low < 0.2:  # all of one length
        low, high = low - 0.1, high + 0.1
    bins = LENGTH_BINS

    def place(tokens: int) -> float:
        return (math.log(max(1, tokens)) - low) / (high - low)

    places = [[min(int(bins * place(tokens)), bins - 1) for tokens in run] for run in lengths]
    edges = [math.exp(low + (high - low) * number / bins) for number in range(bins + 1)]
    labels = [f"{a:,.0f} to {b:,.0f} tokens" for a, b in itertools.pairwise(edges)]
    medians = [sorted(run)[len(run) // 2] if run else None for run in lengths]
    marks = [
        {"at": round(100 * place(median), 2), "side": _SIDES[run]}
        for run, median in enumerate(medians)
        if median is not None
    ]
    middle = medians[0] if medians[0] is not None else known[0]
    at = 100 * place(middle)
    ticks = [{"at": 0, "text": f"{min(known):,}", "anchor": "start"}] if at > 25 else []
    ticks.append(
        {"at": round(at, 2), "text": f"{middle:,}", "anchor": "start" if at < 12 else "end" if at > 88 else "middle"}
    )
    ticks += [{"at": 100, "text": f"{max(known):,}", "anchor": "end"}] if at < 75 else []
    said = "; ".join(
        f"{name}: median {median}" for name, median in zip(names, medians, strict=True) if median is not None
    )
    return {
        **_outlines(places, bins, labels, names),
        "ticks": ticks,
        "means": marks,
        "words": f"Answer lengths in tokens, {min(known):,} to {max(known):,}. {said}",
    }


_SIDES = ("candidate", "base")


def _shares(places: Sequence[Sequence[int]], bins: int) -> tuple[list[list[int]], list[list[float]]]:
    """Return (counts, heights in pixels) of every run's bins. Heights are shares of the run."""
    counts = [[run.count(number) for number in range(bins)] for run in places]
    shares = [[count / max(1, len(run)) for count in of_run] for run, of_run in zip(places, counts, strict=True)]
    highest = max(max(of_run) for of_run in shares) or 1
    # one doc among thousands is still to be seen
    return counts, [
        [max(1.0, HISTOGRAM_HEIGHT * share / highest) if share else 0.0 for share in of_run] for of_run in shares
    ]


def _bars(
    places: Sequence[Sequence[int]], bins: int, labels: Sequence[str], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return bars of the runs beside each other in each bin, the base at the left."""
    counts, heights = _shares(places, bins)
    room = 100 / bins
    width = 0.84 * room / len(places)
    return [
        {
            **_box(number * room + 0.08 * room + column * width, width, heights[run][number]),
            "side": _SIDES[run],
            "words": f"{names[run]}: {counts[run][number]:,} of {len(places[run]):,}, {labels[number]}",
        }
        for column, run in enumerate(reversed(range(len(places))))
        for number in range(bins)
        if counts[run][number]
    ]


def _outlines(
    places: Sequence[Sequence[int]], bins: int, labels: Sequence[str], names: Sequence[str]
) -> dict[str, Any]:
    """Return the last run as filled bins, and the one before it as an outline over them, for many bins."""
    counts, heights = _shares(places, bins)
    room = 100 / bins
    filled = len(places) - 1
    bars = [
        {
            **_box(number * room, room, heights[filled][number]),
            "side": _SIDES[filled],
            "words": "; ".join(
                f"{name}: {of_run[number]:,} of {len(run):,}"
                for name, of_run, run in zip(names, counts, places, strict=True)
            )
            + f", {labels[number]}",
        }
        for number in range(bins)
    ]
    edges = []
    if filled:
        before = 0.0
        for number, height in enumerate([*heights[0], 0.0]):
            x, y = round(number * room, 3), round(FLOOR_Y - height, 2)
            edges.append({"x1": x, "x2": x, "y1": round(FLOOR_Y - before, 2), "y2": y})
            if number < bins:
                edges.append({"x1": x, "x2": round(x + room, 3), "y1": y, "y2": y})
            before = height
        edges = [edge for edge in edges if edge["y1"] < FLOOR_Y or edge["y2"] < FLOOR_Y]
    return {"bars": bars, "edges": edges}


def _box(x: float, width: float, height: float) -> dict[str, float]:
    return {"x": round(x, 3), "width": round(width, 3), "y": round(FLOOR_Y - height, 2), "height": round(height, 2)}
