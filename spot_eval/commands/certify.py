"""`spot-eval certify`: how much harm an exam catches, and how often it raises a false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import Json, print_json, say

EXAMPLES = ("spot-eval certify runs/base", "spot-eval certify baselines/base --draws 500 -o certify.json")


def certify_command(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The base run, or a saved baseline.")],
    *,
    policy: Annotated[
        Path | None, typer.Option(metavar="gate.toml", help="Margins and limits. [default: the built-in policy]")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Samples per doc of the candidates. [default: those of the suite]"),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Column of the rows that names topics. [default: the usual ones]"),
    ] = None,
    draws: Annotated[int, typer.Option(metavar="N", help="Pairs of runs per harm and size, at least 20.")] = 200,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Seed of the draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write certify.json to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find out how much harm the gate catches.

    Also shows how often it raises a false alarm. Plants harm of known size into pairs of runs that are redrawn from the
    records of BASE. No model is run."""
    from spot_eval.core.files import write_json
    from spot_eval.gating.certify.certify import certify
    from spot_eval.gating.policy import load_policy
    from spot_eval.runs.baseline import load_base_run

    rules, source = load_policy(policy)
    found = certify(load_base_run(base), rules, source, draws=draws, seed=seed, repeats=repeats, by=by)
    if as_json:
        print_json(found)
    else:
        from spot_eval.display.certify import print_certify
        from spot_eval.display.terminal import Terminal

        print_certify(found, Terminal())
    if out is not None:
        write_json(out, found)
        say(f"written: {out}")
