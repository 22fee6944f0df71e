"""The house stands as designed: small modules, documented parameters, heavy imports that wait, data that is found.

The order of imports is a contract in pyproject.toml, which `make lint` checks.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
