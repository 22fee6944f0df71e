"""The folder a command is started in: nothing that lies there is imported, by no process of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import spot_eval
from tests.made_runs import write_run

NAMES = ("yaml", "typer", "rich", "trainer", "connect4", "json", "hashlib", "numpy", "scipy", "pandas", "sympy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    return tmp_path


def test_modules_beside_the_user_are_not_ours(folder: Path) -> None:
    write_run(folder / "a", {"a": [[1.0], [0.0]] * 5})
    done = spot_eval("compare", "a", "a", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = spot_eval("train", "--help", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = spot_eval("train", "--model", "nowhere", "--pairs", "none.jsonl", "--out", "x", cwd=folder)
    assert done.returncode == 2, done.stderr  # the pairs are missing; `trainer` is found
    assert not (folder / "ran").exists(), (folder / "ran").read_text()


def test_grading_processes_import_nothing_from_there(folder: Path) -> None:
    rows = [{"task": "aime24", "doc_id": 0, "text": "\\boxed{204}"}]
    data = [{"id": "1", "problem": "What is 200 + 4?", "answer": "204"}]
    (folder / "generations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    done = spot_eval(
        "grade", "generations.jsonl", "--tasks", "aime24", "--data", "aime24=data.jsonl", "--json", "--out", "run",
        cwd=folder,
    )  # fmt: skip
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    assert done.returncode == 0, done.stderr
