"""The command line. Each verb imports what it needs when it is called, so that `--help` answers at once.

Results go to stdout or files, progress and remarks to stderr. Exit codes: 0 ok, 1 crash, 2 bad input, 5 not comparable.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from spot_eval import __version__
from spot_eval.errors import Interrupted, UserError

app = typer.Typer(
    help="Did this checkpoint get better without forgetting?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
tasks_app = typer.Typer(help="The tasks and suites there are.", no_args_is_help=True)
app.add_typer(tasks_app, name="tasks")

DataDir = Annotated[
    list[Path] | None,
    typer.Option("--data-dir", metavar="DIR", help="Local mirror of the benchmarks; repeatable. [env: SPOT_EVAL_DATA]"),
]
DataFile = Annotated[
    list[str] | None, typer.Option("--data", metavar="TASK=FILE", help="The rows of one task; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print scoreboard.json instead of the table.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Grading processes. [default: one a core]"),
]
BaselineOption = Annotated[
    str | None,
    typer.Option("--baseline", metavar="RUN|NAME", help="Differences against a run, or a published table."),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spot-eval {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    del version


@app.command("run")
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
        tasks=_names(tasks),
        engine=engine,
        engine_args=_pairs("--engine-arg", engine_arg),
        data_dirs=data_dir or [],
        data_files={task: Path(file) for task, file in _pairs("--data", data).items()},
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
    path, board = run(options, _say)
    _show(path, board, as_json)


@app.command("grade")
def grade_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    baseline: BaselineOption = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Judge stored generations again, without a model."""
    from spot_eval.run import grade_again

    board = grade_again(run, baseline, workers, _say)
    _show(run, board, as_json)


@tasks_app.command("list")
def tasks_list(
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="The suite whose tasks to list.")] = "spot",
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Task, family, docs, repeats, source, and whether its data is at hand."""
    from spot_eval.catalogue import catalogue, print_catalogue

    files = {task: Path(file) for task, file in _pairs("--data", data).items()}
    entries = catalogue(suite, data_dir or [], files)
    if as_json:
        _print_json(entries)
    else:
        print_catalogue(suite, entries)


def _names(listed: str | None) -> list[str]:
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text!r}: expected NAME=VALUE")
        pairs[name] = value
    return pairs


def _say(sentence: str) -> None:
    print(f"spot-eval: {sentence}", file=sys.stderr)  # noqa: T201


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201


def _show(path: Path, board: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(board)
        return
    from rich.console import Console

    from spot_eval.show import print_scoreboard

    print_scoreboard(board, Console(), notes=[f"records: {path}"])


def main() -> None:
    """The console script: bad input becomes one sentence and an exit code, a crash stays a crash."""
    signal.signal(signal.SIGINT, _interrupt)
    # torch's threads spin while they wait for each other, which on a busy machine costs more than half of its speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except UserError as problem:
        _say(f"error: {problem}")
        sys.exit(problem.exit_code)
    except Interrupted as stop:
        _say("stopped; what was finished is kept, the same command goes on from there")
        sys.exit(stop.exit_code)


def _interrupt(number: int, frame: Any) -> None:
    raise Interrupted
