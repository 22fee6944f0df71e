"""`spot-eval report`: what a reader decides by, in one file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import say

BUDGET_MB = 20.0


class Format(StrEnum):
    """What is written."""

    html = "html"
    md = "md"
    model_card = "model-card"


def report_command(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    bases: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BASE…]", help="Runs, saved baselines or published tables to set it beside."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="[default: report.html in RUN; md, model-card: stdout]"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="A page, a pull request's comment, a card's section.")] = (
        Format.html
    ),
    policy: Annotated[
        Path | None,
        typer.Option(metavar="gate.toml", help="[default: that of RUN's last gate, or the one in reports/]"),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(metavar="comparison.json", help="Checkpoints of a training run, to draw by step (page only)."),
    ] = None,
    budget: Annotated[
        float, typer.Option("--budget", min=0, metavar="MB", help="Room for transcripts in the page.")
    ] = BUDGET_MB,
) -> None:
    """One self-contained page: verdict, scores, distributions, lost and gained docs with both transcripts."""
    from spot_eval.core.files import write_atomically
    from spot_eval.report.content import load_story
    from spot_eval.report.render import render

    text = render(load_story(run, bases or [], policy, curve), form.value, int(budget * 1e6))
    if output is None and form is not Format.html:
        print(text, end="")  # noqa: T201
        return
    path = output or run / "report.html"
    write_atomically(path, [text.encode()])
    say(f"written: {path} ({len(text) / 1e6:.1f} MB)")
