"""`spot-eval run`: from a checkpoint to a scoreboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import BaselineOption, DataDir, DataFile, Json, Workers, names, pairs, say, show_board


def run_command(
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH|HUB|URL", help="Checkpoint, hub id or endpoint. [default: the embedded miniature]"),
    ] = None,
    model_id: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What a URL serves, such as org/name: nobody can see it from here."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="See `tasks list`. [default: spot; without a model: miniature]"),
    ] = None,
    tasks: Annotated[str | None, typer.Option(metavar="A,B", help="Only these tasks of the suite.")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="hf, vllm, api or lm_eval:CLASS. [default: hf; api for a URL]")
    ] = None,
    engine_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="Settings of the engine; see docs/engines.md."),
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N docs of each task.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, metavar="N", help="Samples a doc, for every task.")] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Token budget of every answer.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed draws other samples.")] = 0,
    baseline: BaselineOption = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory. [default: runs/<model>-…]")] = None,
    chat_template: Annotated[
        str | None,
        typer.Option(metavar="FILE|none", help="Instead of the checkpoint's; none: plain text prompts."),
    ] = None,
    skip_too_long: Annotated[
        bool, typer.Option("--skip-too-long", help="Record prompts beyond the context as not judged.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python code that comes with the checkpoint.")
    ] = False,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Evaluate a checkpoint; the same command again resumes."""
    from spot_eval.miniature import BASE
    from spot_eval.options import RunOptions
    from spot_eval.run import run

    options = RunOptions(
        model=model or str(BASE),
        model_id=model_id,
        suite=suite or ("spot" if model else "miniature"),
        tasks=names(tasks),
        engine=engine or ("api" if "://" in (model or "") else "hf"),
        engine_args=pairs("--engine-arg", engine_arg),
        data_dirs=data_dir or [],
        data_files={task: Path(file) for task, file in pairs("--data", data).items()},
        limit=limit,
        repeats=repeats,
        max_new_tokens=max_new_tokens,
        seed=seed,
        baseline=baseline,
        out=out,
        chat_template=chat_template,
        skip_too_long=skip_too_long,
        trust_remote_code=trust_remote_code,
        workers=workers,
    )
    path, board = run(options, say)
    show_board(path, board, as_json)
