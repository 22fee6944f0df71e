"""`spot-eval power`: the changes an evaluation can detect, before GPU time is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import Json, Limit, Repeats, assignments, print_json, suite_completions
from spot_eval.core.errors import UserError

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
    from spot_eval.gating.plan import plan_evaluation
    from spot_eval.gating.policy import load_policy
    from spot_eval.runs.baseline import load_base_run

    base = load_base_run(baseline) if baseline else None
    planned = plan_evaluation(
        base,
        load_policy(policy)[0],
        suite=suite,
        margin=margin,
        repeats=repeats,
        limit=limit,
        docs=_counts(docs),
        difficulty=difficulty,
        churn=churn,
    )
    if as_json:
        print_json(planned.power)
        return
    from spot_eval.display.power import print_power
    from spot_eval.display.terminal import Terminal

    against = f"against {base.name}" if base else f"assumed difficulty {difficulty:g}"
    print_power(planned.power, Terminal(), f"{planned.suite} v{planned.version}, {against}")


def _counts(docs: list[str] | None) -> dict[str, int]:
    """Return `TASK=N`s as numbers. Raises UserError for one that is no number of docs."""
    given = assignments("--docs", docs)
    for task, number in given.items():
        if not number.isdecimal():
            raise UserError(f"--docs {task}={number}: expected a number of docs")
    return {task: int(number) for task, number in given.items()}
