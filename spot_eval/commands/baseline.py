"""`spot-eval baseline`: save the scores of a run as a small directory to commit, and give a base more repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, Workers, assignments, data_files, group, say, verb
from spot_eval.core.errors import UserError

SAVE_EXAMPLE = "spot-eval baseline save runs/base -o baselines/base"
DEEPEN_EXAMPLE = "spot-eval baseline deepen runs/base --repeats x4"
app = group("Save baselines small enough to commit, and deepen them.", SAVE_EXAMPLE, DEEPEN_EXAMPLE)


@app.callback()
def _root() -> None:
    """Save baselines small enough to commit, and deepen them."""


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


@verb(app, "deepen", DEEPEN_EXAMPLE)
def baseline_deepen(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="A finished run directory.")],
    *,
    repeats: Annotated[str, typer.Option(metavar="xN", help="How often the suite's repeats are to be there.")] = "x4",
    model: Annotated[
        str | None, typer.Option(metavar="PATH|HUB|URL", help="The base's model, if it is no longer where it was.")
    ] = None,
    suite: Annotated[str | None, typer.Option(metavar="FILE", help="The base's suite, if it is a file.")] = None,
    chat_template: Annotated[
        str | None, typer.Option(metavar="FILE", help="The chat template, if the base had one of its own.")
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    engine_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Setting of the engine, besides those of the base.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Allow Python code that comes with the checkpoint.")
    ] = False,
    workers: Workers = None,
) -> None:
    """Give a base more repeats, so that its luck weighs less.

    Makes the run BASE-xN beside BASE. Run the same command again to resume."""
    from spot_eval.evaluation.deepen import Given, deepen, parse_times
    from spot_eval.gating.policy import load_policy
    from spot_eval.gating.power import depth_words
    from spot_eval.runs.finished import read_run

    times, run = parse_times(repeats), read_run(base)
    given = Given(
        model=model,
        suite=suite,
        chat_template=chat_template,
        data_dirs=data_dir or [],
        data_files=data_files(data),
        engine_args=assignments("--engine-arg", engine_arg),
        trust_remote_code=trust_remote_code,
        workers=workers,
    )
    deep = deepen(run, times, given, say)
    typer.echo(f"{deep}: {times} times the repeats; use it as --baseline {deep}, or save it with `baseline save`")
    if words := depth_words(run, read_run(deep), load_policy(None)[0]):
        typer.echo(words)
