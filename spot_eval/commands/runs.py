"""`spot-eval runs`: the runs of a folder as a leaderboard."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import Json, print_json, say
from spot_eval.core.errors import UserError

EXAMPLES = ("spot-eval runs", "spot-eval runs runs/ --sort when --csv > runs.csv")


def sort_completions(incomplete: str) -> list[str]:
    """Return the sort keys that begin with `incomplete`, for shell completion."""
    from spot_eval.runs.leaderboard import OWN_KEYS

    return [name for name in (*OWN_KEYS, "in_domain", "ood", "general") if name.startswith(incomplete)]


def runs_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of runs.")] = Path("runs"),
    *,
    sort: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Sort by overall, when, model, suite, state, verdict, path or a family.",
            autocompletion=sort_completions,
        ),
    ] = "overall",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order around.")] = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
) -> None:
    """List the runs of a folder as a leaderboard.

    Each suite has a table of its own, best run first."""
    from spot_eval.runs.leaderboard import Leaderboard, as_rows, list_runs, sorted_entries

    if as_json and as_csv:
        raise UserError("--json and --csv both choose what to print; give one of them")
    found = list_runs(folder)
    entries = sorted_entries(found.entries, sort, reverse=reverse)
    found = Leaderboard(folder, entries, found.broken, found.others)
    for one in found.broken:
        say(f"{one.path} cannot be read: {one.reason}")
    if as_json:
        print_json(found.as_json())
    elif as_csv:
        rows = as_rows(entries)
        if rows:
            writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    elif entries:
        from spot_eval.display.leaderboard import LEGEND, print_leaderboard
        from spot_eval.display.terminal import Terminal

        print_leaderboard([entry.as_json() for entry in entries], Terminal(), [LEGEND])
    else:
        say(f"no runs in {folder}; `spot-eval run` makes one")
