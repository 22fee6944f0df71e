"""`spot-eval baseline`: a run's scores as a small directory to commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import say

app = typer.Typer(help="Baselines small enough to commit.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Baselines small enough to commit."""


@app.command("save")
def baseline_save(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run directory.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; an earlier baseline there is replaced.")],
) -> None:
    """Scoreboard and every doc's scores, texts by hash; stands wherever a base run does."""
    from spot_eval.runs.baseline import save_baseline
    from spot_eval.runs.judged import read_run

    save_baseline(read_run(run), folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{folder}: {size / 1000:,.0f} kB; use it as --baseline {folder}")
