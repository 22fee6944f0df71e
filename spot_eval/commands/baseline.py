"""`spot-eval baseline`: save the scores of a run as a small directory to commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import group, say, verb
from spot_eval.core.errors import UserError

SAVE_EXAMPLE = "spot-eval baseline save runs/base -o baselines/base"
app = group("Save baselines that are small enough to commit.", SAVE_EXAMPLE)


@app.callback()
def _root() -> None:
    """Save baselines that are small enough to commit."""


@verb(app, "save", SAVE_EXAMPLE)
def baseline_save(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run directory.")],
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="As --out, in the version before.")] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder to write. A baseline saved there before is replaced."),
    ] = None,
) -> None:
    """Save a run's scoreboard and its scores per doc.

    The folder can be used wherever a base run is asked for."""
    from spot_eval.runs.baseline import save_baseline
    from spot_eval.runs.finished import read_run

    if folder is not None:
        if out is not None:
            raise UserError(f"baseline save has two places to write to: {folder} and --out {out}; give --out alone")
        say(f"write `baseline save {run} -o {folder}`; the folder without -o stops working in the next version")
    place = out or folder
    if place is None:
        raise UserError(f"baseline save needs a folder to write: spot-eval baseline save {run} -o DIR")
    save_baseline(read_run(run), place)
    size = sum(file.stat().st_size for file in place.iterdir())
    say(f"{place}: {size / 1000:,.0f} kB; use it as --baseline {place}")
    say(
        "All candidates gated against this base share its luck. The gate's chance of a false FAIL holds on average "
        "over base runs: an unlucky base fails more of its candidates, a lucky one fewer. A base with more repeats "
        "than its candidates lowers that chance and its spread (docs/gate.md, The base)."
    )
