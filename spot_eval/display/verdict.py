"""The gate's verdict on a terminal. Knows numbers and layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spot_eval.display.format import family_title, kl, p_value, percent, plain, safe, signed

FULL_WIDTH = 90
STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}


def print_gate(verdict: Mapping[str, Any], console: Console, place: Path) -> None:
    """Verdict first, then why, then the numbers it stands on."""
    style, word = STYLES[verdict["verdict"]], verdict["verdict"].upper()
    console.print(Text.assemble((word, style), f": {safe(verdict['summary'])}"), soft_wrap=True)
    for reason in verdict["reasons"]:
        console.print(f"- {plain(reason)}", markup=False, highlight=False, soft_wrap=True)
    title = f"{verdict['candidate']['model']} against {verdict['base']['model']} (%)"
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    shown = slice(None) if console.width >= FULL_WIDTH else slice(-1)
    for name in ("base", "now", "difference", "at least", "margin", "p harm")[shown]:
        table.add_column(name, justify="right", no_wrap=True)
    for family, one in verdict["families"].items():
        table.add_row(safe(family_title(family)), *_cells(one, one["margin"])[shown], style="bold")
        for task in one["tasks"]:
            if task in verdict["guards"]:
                guard = verdict["guards"][task]
                table.add_row(f"  {safe(task)}", *_cells(guard, guard["drop"])[shown])
    console.print(table)
    for note in [
        *look_lines(verdict), *imputed_lines(verdict), *verdict["notes"], *verdict["warnings"], *drift_lines(verdict),
        *seal_lines(verdict),
    ]:  # fmt: skip
        console.print(f"note: {plain(note)}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{verdict['lost']} docs lost, {verdict['gained']} gained; at least: {level_words(verdict)}\n"
        f"written: {place}/gate.json, gate.md, junit.xml, regressions.jsonl, comparison.json",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def _cells(one: Mapping[str, Any], limit: float) -> list[str | Text]:
    style = STYLES[one["verdict"]]
    p = one["p_harm_holm"]
    return [
        Text(one["verdict"], style),
        percent(one["base"]),
        percent(one["candidate"]),
        signed(one["mean"], one["stderr"]),
        signed(one["lower"]),
        f"{-100 * limit:g}",
        "" if p is None else p_value(p),
    ]


GateRecord = Mapping[str, Any]


def drift_lines(verdict: GateRecord) -> Iterator[str]:
    """Yield how far the candidate moved from its base, where that was measured. It is no part of the verdict."""
    if not (found := verdict.get("drift")) or found["overall"]["mean"] is None:
        return
    parts = [f"{family_title(name)} {kl(one)}" for name, one in found["families"].items() if one["mean"] is not None]
    at_least = "≥ " if found.get("top") else ""
    yield (
        f"drift (information, no part of the verdict): KL {at_least}{kl(found['overall'])} thousandths of a nat "
        "per token" + (f"; {', '.join(parts)}" if parts else "")
    )


def imputed_lines(verdict: GateRecord) -> Iterator[str]:
    """Yield each family's verdict as it would be if all that was not judged were right, or wrong."""
    for name, one in verdict["families"].items():
        if one["imputed"]:
            cases = [one["imputed"][case] for case in ("worst", "best")]
            worst, best = (f"{signed(case['mean'])} ({case['verdict']})" for case in cases)
            yield (
                f"{family_title(name)}: {worst} if all that was not judged goes against the candidate, {best} if for it"
            )


def seal_lines(verdict: GateRecord) -> Iterator[str]:
    """Yield whether the files of both runs are as they were when the runs ended."""
    if seals := verdict.get("seals"):
        yield f"files: candidate {seals['candidate']}; base {seals['base']}"


def level_words(verdict: GateRecord) -> str:
    """Return at which level the bounds of a verdict hold, and how its p values are adjusted."""
    if "looks" in verdict:
        return "one-sided, at the level of the family's look; p is compared with the look's share of alpha"
    return f"one-sided {100 * (1 - verdict['alpha']):g} %; p adjusted (Holm)"


def look_lines(verdict: GateRecord) -> Iterator[str]:
    """Yield a line per family of a run with looks: look, level of the bound, and the estimate after stopping."""
    if "looks" not in verdict:
        return
    for name, one in verdict["families"].items():
        stop = one["sequential"]
        if not stop["look"]:
            continue
        at_look = f"look {stop['look']} of {verdict['looks']['planned']}"
        bound = f"{family_title(name)}: {at_look}, one-sided level {stop['level']:.2g}"
        if stop["interval"] is None:
            yield f"{bound}; the difference shown is the naive one"
            continue
        low, high = stop["interval"]
        yield (
            f"{bound}; difference allowing for the looks (median-unbiased) {signed(stop['median_unbiased'])}, "
            f"{100 * (1 - verdict['alpha']):g} % interval {signed(low)} to {signed(high)}"
        )
