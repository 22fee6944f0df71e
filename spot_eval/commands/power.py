"""`spot-eval power`: the changes an evaluation can detect, before GPU time is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import Json, Limit, Repeats, assignments, print_json, suite_completions

EXAMPLES = ("spot-eval power --suite spot-quick", "spot-eval power --baseline runs/base")


def power_command(
    *,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="RUN", help="Base run. Its suite, scores and spread are used. [default: assumed]"
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Suite you plan to run. [default: the one of --baseline, or spot]",
            autocompletion=suite_completions,
        ),
    ] = None,
    policy: Annotated[Path | None, typer.Option(metavar="gate.toml", help="Margins and alpha of the gate.")] = None,
    margin: Annotated[
        float | None,
        typer.Option(metavar="M", help="Margin of every family, instead of the policy's. 0.03 is three points."),
    ] = None,
    repeats: Repeats = None,
    limit: Limit = None,
    docs: Annotated[
        list[str] | None, typer.Option(metavar="TASK=N", help="Number of docs of a task of yours. Repeatable.")
    ] = None,
    difficulty: Annotated[
        float, typer.Option(min=0.01, max=0.99, metavar="P", help="Assumed mean score if there is no base run.")
    ] = 0.5,
    churn: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, metavar="SD", help="Assumed standard deviation over docs of true changes that cancel out."
        ),
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Show the smallest change an evaluation can detect.

    Also shows how often the gate passes a checkpoint that did not change."""
    from spot_eval.core.errors import UserError
    from spot_eval.gating.policy import load_policy
    from spot_eval.gating.power import power_of, suite_of_run
    from spot_eval.runs.baseline import load_base_run
    from spot_eval.tasks.catalogue import catalogue
    from spot_eval.tasks.suite import load_suite

    if margin is not None and not 0 < margin < 1:
        raise UserError(f"--margin {margin:g} is not between 0 and 1; these are fractions, so three points are 0.03")
    rules, _ = load_policy(policy)
    base = load_base_run(baseline) if baseline else None
    if base and suite is None:
        resolved, counts = suite_of_run(base, repeats)
    else:
        chosen = load_suite(suite or "spot")
        resolved = chosen.narrowed(repeats=repeats).resolved()
        counts = {entry["task"]: entry["docs"] for entry in catalogue(suite or "spot", [], {})}
    name = resolved["name"]
    if base and not any(task in base.docs for task in counts):
        raise UserError(f"{base.path} has no task of suite {name}; leave out --suite to use the suite of that run")
    rules.margins(resolved)
    for task, number in assignments("--docs", docs).items():
        if task not in counts or not number.isdecimal() or int(number) < 1:
            raise UserError(f"--docs {task}={number}: expected a task of suite {name} and a number of docs")
        counts[task] = int(number)
    if limit is not None:
        counts = {task: min(count, limit) if count else None for task, count in counts.items()}
    plan = power_of(resolved, counts, rules, base, margin=margin, difficulty=difficulty, churn=churn)
    if as_json:
        print_json(plan)
        return
    from spot_eval.display.power import print_power
    from spot_eval.display.terminal import Terminal

    against = f"against {base.name}" if base else f"assumed difficulty {difficulty:g}"
    print_power(plan, Terminal(), f"{name} v{resolved['version']}, {against}")
