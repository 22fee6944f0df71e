"""Show a comparison: tables of candidates, curves of checkpoints and all pairs. Knows numbers and layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import clock, family_title, kl, p_value, percent, plain, safe, signed
from spot_eval.display.slices import print_slices

SHOWN_FLIPS = 5
CHANGED = {"truncated": "truncated", "unparsed": "unparsed", "not_judged": "not judged"}


def print_comparison(comparison: Mapping[str, Any], console: Console, notes: Sequence[str] = ()) -> None:
    """Print a table per candidate with what else changed, then the curves and the pairs."""
    base = comparison["base"]
    for entry in comparison["comparisons"]:
        title = f"{entry['candidate']['model']} minus {base['model']} (%)"
        console.print(_table(entry, title))
        for line in remarks(entry):
            console.print(plain(line), markup=False, highlight=False, soft_wrap=True)
        for one in entry.get("slices", ()):
            print_slices(one, console)
        console.print()
    print_curves(comparison, console)
    if "pairs" in comparison:
        print_pairs(comparison["pairs"], console)
    level = f"{100 * (1 - comparison['alpha']):g} %"
    console.print(
        f"difference ± standard error; interval: two-sided {level}; p: two-sided, adjusted (Holm)",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    for line in notes:
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def print_curves(comparison: Mapping[str, Any], console: Console) -> None:
    """Print a table per curve of checkpoints."""
    for curve in comparison["curves"]:
        console.print(_curve(comparison, curve))
        if any(point.get("drift") for point in curve["points"]):
            console.print(_drifts(comparison, curve))


def print_pairs(pairs: Mapping[str, Any], console: Console) -> None:
    """Print the difference of every pair of runs; a star marks those that differ."""
    names = {number: _letter(number) for number in range(len(pairs["runs"]))}
    families = list(dict.fromkeys(name for row in pairs["rows"] for name in row["families"]))
    shown = families[: max(0, (console.width - 8) // 14 - 1)]
    table = Table(title="every pair (points)", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for family in [*shown, "overall"]:
        table.add_column(safe(family_title(family)), justify="right", no_wrap=True)
    for row in pairs["rows"]:
        pair = f"{names[row['a']]} - {names[row['b']]}"
        cells = [*(row["families"].get(family) for family in shown), row["overall"]]
        table.add_row(pair, *(_pair_cell(one) for one in cells))
    console.print(table)
    differing = [f"{names[row['a']]}-{names[row['b']]}" for row in pairs["rows"] if _differs(row)]
    lines = [f"{names[number]}: {run['model']}, {run['path']}" for number, run in enumerate(pairs["runs"])]
    lines += [
        f"{names[row['a']]} - {names[row['b']]} is not compared: {row['not_comparable']}"
        for row in pairs["rows"]
        if row["not_comparable"]
    ]
    if hidden := families[len(shown) :]:
        lines.append(f"not shown at this width: {', '.join(map(family_title, hidden))} (see --json)")
    lines.append(
        f"*: differs (two-sided p, adjusted over the {len(pairs['rows'])} pairs by Holm, at most "
        f"{100 * pairs['alpha']:g} %). No star: no difference was shown"
    )
    lines.append(f"pairs that differ: {', '.join(differing) or 'none'}")
    for line in lines:
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def _letter(number: int) -> str:
    """Return A, B, …, Z, A1, B1, … as a short name of a run."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def _pair_cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry["mean"] is None:
        return "- "
    return signed(entry["mean"], entry["stderr"], entry["exact"]) + ("*" if entry["differ"] else " ")


def _differs(row: Mapping[str, Any]) -> bool:
    return any(entry["differ"] for entry in (row["overall"], *row["families"].values()))


def _table(entry: Mapping[str, Any], title: str) -> Table:
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for name in ("base", "now", "difference", "interval", "p", "docs", "lost", "won"):
        table.add_column(name, justify="right", no_wrap=True)
    for family, whole in entry["families"].items():
        members = [task for task in whole["tasks"] if task in entry["tasks"]]
        if not members:
            continue
        table.add_row(safe(family_title(family)), *_cells(whole), style="bold")
        for task in members:
            found = entry["tasks"][task]
            table.add_row(
                f"  {safe(task)}", *_cells(found), str(found["docs"]), str(found["lost"]), str(found["gained"])
            )
    table.add_section()
    table.add_row("overall", *_cells(entry["overall"]), style="bold")
    return table


