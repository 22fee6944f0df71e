"""What the runs of a tuned grid say: changes from the base on dev docs, the choice, and its worth on held-out docs.

Docs are split by their hash. The dev side alone is read for the table and the choice; the other side is read for the
chosen points only.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.comparison.pairing import DocPair, as_pairs, paired_docs
from spot_eval.core.errors import UserError
from spot_eval.metrics.paired import effect
from spot_eval.posttrain.grid import Point, at_end, best, frontier
from spot_eval.runs.drift_files import read_drift
from spot_eval.runs.finished import FinishedRun, read_run

GENERAL = "general"
"""The family whose loss is shown beside the gain of the others, if the suite has it."""


def is_held_out(doc_hash: str, cluster: str | None, share: float) -> bool:
    """Return True if a doc is kept from the choice; docs of one cluster stand together.

    Args:
        doc_hash: the doc's pairing key.
        cluster: name of its source, if it shares one with others.
        share: fraction of the docs that are held out.
    """
    digest = hashlib.sha256(f"tune {cluster or doc_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def findings(
    base: FinishedRun, runs: Mapping[Point, Path], numbers: Mapping[Point, Mapping[str, Any]], share: float
) -> dict[str, Any]:
    """Return families, docs, points, the chosen point of each method, and warnings, as tune.json has them.

    Args:
        base: the checkpoint that all points were trained from, as it scored.
        runs: point to its run directory, in the order of the grid.
        numbers: point to what is known of it already, as its point.json has it.
        share: fraction of the docs that are held out.
    """
    points = list(runs)
    families = _families(base)
    rows = {point: _row(base, run, numbers[point], share) for point, run in runs.items()}
    chosen = best({point: row["overall"]["mean"] for point, row in rows.items()})
    places = {
        point: (row["drift"] if row["drift"] is not None else -row["general"]["mean"], row["gain"]["mean"])
        for point, row in rows.items()
        if row["drift"] is not None or row["general"] is not None
    }
    on = set(frontier(places))
    for point, row in rows.items():
        row["on_frontier"] = point in on
    ends = {name: at_end(points, point) for name, point in chosen.items()}
    return {
        "families": families,
        "docs": count_docs(base, share),
        "points": [rows[point] for point in points],
        "chosen": {
            name: {**rows[point], "at_end": ends[name], "held_out": _held_out(base, runs[point], share)}
            for name, point in chosen.items()
        },
        "warnings": [_end_warning(chosen[name], end, points) for name in chosen for end in ends[name]],
    }


def _families(base: FinishedRun) -> dict[str, list[str]]:
    """Return the tasks that were asked, by family."""
    asked = {
        name: [task for task in tasks if task in base.docs] for name, tasks in base.config["suite"]["families"].items()
    }
    return {name: tasks for name, tasks in asked.items() if tasks}


def _end_warning(point: Point, name: str, points: Sequence[Point]) -> str:
    values = sorted({getattr(one, name) for one in points if one.method == point.method})
    value = getattr(point, name)
    side, where = ("smallest", "below") if value == values[0] else ("largest", "above")
    return (
        f"{point.method}: the chosen {name} {value:g} is the {side} of the grid, so a better one may lie {where} it; "
        f"add such values to --{name}s"
    )


def _row(base: FinishedRun, run: Path, numbers: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Return a point's numbers on dev docs: changes from the base, in fractions of 1."""
    families = _families(base)
    pairs = _side(paired_docs(read_run(run), base), share, held_out=False)
    drift = None if numbers["no_drift"] else read_drift(run)
    gaining = [name for name in families if name != GENERAL] or list(families)
    return {
        **numbers,
        "families": {name: _change(pairs, families, [name]) for name in families},
        "gain": _change(pairs, families, gaining),
        "general": _change(pairs, families, [GENERAL]) if GENERAL in families else None,
        "overall": _change(pairs, families, list(families)),
        "drift": None if drift is None else _drift(drift.summary["families"], families),
    }


def _drift(measured: Mapping[str, Any], families: Mapping[str, Sequence[str]]) -> float | None:
    """Return the mean over families of KL(base || trained) per token, in nats; None if a family has none."""
    found = [measured[name]["kl"]["mean"] for name in families if name in measured]
    return None if None in found or len(found) < len(families) else sum(found) / len(found)


def _held_out(base: FinishedRun, run: Path, share: float) -> dict[str, Any] | None:
    """Return the changes of a chosen point on the docs that did not choose it; None if there are none."""
    pairs = _side(paired_docs(read_run(run), base), share, held_out=True)
    families = _families(base)
    if not all(pairs.get(task) for tasks in families.values() for task in tasks):
        return None
    return {name: _change(pairs, families, [name]) for name in families}


def _side(pairs: Mapping[str, Sequence[DocPair]], share: float, *, held_out: bool) -> dict[str, list[DocPair]]:
    return {
        task: [pair for pair in docs if is_held_out(pair[1].doc_hash, pair[1].cluster, share) is held_out]
        for task, docs in pairs.items()
    }


def count_docs(base: FinishedRun, share: float) -> dict[str, int]:
    """Return how many docs decide, and how many are held out. Raises UserError if a task has none that decides."""
    counts = {"dev": 0, "held_out": 0}
    for task, docs in base.docs.items():
        held = sum(is_held_out(doc.doc_hash, doc.cluster, share) for doc in docs.values())
        if held == len(docs):
            raise UserError(
                f"all {held} docs of {task} are held out, so none can decide; lower --held-out, or raise --limit"
            )
        counts["dev"] += len(docs) - held
        counts["held_out"] += held
    return counts


def _change(
    pairs: Mapping[str, Sequence[DocPair]], families: Mapping[str, Sequence[str]], wanted: Sequence[str]
) -> dict[str, float | None]:
    """Return the mean over families of the mean over tasks of the change, with its standard error over docs.

    The error is None if a family's docs all differ alike, which measures none.
    """
    effects = [effect([as_pairs(pairs.get(task, ())) for task in families[name]]) for name in wanted]
    missing = next((name for name, one in zip(wanted, effects, strict=True) if one.mean is None), None)
    if missing is not None:
        raise UserError(f"family {missing!r} has no doc that was judged in both runs, so nothing can be chosen on it")
    errors = [one.stderr for one in effects]
    known = [error for error in errors if error is not None]
    return {
        "mean": sum(float(one.mean or 0.0) for one in effects) / len(effects),
        "stderr": math.hypot(*known) / len(effects) if len(known) == len(errors) else None,
    }
