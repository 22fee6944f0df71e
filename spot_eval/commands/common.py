"""Share options, printing and the making of verbs. Results go to stdout, messages to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from spot_eval.core.errors import UserError
from spot_eval.display.messages import say

OLD_SPELLINGS = {"--output": "--out", "--base": "--baseline"}
"""Option names of the version before. They still work, with a hint, and go with the next version."""

Function = TypeVar("Function", bound=Callable[..., Any])


def suite_completions(incomplete: str) -> list[str]:
    """Return the suites whose names begin with `incomplete`, for shell completion."""
    from spot_eval.tasks.suite import suite_names

    return [name for name in suite_names() if name.startswith(incomplete)]


def engine_completions(incomplete: str) -> list[str]:
    """Return the engines whose names begin with `incomplete`, for shell completion."""
    from spot_eval.models.registry import ENGINES

    return [name for name in ENGINES if name.startswith(incomplete)]


DataDir = Annotated[
    list[Path] | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="Local copy of the benchmark data. Repeatable. [env: SPOT_EVAL_DATA]"
    ),
]
DataFile = Annotated[
    list[str] | None, typer.Option("--data", metavar="TASK=FILE", help="Read the rows of TASK from FILE. Repeatable.")
]
BoardJson = Annotated[bool, typer.Option("--json", help="Print scoreboard.json instead of a table.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Tasks = Annotated[str | None, typer.Option(metavar="A,B", help="Use only these tasks of the suite.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Use only the first N docs of each task.")]
Repeats = Annotated[int | None, typer.Option(min=1, metavar="N", help="Samples per doc, for every task.")]
RunDir = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="DIR", help="Run directory. [default: runs/<model>-…]")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Number of grading processes. [default: one per core]"),
]
BaselineOption = Annotated[
    str | None,
    typer.Option("--baseline", metavar="RUN|NAME", help="Show differences from this run or published table."),
]


class Verb(TyperCommand):
    """A command that also reads the option names of the version before, and says the new ones on stderr."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args` after old option names are replaced by today's."""
        known = {name for parameter in self.params for name in parameter.opts}
        return super().parse_args(ctx, _with_new_names(args, known, quiet=bool(ctx.resilient_parsing)))


def _with_new_names(args: Sequence[str], known: set[str], *, quiet: bool) -> list[str]:
    """Return `args` with old option names replaced where the command has the new name only."""
    renamed: list[str] = []
    for at, text in enumerate(args):
        if text == "--":
            return [*renamed, *args[at:]]
        name, equals, value = text.partition("=")
        new = OLD_SPELLINGS.get(name)
        if new in known and name not in known:
            if not quiet:
                say(f"{name} is now {new}; the old name stops working in the next version")
            renamed.append(f"{new}{equals}{value}")
        else:
            renamed.append(text)
    return renamed


def examples(*lines: str) -> str:
    """Return the end of a help text: `lines` are commands as a user types them."""
    head = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", head, *(f"  {line}" for line in lines)])


def verb(app: typer.Typer, name: str, *lines: str) -> Callable[[Function], Function]:
    """Return a decorator that adds a function to `app` as the verb `name`; its help ends with the examples `lines`."""
    return app.command(name, cls=Verb, epilog=examples(*lines))


def group(help_text: str, *lines: str) -> typer.Typer:
    """Return an app of several verbs, such as `spot-eval pairs`, its help ending with the examples `lines`."""
    return typer.Typer(help=help_text, no_args_is_help=True, epilog=examples(*lines))


def names(listed: str | None) -> list[str]:
    """Return the names in `A,B` as a list."""
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


def assignments(option: str, given: list[str] | None) -> dict[str, str]:
    """Return repeated `NAME=VALUE`s of `option` as a mapping. Raises UserError naming a malformed one."""
    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text!r}: expected NAME=VALUE")
        found[name] = value
    return found


def data_files(given: list[str] | None) -> dict[str, Path]:
    """Return the file that `--data` gives for each task."""
    return {task: Path(file) for task, file in assignments("--data", given).items()}


def typed(*words: Any) -> str:
    """Return a command of spot-eval with `words`, as the user can type it here: as spot-eval itself was started."""
    import shlex

    script = Path(sys.argv[0])
    program = (
        [_callable(script)] if script.name == "spot-eval" else [_callable(Path(sys.executable)), "-m", "spot_eval"]
    )
    return shlex.join([*program, *map(str, words)])


def _callable(program: Path) -> str:
    """Return the name of `program` if that finds it on the PATH, else its path, relative if it lies below us."""
    import shutil

    if (found := shutil.which(program.name)) and Path(found).absolute() == program.absolute():
        return program.name
    here = Path.cwd()
    return str(program.absolute().relative_to(here) if program.absolute().is_relative_to(here) else program)


def print_json(value: Any) -> None:
    """Print a result for a script to stdout: in ASCII if its encoding lacks a character, or the text half of one."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)  # noqa: T201


def show_board(path: Path, board: dict[str, Any], as_json: bool) -> None:
    """Print the scoreboard of the run at `path` to stdout. Raises UserError if no answer could be judged."""
    if as_json:
        print_json(board)
    else:
        from spot_eval.display.scoreboard import print_scoreboard
        from spot_eval.display.terminal import Terminal

        print_scoreboard(board, Terminal(), notes=[f"records: {path}"])
    refuse_unjudged(path, board)


def refuse_unjudged(path: Path, board: Mapping[str, Any]) -> None:
    """Raise UserError, with the first reason, if no answer of the run at `path` could be judged."""
    tasks = board["tasks"].values()
    if tasks and not any(task["docs_judged"] for task in tasks):
        reason = next((task["not_judged_reason"] for task in tasks if task.get("not_judged_reason")), "not said")
        raise UserError(
            f"none of the {sum(task['samples'] for task in tasks):,} answers in {path} could be judged; the first "
            f"reason: {reason}"
        )
