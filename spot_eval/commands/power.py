"""`spot-eval power`: what an evaluation can see, before GPU time is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import Json, Limit, Repeats, assignments, print_json


def power_command(
    *,
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="What will be run.")] = "spot",
    base: Annotated[
        str | None, typer.Option(metavar="RUN", help="The base: its scores and spread. [default: assumed]")
    ] = None,
    policy: Annotated[Path | None, typer.Option(metavar="gate.toml", help="Margins and alpha of the gate.")] = None,
    margin: Annotated[
        float | None, typer.Option(metavar="M", help="Another margin for every family; 0.03 is three points.")
    ] = None,
    repeats: Repeats = None,
    limit: Limit = None,
    docs: Annotated[
        list[str] | None, typer.Option(metavar="TASK=N", help="How many docs a task of your own has; repeatable.")
    ] = None,
    difficulty: Annotated[
        float, typer.Option(min=0.01, max=0.99, metavar="P", help="Assumed mean score without a base.")
    ] = 0.5,
    churn: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="SD", help="Spread over docs of true changes that cancel out."),
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """The smallest change each task and family can show, and the chance that the gate passes at no change."""
    from spot_eval.core.errors import UserError
    from spot_eval.gating.policy import load_policy
    from spot_eval.gating.power import power_of
    from spot_eval.runs.baseline import load_base_run
    from spot_eval.tasks.catalogue import catalogue
    from spot_eval.tasks.suite import load_suite

    if margin is not None and not 0 < margin < 1:
        raise UserError(f"--margin {margin:g} is not between 0 and 1; these are fractions, so three points are 0.03")
    chosen = load_suite(suite).narrowed(repeats=repeats)
    rules, _ = load_policy(policy)
    resolved = chosen.resolved()
    rules.margins(resolved)
    counts: dict[str, int | None] = {entry["task"]: entry["docs"] for entry in catalogue(suite, [], {})}
    for task, number in assignments("--docs", docs).items():
        if task not in counts or not number.isdecimal() or int(number) < 1:
            raise UserError(f"--docs {task}={number}: expected a task of suite {chosen.name} and a number of docs")
        counts[task] = int(number)
    if limit is not None:
        counts = {task: min(count, limit) if count else None for task, count in counts.items()}
    run = load_base_run(base) if base else None
    plan = power_of(resolved, counts, rules, run, margin=margin, difficulty=difficulty, churn=churn)
    if as_json:
        print_json(plan)
        return
    from rich.console import Console

    from spot_eval.display.power import print_power

    against = f"against {run.name}" if run else f"assumed difficulty {difficulty:g}"
    print_power(plan, Console(), f"{chosen.name} v{chosen.version}, {against}")
