"""The GitHub Action: its file says what GitHub reads, and its script does what it says, run by a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gating.test_rules import task
from tests.made_runs import write_run

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())


def test_every_input_is_described_and_none_is_pasted_into_a_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert all(one["description"] for one in [*ACTION["inputs"].values(), *ACTION["outputs"].values()])
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert ("uses" in step) != ("run" in step)


@pytest.mark.parametrize(("lost", "code", "verdict"), [(0, 0, "pass"), (90, 3, "fail"), (None, 2, "")])
def test_its_script_sets_outputs_and_the_jobs_fate(tmp_path: Path, lost: int | None, code: int, verdict: str) -> None:
    candidate, base = task(400, lost=lost or 0, wrong=100)
    write_run(tmp_path / "my run", {"c": candidate}, "n", families={"general": ["c"]})
    write_run(tmp_path / "base", {"c": base}, "b", families={"general": ["c"]})
    (step,) = (one for one in ACTION["runs"]["steps"] if one.get("id") == "gate")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "gate.toml").write_text("margin = 0.04\n")
    for name in ("yaml", "typer", "json", "trainer", "sitecustomize"):  # a pull request can bring any of them
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    inputs = {
        "RUN": "my run" if lost is not None else "nowhere", "BASELINE": "base", "POLICY": "gate.toml", "OUT": "out",
        "GITHUB_OUTPUT": str(tmp_path / "outputs"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **inputs},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert (tmp_path / "outputs").read_text() == f"exit-code={code}\nverdict={verdict}\n"
    assert (tmp_path / "summary.md").exists() == bool(verdict)
    assert not (tmp_path / "ran").exists(), "a module of the workspace was run"


def test_no_step_runs_python_with_the_workspace_on_its_path() -> None:
    lines = [line for step in ACTION["runs"]["steps"] for line in step.get("run", "").splitlines()]
    starts = [line for line in lines if "python" in line]
    assert len(starts) == 3
    assert all("python -P " in line for line in starts)
