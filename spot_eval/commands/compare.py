"""`spot-eval compare`: candidates beside one base, doc by doc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import print_json, say


def compare_command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN... BASE", help="Run directories or saved baselines; the last is the base."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write comparison.json here. [default: in each RUN]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print comparison.json instead of the table.")] = False,
) -> None:
    """Paired differences of runs against a base run, with flips."""
    from spot_eval.comparison.compare import compare
    from spot_eval.core.errors import UserError
    from spot_eval.core.files import write_json
    from spot_eval.runs.baseline import load_base_run

    if len(runs) < 2:
        raise UserError(f"compare needs a run and a base: spot-eval compare {runs[0]} BASE")
    *candidates, base = (load_base_run(name) for name in runs)
    found = compare(candidates, base)
    written = []
    if output is not None:
        write_json(output, found)
        written.append(output)
    else:
        for entry, candidate in zip(found["comparisons"], candidates, strict=True):
            if not candidate.saved:
                write_json(candidate.path / "comparison.json", {**found, "comparisons": [entry], "curves": []})
                written.append(candidate.path / "comparison.json")
    if as_json:
        print_json(found)
        return
    from rich.console import Console

    from spot_eval.display.comparison import print_comparison

    print_comparison(found, Console(), notes=[f"written: {', '.join(map(str, written))}"] if written else [])
    if not output and len(written) > 1:
        say("one comparison.json a run; -o FILE writes all of them, with the curve, into one")
