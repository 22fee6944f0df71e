"""What several verbs share: options, and how they print. Results go to stdout, remarks to stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from spot_eval.core.errors import UserError

DataDir = Annotated[
    list[Path] | None,
    typer.Option("--data-dir", metavar="DIR", help="Local mirror of the benchmarks; repeatable. [env: SPOT_EVAL_DATA]"),
]
DataFile = Annotated[
    list[str] | None, typer.Option("--data", metavar="TASK=FILE", help="The rows of one task; repeatable.")
]
BoardJson = Annotated[bool, typer.Option("--json", help="Print scoreboard.json instead of the table.")]
Json = Annotated[bool, typer.Option("--json", help="For a script.")]
Tasks = Annotated[str | None, typer.Option(metavar="A,B", help="Only these tasks of the suite.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N docs of each task.")]
Repeats = Annotated[int | None, typer.Option(min=1, metavar="N", help="Samples a doc, for every task.")]
RunDir = Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory. [default: runs/<model>-…]")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Grading processes. [default: one a core]"),
]
BaselineOption = Annotated[
    str | None,
    typer.Option("--baseline", metavar="RUN|NAME", help="Differences against a run, or a published table."),
]


def names(listed: str | None) -> list[str]:
    """`A,B` as a list."""
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


def assignments(option: str, given: list[str] | None) -> dict[str, str]:
    """Repeated `NAME=VALUE`s of one option; UserError names the one that is none."""
    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text!r}: expected NAME=VALUE")
        found[name] = value
    return found


def data_files(given: list[str] | None) -> dict[str, Path]:
    """What `--data` says: the file of each task it names."""
    return {task: Path(file) for task, file in assignments("--data", given).items()}


def say(sentence: str) -> None:
    """A remark for the reader, on stderr."""
    print(f"spot-eval: {sentence}", file=sys.stderr)  # noqa: T201


def print_json(value: Any) -> None:
    """A result for a script, on stdout."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201


def show_board(path: Path, board: dict[str, Any], as_json: bool) -> None:
    """The scoreboard of the run at `path`, on stdout."""
    if as_json:
        print_json(board)
        return
    from rich.console import Console

    from spot_eval.display.scoreboard import print_scoreboard

    print_scoreboard(board, Console(), notes=[f"records: {path}"])
