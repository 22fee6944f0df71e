"""`spot-eval grade`: stored generations, judged again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import BaselineOption, Json, Workers, say, show_board


def grade_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    baseline: BaselineOption = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Judge stored generations again, without a model."""
    from spot_eval.run import grade_again

    board = grade_again(run, baseline, workers, say)
    show_board(run, board, as_json)
