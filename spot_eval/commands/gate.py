"""`spot-eval gate`: did this checkpoint get worse? An exit code for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import print_json


def gate_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The candidate: a run directory or a saved baseline.")],
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="RUN", help="The base: a run, or `baseline save`'s directory.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="gate.toml", help="Margins and limits. [default: the one in reports/]")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the files go. [default: RUN]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print gate.json instead of the verdict.")] = False,
) -> None:
    """Pass (exit 0), fail (3) or inconclusive (4) against a base run; 5 where the two are not comparable."""
    from spot_eval.core.errors import UserError
    from spot_eval.gating.files import write_gate
    from spot_eval.gating.policy import load_policy
    from spot_eval.gating.rules import gate
    from spot_eval.runs.baseline import load_base_run

    if baseline is None:
        raise UserError("gate needs a base to compare with: --baseline RUN, the checkpoint you started from")
    rules, source = load_policy(policy)
    candidate, base = load_base_run(run), load_base_run(baseline)
    if out is None and candidate.saved:
        raise UserError(f"{run} is a saved baseline; say with --out where the gate's files should go")
    verdict, comparison = gate(candidate, base, rules, source)
    place = out or candidate.path
    write_gate(place, verdict, comparison, candidate, base)
    if as_json:
        print_json(verdict)
    else:
        from rich.console import Console

        from spot_eval.display.verdict import print_gate

        print_gate(verdict, Console(), place)
    raise typer.Exit(verdict["exit_code"])
