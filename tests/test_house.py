"""The house stands as designed: imports run one way, heavy ones wait, every installation finds its data."""

from __future__ import annotations

import ast
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each module may import those of earlier floors, and its own package's inner modules.
FLOORS = [
    {"errors", "resources", "options", "miniature"},
    {"records", "progress", "own", "users_code", "graders.verdict", "graders.thinking"},
    {"miniature.build"},
    {"files", "suite", "adapters", "stats", "generations_file", "show_dry_run", "drawn"},
    {"paired"},
    {"detectable"},
    {"store", "asked", "hub"},
    {"sources", "checkpoint"},
    {"graders", "engines", "catalogue"},
    {"lm_eval_bridge", "task_docs", "miniature.profile", "model"},
    {"manifest", "task_files", "doctor"},
    {"generate", "check_tasks"},
    {"grade", "attempts"},
    {"score"},
    {"judged"},
    {"comparable"},
    {"baseline", "show", "compare", "floors"},
    {"policy", "show_comparison", "fresh"},
    {"gate_limits", "power"},
    {"gate"},
    {"gate_files"},
    {"show_gate", "show_power"},
    {"report"},
    {"interchange"},
    {"run", "pairs"},
    {"elsewhere", "dry_run", "oracles", "overlap", "curve"},
    {"rectify"},
    {"commands"},
    {"cli"},
    {"__main__"},
]


def imported(path: Path) -> set[str]:
    """Names of modules a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where things come from"
            found.add(str(node.module))
    return found


def floor(module: str) -> int:
    """The floor of a module, by its longest listed name."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for number, names in enumerate(FLOORS):
            if name in names:
                return number
    raise AssertionError(f"spot_eval.{module} stands on no floor; add it to FLOORS")


def test_imports_run_one_way() -> None:
    for path in sorted((ROOT / "spot_eval").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "spot_eval").with_suffix("").parts).removesuffix(".__init__")
        if module == "__init__":
            continue
        for name in imported(path):
            if name.startswith("spot_eval."):
                other = name.removeprefix("spot_eval.")
                same_package = other.split(".")[0] == module.split(".")[0]
                assert same_package or floor(other) < floor(module), f"spot_eval.{module} imports {name}"


def test_connect4_stands_alone() -> None:
    for path in (ROOT / "connect4").rglob("*.py"):
        assert not {name for name in imported(path) if name.split(".")[0] in {"spot_eval", "lm_eval", "torch"}}, path


def test_the_trainer_stands_alone() -> None:
    for path in (ROOT / "trainer").rglob("*.py"):
        assert not {name for name in imported(path) if name.split(".")[0] in {"spot_eval", "connect4", "lm_eval"}}, path


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


def loaded_by(code: str) -> set[str]:
    show = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "lm_eval", "datasets", "sympy", "numpy", "pandas", "scipy", "pydantic"}
    assert not heavy & loaded_by("import spot_eval.cli")
    assert not {"torch", "transformers", "lm_eval", "datasets"} & loaded_by("import spot_eval.run, spot_eval.catalogue")


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
        "import spot_eval, connect4; from spot_eval.own import check_own; check_own('trainer'); "
        "from trainer.settings import recipe_names; assert 'spot-bco' in recipe_names(); "
        "from spot_eval.suite import suite_names; "
        "from spot_eval.baseline import published_baselines; from spot_eval.resources import folder; "
        "print(spot_eval.__file__, folder('tasks')); "
        "assert {'spot', 'spot-quick'} <= set(suite_names()); assert 'qwen3-8b' in published_baselines(); "
        "from lm_eval.tasks import TaskManager; "
        "names = TaskManager(include_defaults=False, include_path=str(folder('tasks'))).all_subtasks; "
        "assert {'connect4', 'mini_boards'} < set(names) and len(names) == 20, names; "
        "assert (folder('reports') / 'html' / 'report.html').is_file(); "
        "from spot_eval.miniature import BASE; assert (BASE / 'model.safetensors').is_file()"
    )
    python = tmp_path / "venv" / "bin" / "python"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout.split()[0]
    assert done.stdout.split()[1].startswith(str(site))
