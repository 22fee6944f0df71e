"""`spot-eval tasks`: what there is to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, pairs, print_json

app = typer.Typer(help="The tasks and suites there are.", no_args_is_help=True)


@app.command("list")
def tasks_list(
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="The suite whose tasks to list.")] = "spot",
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Task, family, docs, repeats, source, and whether its data is at hand."""
    from spot_eval.catalogue import catalogue, print_catalogue

    files = {task: Path(file) for task, file in pairs("--data", data).items()}
    entries = catalogue(suite, data_dir or [], files)
    if as_json:
        print_json(entries)
    else:
        print_catalogue(suite, entries)
