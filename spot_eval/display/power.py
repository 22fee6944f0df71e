"""Show on a terminal what an evaluation can detect. Knows numbers and layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import clock, family_title, plain, safe


def print_power(plan: Mapping[str, Any], console: Console, title: str) -> None:
    """Print families and tasks with what they can detect, then the assumptions, then the chance of PASS."""
    table = Table(title=safe(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for name in ("n x k", "± error", "detects", "fails at", "at worst", "margin", "passes", "needs"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = dict.fromkeys([*(task["family"] for task in plan["tasks"].values())])
    for family in shown:
        whole = plan["families"].get(family)
        if whole:
            factor = whole["repeats_factor"]
            wish = "never" if factor is None else "enough" if factor <= 1 else f"x {factor:.{int(factor < 9.95)}f}"
            table.add_row(
                safe(family_title(family)),
                "", f"{100 * whole['stderr']:.1f}", _points(whole["smallest_detectable"]),
                _points(whole["smallest_failing"]), _points(whole["smallest_failing_lost_docs"]),
                f"{100 * whole['margin']:g}",
                f"{100 * whole['pass_at_no_change']:.0f} %", wish, style="bold",
            )  # fmt: skip
        else:
            table.add_row(safe(family_title(family)), "", "", "", "", "", "", "", "", style="bold")
        for name, task in plan["tasks"].items():
            if task["family"] == family:
                table.add_row(
                    f"  {safe(name)}", f"{task['docs']} x {task['repeats']:g}", f"{100 * task['stderr']:.1f}",
                    _points(task["smallest_detectable"]),
                )  # fmt: skip
    console.print(table)
    chance, often = plan["pass_at_no_change"], f"{100 * plan['power']:g} %"
    left = [
        f"{100 * whole['fail_chance_lost_docs']:.0f} % ({family_title(family)})"
        for family, whole in plan["families"].items()
        if whole["fail_chance_lost_docs"] is not None
    ]
    lines = [
        f"points. detects: the drop found with {often} chance; fails at: the drop that fails the gate with {often} "
        "chance. Both assume even harm: every doc's chance of a right answer falls by the same share",
        "at worst: the same if docs are lost altogether. A drop as under `fails at` then fails with "
        f"{', '.join(left)} chance only"
        if left
        else "",
        f"passes: the chance of PASS if nothing changed; needs: repeats that bring it to {often}",
        "" if chance is None else f"an unchanged checkpoint passes the whole gate with {100 * chance:.0f} % chance",
        *cost_lines(plan),
        *(f"warning: {warning}" for warning in plan["warnings"]),
    ]
    for line in filter(None, lines):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def cost_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a run until a verdict costs by the true change, and what a deeper base buys."""
    cost, deep = plan["until_verdict"], plan["deep"]
    if cost is None:
        return
    unit = "answers" if cost["output_tokens"] is None else "tokens"
    yield f"run --until-verdict: share of the {unit}, if every family changes by (points) {_costs(cost)}"
    if deep is not None:
        yield (
            f"with a base of {deep['times']}x the repeats (`baseline deepen`) an unchanged checkpoint passes with "
            f"{100 * deep['pass_at_no_change']:.0f} instead of {100 * plan['pass_at_no_change']:.0f} % chance; "
            f"share of the {unit} until a verdict: {_costs(deep['until_verdict'], hours=False)}"
        )


def _costs(cost: Mapping[str, Any], *, hours: bool = True) -> str:
    """Return `+0: 36 % (59,312), -1: …` for each true change; with `hours` also the time, if it is known."""
    shown = []
    for one in cost["truths"]:
        amount = [] if one["output_tokens"] is None else [f"{one['output_tokens']:,}"]
        if hours and one["hours"] is not None:
            amount.append(f"{clock(3600 * one['hours'])} at the base's speed")
        inside = f" ({', '.join(amount)})" if amount else ""
        shown.append(f"{100 * one['change']:+g}: {100 * one['share']:.0f} %{inside}")
    return ", ".join(shown)


def _points(drop: float | None) -> str:
    return "-" if drop is None else f"{100 * drop:.1f}"
