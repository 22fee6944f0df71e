"""`spot-eval grade`: judge stored generations again, or generations made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spot_eval.commands.common import (
    BaselineOption,
    BoardJson,
    DataDir,
    DataFile,
    Workers,
    data_files,
    names,
    say,
    show_board,
    suite_completions,
)

EXAMPLES = ("spot-eval grade runs/new", "spot-eval grade answers.jsonl --suite spot-quick --model-id org/name")


def grade_command(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN|FILE", help="A run directory, or a .jsonl of generations.")],
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Suite that FILE answers; see `tasks list`. [default: spot]",
            autocompletion=suite_completions,
        ),
    ] = None,
    tasks: Annotated[str | None, typer.Option(metavar="A,B", help="Use only these tasks of FILE.")] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    model_id: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Model that wrote FILE. [default: FILE's column model, or its name]"),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            metavar="suite|K=V,…", help="How FILE was sampled: `suite` for the suite's settings, or temperature=0.7,…"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Run directory for FILE. [default: runs/…]")
    ] = None,
    baseline: BaselineOption = None,
    workers: Workers = None,
    as_json: BoardJson = False,
) -> None:
    """Judge stored generations again, or a file of them.

    No model is needed."""
    from spot_eval import api

    graded = api.grade(
        run,
        suite=suite,
        tasks=names(tasks),
        data_dirs=data_dir or (),
        data_files=data_files(data),
        model_id=model_id,
        sampling=sampling,
        out=out,
        baseline=baseline,
        workers=workers,
        say=say,
    )
    if run.is_file():
        show_board(graded.path, dict(graded.scoreboard), as_json)
    else:
        _show_changes(run, dict(graded.scoreboard), as_json)


def _show_changes(run: Path, board: dict[str, Any], as_json: bool) -> None:
    """Print the scoreboard, and which verdicts the grading changed; in JSON under `verdict_changes`."""
    from dataclasses import asdict

    from spot_eval.evaluation.verdict_changes import CHANGES_FILE, read_changes

    changes = [asdict(change) for change in read_changes(run)]
    show_board(run, {**board, "verdict_changes": changes} if as_json else board, as_json)
    if not as_json:
        from spot_eval.display.terminal import Terminal
        from spot_eval.display.verdict_changes import print_changes

        judged = sum(task["samples"] for task in board["tasks"].values())
        print_changes(changes, judged, Terminal(), file=str(run / CHANGES_FILE))
