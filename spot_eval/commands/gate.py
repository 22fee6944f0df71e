"""`spot-eval gate`: decide whether a checkpoint got worse, with an exit code for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import print_json

EXAMPLES = ("spot-eval gate runs/new --baseline runs/base",)


def gate_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The candidate: a run directory or a saved baseline.")],
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="RUN", help="The base run, or a saved baseline.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="gate.toml", help="Margins and limits. [default: the built-in policy]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where to write the files. [default: RUN]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print gate.json instead of the verdict.")] = False,
) -> None:
    """Decide whether a run got worse than its base.

    Exit codes: 0 pass, 3 fail, 4 inconclusive, 5 not comparable.
    """
    from spot_eval import api
    from spot_eval.core.errors import UserError

    if baseline is None:
        raise UserError("gate needs a base run: add --baseline RUN, the run of the checkpoint you started from")
    gate = api.gate(run, baseline, policy)
    if out is None and gate.candidate.saved:
        raise UserError(f"{run} is a saved baseline; choose with --out where to write the gate's files")
    place = out or gate.candidate.path
    gate.write(place)
    if as_json:
        print_json(gate.data)
    else:
        from spot_eval.display.terminal import Terminal
        from spot_eval.display.verdict import print_gate

        print_gate(dict(gate.data), Terminal(), place)
    raise typer.Exit(gate.exit_code)
