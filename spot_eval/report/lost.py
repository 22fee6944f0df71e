"""Slices of the docs on a page: where the evidence of harm is strongest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spot_eval.display import format
from spot_eval.display.slices import SHOWN, lines


def lost(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the view of the slices by one column; the first rows, and every slice that is named."""
    rows = [row for at, row in enumerate(found["slices"]) if at < SHOWN or row["named"]]
    said, *notes = lines(found, len(rows))
    return {
        "by": found["by"],
        "said": format.sentence(said),
        "rows": [_row(row) for row in rows],
        "notes": notes,
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": f"{row['task']}: {row['value']}",
        "named": row["named"],
        "tone": "" if not row["named"] else "worse",
        "difference": format.difference(row["mean"], row["stderr"]),
        "base": format.percent(row["base"]),
        "now": format.percent(row["candidate"]),
        "docs": f"{row['docs']:,}",
        "p": format.p_value(row["p_harm"]),
        "q": format.p_value(row["q"]),
    }
