"""The house stands as designed: small modules, documented parameters, heavy imports that wait, data that is found.

The order of imports is a contract in pyproject.toml, which `make lint` checks.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from spot_eval.cli import app

ROOT = Path(__file__).parent.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Owner = ast.ClassDef | None
FILLERS = ("the", "a", "an", "of", "its", "their", "run", "loaded", "open", "to")


def test_the_top_level_is_the_owners() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    allowed = {
        "spot_eval", "tasks", "connect4", "trainer", "reports", "tests", "pyproject.toml", "README.md",
        "docs", "examples", ".ci", ".github", "Makefile", "CHANGELOG.md", "LICENSE", "constraints.txt", "action.yml",
        ".gitignore",
    }  # fmt: skip
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= allowed


def modules() -> Iterator[Path]:
    """The modules of the three packages."""
    for package in ("spot_eval", "connect4", "trainer"):
        yield from sorted((ROOT / package).rglob("*.py"))


def test_no_module_has_more_than_300_lines() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert len(lines) > 200
    assert {name: count for name, count in lines.items() if count > 300} == {}


def public(body: Iterable[ast.stmt], owner: Owner = None) -> Iterator[tuple[Definition, Owner]]:
    """Yield the public functions and classes of a module and the public methods of its classes, with their class."""
    for node in body:
        if isinstance(node, Function):
            if not node.name.startswith("_") or (owner and node.name == "__init__"):
                yield node, owner
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node, owner
            yield from public(node.body, node)


def definitions() -> Iterator[tuple[str, Definition, Owner]]:
    """Yield what `public` yields of every module, with its file and line."""
    for path in (*modules(), *sorted((ROOT / "tasks").rglob("*.py"))):
        for node, owner in public(ast.parse(path.read_text(encoding="utf-8")).body):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node, owner


def entries(docstring: str | None) -> list[tuple[str, str]]:
    """Return (name, text) of each entry of an `Args:` section; "a, b: text" is an entry of both."""
    section = re.search(r"^Args:\n((?: .*\n?)+)", docstring or "", re.MULTILINE)
    found = re.findall(r"^    (\w[\w, ]*):(.*(?:\n     .*)*)", section[1], re.MULTILINE) if section else []
    return [(name.strip(), text) for names, text in found for name in names.split(",")]


def empty_entries(docstring: str | None) -> set[str]:
    """Return the names whose entry in an `Args:` section only says the name again, such as "suite: the suite."."""
    empty = set()
    for name, text in entries(docstring):
        told = {word.rstrip("s") for word in re.findall(r"\w+", text.lower().replace("'s", ""))}
        if told <= {word.rstrip("s") for word in (*name.lower().split("_"), *FILLERS)}:
            empty.add(name)
    return empty


def commands_with_help() -> set[str]:
    """Return "file name" of the functions behind the verbs, if --help explains every parameter."""

    def verbs(command: Any) -> Iterator[Any]:
        for each in getattr(command, "commands", {}).values():
            yield from verbs(each)
        if not getattr(command, "commands", None):
            yield command

    found = set()
    for verb in verbs(get_command(app)):
        function = inspect.unwrap(verb.callback)
        helped = {parameter.name for parameter in verb.params if getattr(parameter, "help", None)}
        if helped >= set(inspect.signature(function).parameters):
            found.add(f"{function.__module__.replace('.', '/')}.py {function.__name__}")
    return found


def unexplained(node: Definition, owner: Owner) -> set[str]:
    """Return the parameters that lack an entry, if there are more than three; a class may explain its `__init__`."""
    if isinstance(node, ast.ClassDef):
        return set()
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if owner and not any(ast.unparse(each) == "staticmethod" for each in node.decorator_list):
        names = names[1:]
    told = entries(ast.get_docstring(node))
    if owner and node.name == "__init__":
        told += entries(ast.get_docstring(owner))
    return set(names) - {name for name, _ in told} if len(names) > 3 else set()


def test_more_than_three_parameters_are_explained_one_by_one() -> None:
    exempt = commands_with_help()
    assert len(exempt) > 25
    missing = {
        place: sorted(names)
        for place, node, owner in definitions()
        if (names := unexplained(node, owner)) and re.sub(r":\d+", "", place) not in exempt
    }
    assert missing == {}


def test_an_entry_says_more_than_its_name() -> None:
    assert empty_entries("Do.\n\nArgs:\n    suites: the suite.\n    path: the run's path.\n    n: tokens.") == {
        "suites",
        "path",
    }
    empty = {
        place: sorted(names) for place, node, _ in definitions() if (names := empty_entries(ast.get_docstring(node)))
    }
    assert empty == {}


@pytest.mark.parametrize(
    ("code", "lacking"),
    [
        ("def f(a, b, c): ...", ""),
        ("def f(a, b, c, d): ...", "abcd"),
        ("def f(a, b, *, c, d):\n    'Do.\\n\\nArgs:\\n    a, b: ends.\\n    c: see\\n        d: x.'", "d"),
        ("def f(a, b, c, d):\n    '''Do it.\n\n    a: one.\n    '''", "abcd"),
        ("class C:\n    def f(self, a, b, c): ...", ""),
        ("class C:\n    def f(self, a, b, c, d): ...", "abcd"),
        ("class C:\n    'C.\\n\\nArgs:\\n    a: one.'\n    def __init__(self, a, b, c, d): ...", "bcd"),
        ("class _C:\n    def f(self, a, b, c, d): ...", ""),
    ],
)  # fmt: skip
def test_a_parameter_without_an_entry_is_found(code: str, lacking: str) -> None:
    assert set().union(*(unexplained(*each) for each in public(ast.parse(code).body))) == set(lacking)


def test_public_docstrings_begin_with_a_verb_or_a_noun() -> None:
    asking = re.compile(r"(What|Whether|One|How|Where|Which|When|Who|Why)\b")
    texts = {place: ast.get_docstring(node) or "" for place, node, _ in definitions() if node.name != "__init__"}
    assert len(texts) > 1500
    assert [place for place, text in texts.items() if not text or asking.match(text)] == []


def loaded_by(code: str) -> set[str]:
    show = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "lm_eval", "datasets", "sympy", "numpy", "pandas", "scipy", "pydantic"}
    assert not heavy & loaded_by("import spot_eval.cli")
    assert not {"torch", "transformers", "lm_eval", "datasets"} & loaded_by(
        "import spot_eval.evaluation.run, spot_eval.tasks.catalogue"
    )


def test_no_path_or_host_of_one_machine_is_written_down() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        if (ROOT / name).suffix in {".py", ".md", ".yaml", ".toml", ".txt", ""} and name != "LICENSE":
            text = (ROOT / name).read_text(encoding="utf-8")
            for place in ("/wo" + "rk/", "/ro" + "ot/", "file:" + "//"):
                assert place not in text, f"{name} names {place}"


@pytest.mark.slow
def test_a_wheel_finds_its_tasks_and_reports(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("spot_eval-*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, site], check=True)
    (site / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    assert not (site / "tasks").exists()
    assert not (site / "reports").exists()
    code = (
        "import spot_eval, connect4; from spot_eval.core.packages import check_own; check_own('trainer'); "
        "from trainer.settings import recipe_names; assert 'spot-bco' in recipe_names(); "
        "from spot_eval.tasks.suite import suite_names; "
        "from spot_eval.runs.baseline import published_baselines; from spot_eval.core.paths import folder; "
        "print(spot_eval.__file__, folder('tasks')); "
        "assert {'spot', 'spot-quick'} <= set(suite_names()); assert 'qwen3-8b' in published_baselines(); "
        "from lm_eval.tasks import TaskManager; "
        "names = TaskManager(include_defaults=False, include_path=str(folder('tasks'))).all_subtasks; "
        "assert {'connect4', 'mini_boards', 'humaneval'} < set(names), names; "
        "assert (folder('reports') / 'html' / 'report.html').is_file(); "
        "from spot_eval.miniature import BASE; assert (BASE / 'model.safetensors').is_file()"
    )
    python = tmp_path / "venv" / "bin" / "python"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout.split()[0]
    assert done.stdout.split()[1].startswith(str(site))
