"""`spot-eval compare`: paired differences of runs, doc by doc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import print_json, say

EXAMPLES = (
    "spot-eval compare runs/new runs/base",
    "spot-eval compare runs/new runs/base --by subject",
    "spot-eval compare runs/a runs/b runs/c --baseline runs/base -o comparison.json",
)


def compare_command(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... [BASE]", help="Runs or saved baselines. The last is the base, unless --baseline names it."
        ),
    ],
    *,
    baseline: Annotated[str | None, typer.Option("--baseline", metavar="RUN", help="The base run.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            help="Name what was lost: slices by a column of the rows, or length, ply, instruction. Repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="File to write. [default: comparison.json in each RUN]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print comparison.json instead of tables.")] = False,
) -> None:
    """Compare runs with a base run, doc by doc.

    Of more than two runs, every pair is compared as well."""
    from spot_eval.comparison.full import compare_fully
    from spot_eval.core.errors import UserError
    from spot_eval.core.files import write_json
    from spot_eval.runs.baseline import load_base_run

    if baseline is None and len(runs) < 2:
        raise UserError(f"compare needs a run and a base: spot-eval compare {runs[0]} BASE")
    *candidates, base = (load_base_run(name) for name in [*runs, *([baseline] if baseline else [])])
    found = compare_fully(candidates, base, by or ())
    written = []
    if out is not None:
        write_json(out, found)
        written.append(out)
    else:
        whole = {name: value for name, value in found.items() if name != "pairs"}  # pairs need all runs
        for entry, candidate in zip(found["comparisons"], candidates, strict=True):
            if not candidate.saved:
                write_json(candidate.path / "comparison.json", {**whole, "comparisons": [entry], "curves": []})
                written.append(candidate.path / "comparison.json")
    if as_json:
        print_json(found)
        return
    from spot_eval.display.comparison import print_comparison
    from spot_eval.display.terminal import Terminal

    print_comparison(found, Terminal(), notes=[f"written: {', '.join(map(str, written))}"] if written else [])
    if not out and len(written) > 1:
        say("wrote one comparison.json per run; -o FILE writes all comparisons, pairs and curves into one file")
