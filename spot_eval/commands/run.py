"""`spot-eval run`: from a checkpoint to a scoreboard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from spot_eval.commands.common import (
    BaselineOption,
    BoardJson,
    DataDir,
    DataFile,
    Limit,
    Repeats,
    RunDir,
    Tasks,
    Workers,
    assignments,
    data_files,
    names,
    print_json,
    say,
    show_board,
)

if TYPE_CHECKING:
    from spot_eval.core.options import RunOptions


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
    tasks: Tasks = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="hf, vllm, api or lm_eval:CLASS. [default: hf; api for a URL]")
    ] = None,
    engine_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="Settings of the engine; see docs/engines.md."),
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    limit: Limit = None,
    repeats: Repeats = None,
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
    out: RunDir = None,
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be asked and needed; load and write nothing.")
    ] = False,
    as_json: BoardJson = False,
) -> None:
    """Evaluate a checkpoint; the same command again resumes."""
    from spot_eval.core.options import RunOptions
    from spot_eval.evaluation.run import run
    from spot_eval.miniature import BASE

    options = RunOptions(
        model=model or str(BASE),
        model_id=model_id,
        suite=suite or ("spot" if model else "miniature"),
        tasks=names(tasks),
        engine=engine or ("api" if "://" in (model or "") else "hf"),
        engine_args=assignments("--engine-arg", engine_arg),
        data_dirs=data_dir or [],
        data_files=data_files(data),
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
    if dry_run:
        _dry_run(options, as_json)
        return
    path, board = run(options, say)
    show_board(path, board, as_json)


def _dry_run(options: RunOptions, as_json: bool) -> None:
    """Exit 2 where the run would refuse to start."""
    may_fetch = os.environ.get("HF_HUB_OFFLINE", "").upper() not in {"1", "ON", "YES", "TRUE"}
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched; read by a library that is loaded now
    from rich.console import Console

    from spot_eval.display.dry_run import print_dry_run
    from spot_eval.evaluation.dry_run import dry_run
    from spot_eval.gating.power import power_of_rows

    found = dry_run(options, say, may_fetch=may_fetch, power=power_of_rows)
    if as_json:
        print_json(found)
    else:
        print_dry_run(found, Console())
    if found["problems"]:
        raise typer.Exit(2)
