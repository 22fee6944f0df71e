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
from spot_eval.core.errors import UserError

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
    if run.is_dir() or not (run.exists() or run.suffix in {".jsonl", ".gz"}):
        of_file = {
            "--suite": suite, "--tasks": tasks, "--data-dir": data_dir, "--data": data, "--model-id": model_id,
            "--sampling": sampling, "--out": out,
        }  # fmt: skip
        if given := [name for name, value in of_file.items() if value]:
            raise UserError(f"{given[0]} applies to a FILE of generations only; the run at {run} has its own settings")
        from spot_eval.evaluation.run import grade_again

        board = grade_again(run, baseline, workers, say)
        _show_changes(run, board, as_json)
        return
    from spot_eval.core.options import FileOptions
    from spot_eval.interchange.from_generations import grade_file

    options = FileOptions(
        file=run,
        suite=suite or "spot",
        tasks=names(tasks),
        data_dirs=data_dir or [],
        data_files=data_files(data),
        model=model_id,
        sampling=sampling,
        baseline=baseline,
        out=out,
        workers=workers,
    )
    path, board = grade_file(options, say)
    show_board(path, board, as_json)


def _show_changes(run: Path, board: dict[str, Any], as_json: bool) -> None:
    """Print the scoreboard, and which verdicts the grading changed; in JSON under `verdict_changes`."""
    from dataclasses import asdict

    from spot_eval.evaluation.verdict_changes import CHANGES_FILE, read_changes

    changes = [asdict(change) for change in read_changes(run)]
    show_board(run, {**board, "verdict_changes": changes} if as_json else board, as_json)
    if not as_json:
        from rich.console import Console

        from spot_eval.display.verdict_changes import print_changes

        judged = sum(task["samples"] for task in board["tasks"].values())
        print_changes(changes, judged, Console(), file=str(run / CHANGES_FILE))
