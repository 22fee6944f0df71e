"""Every verb explains each of its options, ends its help with examples that parse, and names base and output alike."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from spot_eval import cli
from spot_eval.commands.common import OLD_SPELLINGS
from tests.command_line import environment

ROOT: Any = typer.main.get_command(cli.app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every group and verb with its words, the root included."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = [pytest.param(path, command, id=" ".join(path) or "spot-eval") for path, command in commands()]
VERBS = [
    pytest.param(path, command, id=" ".join(path)) for path, command in commands() if not hasattr(command, "commands")
]


def help_of(path: tuple[str, ...]) -> str:
    done = CliRunner().invoke(cli.app, [*path, "--help"], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize(("path", "command"), ALL)
def test_the_help_of_every_verb_ends_with_an_example_that_parses(path: tuple[str, ...], command: Any) -> None:
    text = help_of(path)
    assert max(map(len, text.splitlines())) <= 100, "an example is broken over two lines by some terminals"
    head, _, shown = text.rpartition("Example")
    assert head, f"{' '.join(path)}: no example"
    lines = [line.strip() for line in shown.splitlines()[1:] if line.strip()]
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        shown_as = path[:-1] if path == ("runs", "list") else path  # the verb of `runs` that need not be named
        assert words[: len(shown_as) + 1] == ["spot-eval", *shown_as], line
        context, given = ROOT, words[1:]
        while hasattr(context, "commands"):
            named = bool(given) and given[0] in context.commands
            context = context.commands[given.pop(0) if named or context is ROOT else "list"]
        context.make_context(line, given)  # raises for an option that does not exist, or one that is missing


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_option_and_argument_has_help(path: tuple[str, ...], command: Any) -> None:
    for parameter in command.params:
        assert (parameter.help or "").strip(), f"{' '.join(path)}: {parameter.name} has no help"
    assert (command.help or "").strip()
    first = command.help.split("\n\n")[0]
    assert len(first) <= 60, f"{' '.join(path)}: its line in the list of verbs is cut: {first}"


@pytest.mark.parametrize(("path", "command"), VERBS)
def test_base_and_output_have_one_spelling(path: tuple[str, ...], command: Any) -> None:
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    assert not options & OLD_SPELLINGS.keys()
    assert ("-o" in options) == ("--out" in options)


def test_completion_is_on_and_knows_suites_and_objectives() -> None:
    def completed(line: str) -> list[str]:
        changes = {"_SPOT_EVAL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
        program = "import sys; sys.argv[0] = 'spot-eval'; from spot_eval.cli import app; app(prog_name='spot-eval')"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment(**changes), check=False
        )
        return done.stdout.replace('"', " ").replace(":", " ").split()

    assert "compare" in completed("spot-eval com")
    assert "spot-quick" in completed("spot-eval run --suite spot-")
    assert "spot-bco" in completed("spot-eval train --objective spot-b")


def test_the_objectives_of_the_completion_are_those_of_the_trainer() -> None:
    from spot_eval.commands.train import OBJECTIVES
    from trainer.objectives import Objective

    for name in OBJECTIVES:
        Objective.parse(name)
    with pytest.raises(Exception, match="spot-bce") as refused:
        Objective.parse("nothing")
    assert all(name in str(refused.value) for name in OBJECTIVES)


def test_help_answers_at_once() -> None:
    program = (
        "import sys, time\nsys.argv = ['spot-eval', '--help']\nfrom spot_eval.cli import main\ntry:\n    main()\n"
        "except SystemExit:\n    print('cpu', time.process_time())\n"
    )
    best = min(_cpu(program) for _ in range(2))
    assert best < 0.3


def _cpu(program: str) -> float:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 60
    return float(done.stdout.split()[-1])
