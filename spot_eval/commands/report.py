"""`spot-eval report`: one file that shows the verdict and the numbers behind it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from spot_eval.commands.common import say

EXAMPLES = (
    "spot-eval report runs/new --baseline runs/base -o report.html",
    "spot-eval report runs/new --baseline runs/base --format md",
)
BUDGET_MB = 10.0


class Format(StrEnum):
    """Formats of a report."""

    html = "html"
    md = "md"
    model_card = "model-card"


FORMS: dict[Format, Literal["html", "md", "model-card"]] = {
    Format.html: "html",
    Format.md: "md",
    Format.model_card: "model-card",
}


def report_command(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    bases: Annotated[
        list[str] | None,
        typer.Argument(metavar="BASE…", help="Base runs, as --baseline gives them."),
    ] = None,
    baselines: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            metavar="RUN|NAME",
            help="Base run, saved baseline or published table to show beside RUN. Repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="File to write. [default: RUN/report.html; stdout for md and model-card]",
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="An HTML page, a pull request comment, or a model card section.")
    ] = (Format.html),
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="gate.toml", help="Gate policy. [default: the one of RUN's last gate, else the built-in one]"
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(metavar="comparison.json", help="Draw the checkpoints of a training run by step (page only)."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            help="Name what was lost by this column (see `compare --by`). Repeatable. "
            "[default: subject, level, kind, instruction and ply, where docs have them]",
        ),
    ] = None,
    drift: Annotated[
        Path | None,
        typer.Option("--drift", metavar="DIR", help="Folder of `spot-eval drift`. [default: RUN/drift, if there]"),
    ] = None,
    budget: Annotated[
        float, typer.Option("--budget", min=0, metavar="MB", help="Most megabytes of transcripts in the page.")
    ] = BUDGET_MB,
) -> None:
    """Write a report: verdict, scores, lost and gained docs.

    The page is one file that needs no network, with both runs' transcripts of the docs that changed."""
    from spot_eval import api

    names = [*(bases or []), *(baselines or [])]
    if out is None and form is not Format.html:
        text = api.report_text(run, names, form=FORMS[form], policy=policy, curve=curve, by=by, drift=drift)
        print(text, end="")  # noqa: T201
        return
    path = api.write_report(
        run, names, out, form=FORMS[form], policy=policy, curve=curve, by=by, drift=drift, budget_mb=budget
    )
    size = f" ({path.stat().st_size / 1e6:.1f} MB)" if path.is_file() else ""
    say(f"written: {path}{size}")
