"""`spot-eval reproduce`: the paper's experiment on the embedded world."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from spot_eval.commands.common import print_json
from spot_eval.core.errors import UserError

EXAMPLES = (
    "spot-eval reproduce --quick",
    "spot-eval reproduce -o runs/reproduction",
    "spot-eval reproduce --part gamma",
)


def part_completions(incomplete: str) -> list[str]:
    """Return the parts whose names begin with `incomplete`, for shell completion."""
    from spot_eval.reproduction.parts import ALL

    return [name for name in ALL if name.startswith(incomplete)]


def reproduce_command(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two seeds, five methods, settings chosen before: about five minutes.")
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=part_completions,
            help="One further question instead: oracle, amount, gamma, proximity, self-oracle, second-base, modules "
            "or mixed. 5 to 25 minutes.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder. [default: runs/reproduction[-quick|-PART]]"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes at once. [default: one per core]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary instead of tables.")] = False,
) -> None:
    """Run the paper's experiment in miniature.

    Every method trains from the same errors; tests that were stated beforehand decide. Needs no GPU and no download.
    Run the same command again to resume. docs/reproduction.md is the protocol."""
    from spot_eval.core.files import write_atomically, write_json
    from spot_eval.reproduction.page import claim_rows, html, markdown, notes, score_rows

    if part is not None and quick:
        raise UserError("--part and --quick are two experiments; give one of them")
    out = out or Path("runs") / f"reproduction{'-quick' if quick else f'-{part}' if part else ''}"
    found = _found(part, out, quick=quick, jobs=jobs or os.cpu_count() or 1)
    write_json(out / "summary.json", found)
    write_atomically(out / "summary.md", [markdown(found).encode()])
    write_atomically(out / "report.html", [html(found).encode()])
    if as_json:
        print_json(found)
        return
    from rich.table import Table

    from spot_eval.display.terminal import Terminal

    terminal = Terminal()
    for head, rows in (score_rows(found), claim_rows(found)):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*row)
        terminal.print(table)
        terminal.print()
    for sentence in notes(found):
        terminal.print(sentence)
    terminal.print(f"written: {out / 'report.html'}, {out / 'summary.json'}, {out / 'summary.md'}")


def _found(part: str | None, out: Path, *, quick: bool, jobs: int) -> dict[str, Any]:
    """Run the experiment or a part of it; return its summary."""
    if part is None:
        from spot_eval.reproduction.protocol import FULL, QUICK
        from spot_eval.reproduction.run import run_experiment
        from spot_eval.reproduction.table import summary

        return summary(run_experiment(QUICK if quick else FULL, out, jobs=jobs))
    from spot_eval.reproduction.part_run import run_part
    from spot_eval.reproduction.parts import ALL

    if part not in ALL:
        raise UserError(f"--part {part!r} is not known; there are {', '.join(ALL)}")
    return run_part(ALL[part], out, jobs=jobs)
