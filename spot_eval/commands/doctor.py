"""`spot-eval doctor`: what would fail, and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, Json, data_files, print_json


def doctor_command(
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="The suite that is to run.")] = "spot",
    data_dir: DataDir = None,
    data: DataFile = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where records would go.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """What is installed, what is missing, what would fail, and the command that mends it."""
    from spot_eval.doctor import doctor, print_findings

    findings = doctor(suite, data_dir or [], data_files(data), out)
    if as_json:
        print_json([one._asdict() for one in findings])
    else:
        print_findings(findings)
    if any(one.state == "broken" for one in findings):
        raise typer.Exit(2)
