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
        typer.Option(metavar="PATH|HUB", help="Checkpoint folder or hub id. [default: the embedded miniature]"),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="See `tasks list`. [default: spot; without a model: miniature]"),
    ] = None,
    tasks: Annotated[str | None, typer.Option(metavar="A,B", help="Only these tasks of the suite.")] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="What generates: hf.")] = "hf",
    engine_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="For hf: batch_size, device, dtype, max_model_len, attn_implementation."),
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N docs of each task.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, metavar="N", help="Samples a doc, for every task.")] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Token budget of every answer.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed draws other samples.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Draw new Connect4 boards; --baseline of this run takes them over.")
    ] = False,
    connect4_seed: Annotated[
        int | None, typer.Option(min=0, metavar="S", help="Connect4 boards of this seed. [default: the task's]")
    ] = None,
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
        suite=suite or ("spot" if model else "miniature"),
        tasks=names(tasks),
        engine=engine,
        engine_args=pairs("--engine-arg", engine_arg),
        data_dirs=data_dir or [],
        data_files={task: Path(file) for task, file in pairs("--data", data).items()},
        limit=limit,
        repeats=repeats,
        max_new_tokens=max_new_tokens,
        seed=seed,
        fresh=fresh,
        connect4_seed=connect4_seed,
        baseline=baseline,
        out=out,
        chat_template=chat_template,
        skip_too_long=skip_too_long,
        trust_remote_code=trust_remote_code,
        workers=workers,
    )
    path, board = run(options, say)
    show_board(path, board, as_json)
