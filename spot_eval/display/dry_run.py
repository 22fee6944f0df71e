"""Show the findings of a dry run. Knows layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import size
from spot_eval.display.power import cost_lines

SHOWN = 1200  # characters of a prompt


def print_dry_run(found: Mapping[str, Any], console: Console) -> None:
    """A table of the tasks, a prompt of each, where records would go, and what would stop the run."""
    suite = found["suite"]
    title = f"{found['model']} on {suite['name']} v{suite['version']}, engine {found['engine']}: nothing is run"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for head in ("docs x k", "requests", "new tokens at most", "prompt tokens", "longest"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in found["tasks"]:
        numbers = (row["requests"], row["token_ceiling"], row["prompt_tokens"], row["longest_prompt"])
        table.add_row(row["task"], f"{row['docs']} x {row['repeats']}", *map(_number, numbers))
    table.add_section()
    totals = [found["totals"][name] for name in ("docs", "requests", "token_ceiling", "prompt_tokens")]
    table.add_row("in all", *map(_number, totals), "", style="bold")
    for row in found["tasks"]:
        if row["prompt"] is not None:
            _print(console, f"── {row['task']}, its first prompt ──", style="bold")
            more = len(row["prompt"]) - SHOWN
            _print(console, row["prompt"][:SHOWN] + (f"… ({more:,} more characters)" if more > 0 else ""))
    console.print(table)
    for line in _lines(found):
        _print(console, line)
    for problem in found["problems"]:
        _print(console, f"would stop the run: {problem}", style="bold")


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    if found["capped"]:
        yield f"{found['capped']:,} requests get a smaller token budget: prompt and answer share the context"
    if found["too_long"]:
        some = ", ".join(f"{one['task']}/{one['doc_id']} ({one['tokens']})" for one in found["too_long"][:20])
        more = f" and {len(found['too_long']) - 20} more" if len(found["too_long"]) > 20 else ""
        yield f"prompts too long for the context: {some}{more}"
    for task, reason in found["left_out"].items():
        yield f"{task} would be left out, and its family have no mean: {reason}"
    yield from (f"note: {note}" for note in found["notes"])
    records = found["records"]
    if records["to_do"] is None:
        yield f"records: {records['path'] or 'under runs/, named when model and data are here'}"
    else:
        done = f"{records['finished']:,} of them finished, {records['to_do']:,} to do"
        beside = f", {records['neighbours']:,} to take over from its neighbours" if records["neighbours"] else ""
        yield f"records: {records['path']}: {done}{beside}"
    if found["power"]:
        yield from _power_lines(found["power"])
    disk = found["disk"]
    yield f"disk: at most about {size(disk['estimate_bytes'])}, {size(disk['free_bytes'])} free"


def _power_lines(power: Mapping[str, Any]) -> Iterator[str]:
    families = [
        f"{family} {100 * whole['smallest_detectable']:.1f}"
        for family, whole in power["families"].items()
        if whole["smallest_detectable"] is not None
    ]
    if families:
        often = f"{100 * power['power']:g} times in 100"
        yield (
            f"drops it finds {often}, if harm lowers every doc's chance alike (points): {', '.join(families)}; "
            "more: spot-eval power"
        )
    if power["pass_at_no_change"] is not None:
        yield f"an unchanged checkpoint passes the gate with {100 * power['pass_at_no_change']:.0f} % chance"
    yield from cost_lines(power)
    yield from (f"warning: {warning}" for warning in power["warnings"])


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _print(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
