"""Drift on a page: KL by task and family, and a heat-map of the answers that moved most.

Numbers are thousandths of a nat per token. A colour says that a token's prediction moved, never that it was harmed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spot_eval.display import format
from spot_eval.display.drift import lines
from spot_eval.report.figures import place
from spot_eval.runs.drift_files import DriftFiles

LEVELS = 8  # shades of the heat-map; 0 is none
FAINTEST, STRONGEST = 0.003, 3.0  # nats: below the one a token has no shade, from the other on it has the last


def drift(found: DriftFiles) -> dict[str, Any]:
    """Return the view of a measurement: rows of the table, remarks, and shaded answers."""
    summary = found.summary
    groups = [*summary["families"].values(), *summary["tasks"].values(), summary["overall"]]
    most = max((one["kl"]["mean"] + (one["kl"]["stderr"] or 0) for one in groups if one["kl"]["mean"] is not None),
               default=0.0)  # fmt: skip
    whole = "" if summary.get("top") else " over the whole vocabulary"
    return {
        "kl": "KL ≥" if summary.get("top") else "KL",
        "hint": f"{summary['candidate']} and {summary['base']} read the base's own answers; KL(base || candidate) per "
        f"token{whole}, thousandths of a nat, ± one standard error over docs. z says that the model "
        "moved, never that it was harmed.",
        "rows": list(_rows(summary, most)),
        "notes": list(lines({**summary, "most_changed": []}))[1:],  # they stand below, token by token
        "answers": [_answer(one) for one in found.changed],
        "scale": [{"level": level, "text": f"{_edge(level):.2g}"} for level in range(1, LEVELS + 1)],
    }


def _rows(summary: Mapping[str, Any], most: float) -> Iterator[dict[str, Any]]:
    for family in dict.fromkeys(task["family"] for task in summary["tasks"].values()):
        if whole := summary["families"].get(family):
            yield _row("family", format.family_title(family), whole, most)
        for name, task in summary["tasks"].items():
            if task["family"] == family:
                yield _row("task", name, task, most)
    yield _row("overall", "overall", summary["overall"], most)


def _row(level: str, title: str, one: Mapping[str, Any], most: float) -> dict[str, Any]:
    mean, stderr = one["kl"]["mean"], one["kl"]["stderr"]
    kl = "–" if mean is None else f"{1000 * mean:.3g}"
    error = "" if stderr is None else f"± {1000 * stderr:.2g}"
    bar = None
    if mean is not None and most > 0:
        bar = {
            "at": place(mean, 0, most),
            "low": place(mean - stderr, 0, most) if stderr else None,
            "high": place(mean + stderr, 0, most) if stderr else None,
            "base": None,
            "words": f"{title}: KL {kl} {error} thousandths of a nat per token",
        }
    return {
        "level": level,
        "title": title,
        "kl": {"text": kl, "error": error} if mean is not None else None,
        "z": "–" if one["z"] is None else f"{one['z']:.1f}",
        "logprob": _signed(one["logprob"], 1000),
        "gold": _signed(one["gold"], 1),
        "bar": bar,
    }


def _signed(one: Mapping[str, Any], scale: float) -> str:
    return "–" if one["mean"] is None else format.with_minus(f"{scale * one['mean']:+.3g}")


def _answer(one: Mapping[str, Any]) -> dict[str, Any]:
    shown = len(one["pieces"])
    return {
        "title": f"{one['task']}/{one['doc_id']}" + (f", repeat {one['repeat'] + 1}" if one["repeat"] else ""),
        "note": f"{1000 * one['kl']:.1f} thousandths per token, {format.several(one['tokens'], 'token')}"
        + (f", the first {shown:,} shown" if shown < one["tokens"] else ""),
        "spans": list(_spans(one["pieces"], one["kls"])),
    }


def _spans(pieces: Sequence[str], kls: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Yield neighbours of one shade as one piece of text, so that a long answer stays a short page."""
    shaded = [(_level(kl), piece, kl) for piece, kl in zip(pieces, kls, strict=False)]
    for level, run in itertools.groupby(shaded, key=lambda one: one[0]):
        members = list(run)
        most = max(kl for _, _, kl in members)
        yield {
            "level": level,
            "text": "".join(piece for _, piece, _ in members),
            "words": f"KL {most:.3g} nats" if level else "",
        }


def _level(kl: float) -> int:
    if not kl >= FAINTEST:
        return 0
    share = math.log(kl / FAINTEST) / math.log(STRONGEST / FAINTEST)
    return min(LEVELS, 1 + int(share * (LEVELS - 1)))


def _edge(level: int) -> float:
    """Return the least KL, in nats, of a token with this shade."""
    return FAINTEST * (STRONGEST / FAINTEST) ** ((level - 1) / (LEVELS - 1))
