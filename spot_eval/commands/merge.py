"""`spot-eval merge`: put the shards of a run together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import BaselineOption, BoardJson, Workers, say, show_board

EXAMPLES = ("spot-eval merge runs/ckpt-spot-*-shard-*", "spot-eval merge shards/* --out runs/ckpt --baseline runs/base")


def merge_command(
    *,
    shards: Annotated[
        list[Path], typer.Argument(metavar="SHARD...", help="Run directories that `run --shard I/N` made.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Run directory to make. [default: beside the first shard]"),
    ] = None,
    baseline: BaselineOption = None,
    workers: Workers = None,
    as_json: BoardJson = False,
) -> None:
    """Put the shards of a run together, grade and score.

    Refuses missing and unfinished shards, and names them. No model is needed."""
    from spot_eval.evaluation.merge import merge

    path, board = merge(shards, out, baseline, workers, say)
    show_board(path, board, as_json)
