"""Slices of a comparison on a terminal: what was lost, and how much of it is chance. Knows layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import p_value, percent, plain, safe, several, signed

SHOWN = 12  # slices of a table; named ones are always shown


def print_slices(found: Mapping[str, Any], console: Console) -> None:
    """Print the slices with the strongest evidence of harm first, then the shares of 1 -> 0."""
    title = f"by {found['by']}, strongest evidence of harm first (%)"
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", overflow="fold")
    for name in ("docs", "base", "now", "difference", "p harm", "q"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = [row for at, row in enumerate(found["slices"]) if at < SHOWN or row["named"]]
    for row in shown:
        table.add_row(
            safe(f"{row['task']}: {row['value']}"), str(row["docs"]), percent(row["base"]), percent(row["candidate"]),
            signed(row["mean"], row["stderr"]), p_value(row["p_harm"]), p_value(row["q"]),
            style="bold" if row["named"] else "",
        )  # fmt: skip
    console.print(table)
    for line in lines(found, len(shown)):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)
    console.print()


def lines(found: Mapping[str, Any], shown: int) -> Iterator[str]:
    """Yield what stands under the table."""
    named = [f"{row['task']}: {row['value']}" for row in found["slices"] if row["named"]]
    level = f"{100 * found['alpha']:g} %"
    yield f"lost in: {', '.join(named)}" if named else f"no slice has lost, at {level} over all slices"
    rest = len(found["slices"]) - shown
    yield (
        f"q: p after Benjamini and Hochberg over {several(found['tested'], 'slice')}"
        + (f", {rest} not shown" if rest else "")
        + (f"; {several(found['without'], 'doc')} without this column" if found["without"] else "")
    )
    for task, one in found["lost"].items():
        if one["expected"]["mean"] is None:
            yield f"{task}: right -> wrong in {percent(one['observed']['mean'])} %; one repeat does not tell chance"
        else:
            yield (
                f"{task}: right -> wrong in {percent(one['observed']['mean'])} % of pairs of samples, "
                f"{percent(one['expected']['mean'])} % by chance, beyond it "
                f"{signed(one['excess']['mean'], one['excess']['stderr'])}"
            )
