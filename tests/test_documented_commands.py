"""Every command that README and docs show is one that the command line takes; what needs only made-up runs is run.

Pages whose commands run as a whole have tests of their own: README's loop (`test_surgery`), docs/adapters.md,
docs/python.md, docs/reproduction.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from spot_eval.cli import app
from tests.command_line import spot_eval
from tests.report.made_up_runs import write_run

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = frozenset({"<", ">", "|", "&&", "…"})


def blocks(page: Path) -> list[list[str]]:
    """The commands of each block of a page that is code."""
    found = []
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        lines = re.sub(r"\\\n", " ", block).splitlines()
        found.append([line.strip().removeprefix("$ ") for line in lines if re.match(r"\s*(?:\$ )?spot-eval ", line)])
    return [commands for commands in found if commands]


def arguments(command: str) -> list[str]:
    """The arguments of a command up to a redirection, a pipe, or dots that stand for what is left out."""
    words = shlex.split(command, comments=True)[1:]
    return words[: next((i for i, word in enumerate(words) if word in SHELL), len(words))]


def parse(words: list[str]) -> None:
    """Let the verb's own parser read the arguments; raise what it raises."""
    command: Any = get_command(app)
    name, parent = "spot-eval", None
    while True:
        parent = command.make_context(name, list(words), parent=parent)
        if not hasattr(command, "commands"):
            return
        name, command, words = command.resolve_command(parent, [*parent._protected_args, *parent.args])


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_the_command_line_takes_every_command_of_the_page(page: Path) -> None:
    for commands in blocks(page):
        for command in commands:
            if " … " not in command:  # part of a command, said to be one
                parse(arguments(command))


def test_a_command_that_is_not_taken_is_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["run", "--modell", "x"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs and files that the pages name."""
    folder = tmp_path_factory.mktemp("pages")
    for name, seed in (("RUN", 0), ("BASE", 1), ("BASE2", 2)):
        write_run(folder / name, model=name.lower(), seed=seed)
    for name in ("ckpt-spot-…", "base-spot-…", "new", "base"):
        write_run(folder / "runs" / name, model=name)
    (folder / "board.txt").write_text("_______\n" * 5 + "___X___\n")
    (folder / "positions.txt").write_text("4444\n44444\n123\n")
    return folder


def selected(page: str, *beginnings: str) -> Iterator[str]:
    """The commands of a page that begin in one of these ways; each beginning has at least one."""
    commands = [command for block in blocks(ROOT / page) for command in block]
    for beginning in beginnings:
        assert any(command.startswith(f"spot-eval {beginning}") for command in commands), beginning
    return (command for command in commands if command.startswith(tuple(f"spot-eval {one}" for one in beginnings)))


@pytest.mark.parametrize(
    ("page", "beginnings"),
    [
        ("docs/report.md", ("report RUN", "export RUN")),
        ("docs/gate.md", ("compare", "gate runs", "power --baseline")),
        ("docs/connect4.md", ("connect4 solve",)),
        ("docs/connect4.md", ("connect4 generate", "connect4 check")),
    ],
)
def test_the_commands_run_as_they_stand(page: str, beginnings: tuple[str, ...], folder: Path) -> None:
    for command in selected(page, *beginnings):
        if "--curve" in command or "eval-results" in command:  # tests/report/test_curves.py, and data from the hub
            continue
        words = shlex.split(command, comments=True)[1:]
        text = ""
        if "<" in words:
            at = words.index("<")
            text, words = (folder / words[at + 1]).read_text(), words[:at]
        done = spot_eval(*words, cwd=folder, text=text)
        assert done.returncode in (0, 4), (command, done.stdout, done.stderr)  # 4: the gate needs more data
        assert done.stdout or done.stderr, command
