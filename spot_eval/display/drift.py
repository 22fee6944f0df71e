"""Drift on a terminal. Knows numbers and layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import family_title, plain, safe

SHOWN = 5  # answers that moved most


def print_drift(found: Mapping[str, Any], console: Console) -> None:
    """Print the table of families and tasks, then what the numbers stand on."""
    title = f"drift of {found['candidate']} from {found['base']} (on the base's own answers)"
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for name in ("KL ≥" if found.get("top") else "KL", "z", "log-prob", "gold", "docs"):
        table.add_column(name, justify="right", no_wrap=True)
    families = dict.fromkeys(task["family"] for task in found["tasks"].values())
    for family in families:
        if whole := found["families"].get(family):
            table.add_row(safe(family_title(family)), *_cells(whole), "", style="bold")
        for name, task in found["tasks"].items():
            if task["family"] == family:
                table.add_row(f"  {safe(name)}", *_cells(task), str(task["docs"]))
    table.add_section()
    table.add_row("overall", *_cells(found["overall"]), "", style="bold")
    console.print(table)
    for line in lines(found):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands under the table: units, floor, where it moved, which answers, and what broke."""
    yield (
        "KL: KL(base || candidate), log-prob: change for the base's tokens, thousandths of a nat per token; gold: "
        "change for a reply of the bare gold, nats. z says that the model moved, never that it was harmed."
    )
    if top := found.get("top"):
        yield f"KL is a lower bound: the engine names the {top} likeliest tokens at each place, the others are one lump"
    floor = found["floor"]
    yield (
        f"floor in {found['dtype']}: {1000 * floor:.2g} thousandths; less is rounding"
        if floor is not None
        else f"floor in {found['dtype']}: not measured"
    )
    for name, task in found["tasks"].items():
        where = [part for part in task["where"] if part is not None]
        if len(where) > 1 and max(where) > 3 * (sum(where) / len(where)):
            tenth = task["where"].index(max(where)) + 1
            yield f"{name}: most of it in tenth {tenth} of the answers"
    changed = [
        f"{one['task']}/{one['doc_id']} {1000 * one['kl']:.1f} ({_tokens(one['most'])})"
        for one in found["most_changed"][:SHOWN]
    ]
    if changed:
        yield f"moved most: {'; '.join(changed)}"
    for family, one in found.get("broke", {}).items():
        yield f"{family_title(family)}: {one['broke']} of {one['docs']} docs that the base had right are now wrong"


def _tokens(most: list[list[Any]]) -> str:
    return " ".join(repr(text) for _, _, text in most[:3])


def _cells(one: Mapping[str, Any]) -> list[str]:
    return [
        _number(one["kl"], 1000),
        "-" if one["z"] is None else f"{one['z']:.1f}",
        _number(one["logprob"], 1000, sign=True),
        _number(one["gold"], 1, sign=True),
    ]


def _number(one: Mapping[str, Any], scale: int, *, sign: bool = False) -> str:
    if one["mean"] is None:
        return "-"
    digits = 2 if abs(scale * one["mean"]) < 99.9 else 1
    mean = f"{scale * one['mean']:{'+' if sign else ''}.{digits}f}"
    return mean if one["stderr"] is None else f"{mean} ± {scale * one['stderr']:.{digits}f}"