def _cells(found: Mapping[str, Any]) -> list[str]:
    if found["mean"] is None:
        return ["partial" if found.get("missing") else "-", "", "", "", ""]
    low, high = found["interval"]
    p = found.get("p_holm", found["p"])
    return [
        percent(found["base"]),
        percent(found["candidate"]),
        signed(found["mean"], found["stderr"], found["exact"]),
        f"{100 * low:+.1f} {100 * high:+.1f}",
        "" if p is None else p_value(p),
    ]


def remarks(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield warnings, missing tasks, changes of flags and lengths, time, and the docs that lost most."""
    for warning in entry["warnings"]:
        yield f"note: {warning}"
    for side, tasks in entry["missing"].items():
        if tasks:
            yield f"missing in the {side}: {', '.join(tasks)}; their families have no mean"
    for flag, word in CHANGED.items():
        moved = [
            f"{task} {signed(found['changes'][flag]['mean'])}"
            for task, found in entry["tasks"].items()
            if abs(found["changes"][flag]["mean"] or 0) >= 0.0005
        ]
        if moved:
            yield f"{word} (points): {', '.join(moved)}"
    lengths = [
        f"{task} {change['base']:,.0f} -> {change['candidate']:,.0f}"
        for task, found in entry["tasks"].items()
        if (change := found["changes"]["output_tokens"])["mean"]
    ]
    if lengths:
        yield f"tokens per answer: {', '.join(lengths)}"
    seconds = entry["time"]["wall_time_s"]
    if seconds["base"] and seconds["candidate"]:
        yield f"time: {clock(seconds['base'])} -> {clock(seconds['candidate'])}"
    unpaired = {t: f["docs_not_judged"] for t, f in entry["tasks"].items() if f["docs_not_judged"]}
    if unpaired:
        yield f"docs not judged in one run or both, left out: {', '.join(f'{t} {n}' for t, n in unpaired.items())}"
    lost = [flip for flip in entry["flips"] if flip["outcome"] == "lost"]
    if lost:
        listed = ", ".join(
            f"{flip['task']}/{flip['doc_id']} {percent(flip['base'])}->{percent(flip['candidate'])}"
            for flip in lost[:SHOWN_FLIPS]
        )
        more = f" and {len(lost) - SHOWN_FLIPS} more" if len(lost) > SHOWN_FLIPS else ""
        yield f"lost most: {listed}{more}"


def by_step(comparison: Mapping[str, Any], curve: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (step, comparison) of each checkpoint of a curve."""
    return [(point["step"], comparison["comparisons"][point["comparison"]]) for point in curve["points"]]


def _drifts(comparison: Mapping[str, Any], curve: Mapping[str, Any]) -> Table:
    """Return a table of the drift of the checkpoints of one training run, a line per step."""
    families = list(by_step(comparison, curve)[0][1]["families"])
    title = f"{curve['training_run']}, by step: KL from {comparison['base']['model']} (1/1000 nat per token)"
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step", justify="right")
    for family in [*families, "overall"]:
        table.add_column(safe(family_title(family)), justify="right", no_wrap=True)
    for point in curve["points"]:
        found = point.get("drift") or {}
        table.add_row(f"{point['step']:,}", *(kl(found.get(name)) for name in [*families, "overall"]))
    return table


def _curve(comparison: Mapping[str, Any], curve: Mapping[str, Any]) -> Table:
    """Return a table of the checkpoints of one training run, a line per step."""
    entries = by_step(comparison, curve)
    families = list(entries[0][1]["families"])
    title = f"{curve['training_run']}, by step: difference to {comparison['base']['model']} (points)"
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step", justify="right")
    for family in [*families, "overall"]:
        table.add_column(safe(family_title(family)), justify="right", no_wrap=True)
    for step, entry in entries:
        cells = [entry["families"].get(family) for family in families] + [entry["overall"]]
        table.add_row(f"{step:,}", *(signed(one["mean"], one["stderr"], one["exact"]) if one else "-" for one in cells))
    return table
