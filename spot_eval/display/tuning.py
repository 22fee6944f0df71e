"""Print a tuned grid: a row per setting, the frontier marked, then the choice and what it is worth on held-out docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import family_title, plain, points, safe


def print_tuning(found: Mapping[str, Any], console: Console) -> None:
    """Print tune.json."""
    families = list(found["families"])
    title = f"{found['pairs']}: change from {found['model']} on {found['docs']['dev']} dev docs (%)"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left", title=plain(title))
    table.add_column("", no_wrap=True)
    table.add_column("method", overflow="fold")
    for name in ("rate", "beta", *map(family_title, families), "gain", "drift"):
        table.add_column(name, justify="right", no_wrap=True)
    chosen = {(name, one["rate"], one["beta"]) for name, one in found["chosen"].items()}
    for row in sorted(found["points"], key=lambda one: (one["drift"] is None, one["drift"] or 0.0)):
        mark = ("*" if (row["method"], row["rate"], row["beta"]) in chosen else " ") + (
            "f" if row["on_frontier"] else ""
        )
        table.add_row(
            mark, safe(row["method"]), f"{row['rate']:g}", "" if row["beta"] is None else f"{row['beta']:g}",
            *(points(row["families"][name]["mean"]) for name in families), _points(row["gain"]),
            "" if row["drift"] is None else f"{1000 * row['drift']:.2f}",
        )  # fmt: skip
    console.print(table)
    for line in lines_of(found):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def lines_of(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences below the table."""
    said = [
        "*: chosen, the best mean of families; f: on the frontier, no setting gains as much at less drift. gain: mean "
        "of the families but general. drift: KL from the base, thousandths of a nat per token."
    ]
    for name, one in found["chosen"].items():
        beta = "" if one["beta"] is None else f", beta {one['beta']:g}"
        text = f"{name}: rate {one['rate']:g}{beta}"
        if one["held_out"]:
            shown = ", ".join(f"{family_title(key)} {_points(value)}" for key, value in one["held_out"].items())
            text += f"; on {found['docs']['held_out']} held-out docs: {shown}"
        said.append(text)
    said += [f"warning: {sentence}" for sentence in found["warnings"]]
    for name, one in found["chosen"].items():
        said += [f"warning: {name}: {sentence}" for sentence in one["warnings"]]
    if missing := [row for row in found["points"] if row["no_drift"]]:
        said.append(f"drift could not be measured for {len(missing)} settings: {missing[0]['no_drift']}")
    return said


def _points(change: Mapping[str, Any]) -> str:
    error = "" if change["stderr"] is None else f" ± {100 * change['stderr']:.1f}"
    return points(change["mean"]) + error
