"""`spot-eval runs`: the runs of a folder as a leaderboard, and whether a run's files are as they were sealed."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spot_eval.commands.common import Json, examples, print_json, say, verb
from spot_eval.core.errors import UserError

EXAMPLES = ("spot-eval runs", "spot-eval runs runs/ --sort when --csv > runs.csv")
VERIFY_EXAMPLE = "spot-eval runs verify runs/base"


class _ListsByDefault(TyperGroup):
    """A group whose verb is `list` where none is named, so that `spot-eval runs DIR` lists a folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args` with the verb put in front."""
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named or ctx.resilient_parsing else ["list", *args])


app = typer.Typer(
    cls=_ListsByDefault,
    help="List runs, or verify the files of one.",
    epilog=examples(*EXAMPLES, VERIFY_EXAMPLE),
)


@app.callback()
def _root() -> None:
    """List runs, or verify the files of one. Without a verb: list."""


def sort_completions(incomplete: str) -> list[str]:
    """Return the sort keys that begin with `incomplete`, for shell completion."""
    from spot_eval.runs.leaderboard import OWN_KEYS

    return [name for name in (*OWN_KEYS, "in_domain", "ood", "general") if name.startswith(incomplete)]


@verb(app, "list", *EXAMPLES)
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
            from spot_eval.display.format import csv_cell

            writer = csv.DictWriter(sys.stdout, list(map(csv_cell, rows[0])), lineterminator="\n")
            writer.writeheader()
            writer.writerows({csv_cell(name): csv_cell(value) for name, value in row.items()} for row in rows)
    elif entries:
        from spot_eval.display.leaderboard import LEGEND, print_leaderboard
        from spot_eval.display.terminal import Terminal

        print_leaderboard([entry.as_json() for entry in entries], Terminal(), [LEGEND])
    else:
        say(f"no runs in {folder}; `spot-eval run` makes one")


@verb(app, "verify", VERIFY_EXAMPLE)
def verify_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished runs or saved baselines.")],
    *,
    as_json: Json = False,
) -> None:
    """Say which files of a run were changed since it ended.

    A finished run holds a hash of each of its files (seal.json). Exit code 2 if a file was changed, is missing or was
    added, or if a run is not sealed."""
    from spot_eval.runs.seal import read_seal

    seals = {}
    for run in runs:
        if not run.is_dir():
            raise UserError(f"{run} is no folder; name a run directory or a saved baseline")
        seals[run] = read_seal(run)
    if as_json:
        print_json({str(run): seal and seal.as_json() for run, seal in seals.items()})
    else:
        for run, seal in seals.items():
            typer.echo(f"{run}: {seal.sentence if seal else 'not sealed; grade it to seal it as it is'}")
    if not all(seal and seal.whole for seal in seals.values()):
        raise typer.Exit(2)
