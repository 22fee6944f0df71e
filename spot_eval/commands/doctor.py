"""`spot-eval doctor`: check the installation, and name the command that fixes each fault.

The checks are those of `installation`; here they become a table or JSON, and an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, Json, data_files, print_json, suite_completions
from spot_eval.commands.installation import Finding, check_installation

EXAMPLES = ("spot-eval doctor --suite spot-quick",)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings as a table, with the fix of each under it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from spot_eval.display.terminal import Terminal

    styles = {"ok": "green", "note": "yellow", "broken": "bold red"}
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    for one in findings:
        said = Text(one.found)
        if one.fix:
            said.append(f"\n→ {one.fix}", style="bold" if one.state == "broken" else "")
        table.add_row(Text(one.state, style=styles[one.state]), one.what, said)
    console = Terminal()
    console.print(table)
    broken = sum(one.state == "broken" for one in findings)
    console.print(f"{broken} to fix" if broken else "nothing would fail", highlight=False)


def doctor_command(
    suite: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="Suite you plan to run.", autocompletion=suite_completions),
    ] = "spot",
    data_dir: DataDir = None,
    data: DataFile = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the records of runs.")] = Path(
        "runs"
    ),
    as_json: Json = False,
) -> None:
    """Check the installation, and name what fixes each fault.

    Exit 2 if something is broken."""
    findings = check_installation(suite, data_dir or [], data_files(data), out)
    if as_json:
        print_json([one._asdict() for one in findings])
    else:
        print_findings(findings)
    if any(one.state == "broken" for one in findings):
        raise typer.Exit(2)
