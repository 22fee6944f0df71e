"""`spot-eval doctor`: a table or JSON, exit 2 for a fault, and no secret on the screen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.command_line import spot_eval


@pytest.fixture
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nltk's data and no saved token; returns its folder."""
    (tmp_path / "nltk" / "tokenizers" / "punkt_tab" / "english").mkdir(parents=True)
    for name in ("HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "SPOT_EVAL_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


def test_on_the_command_line_a_token_is_named_and_never_shown(healthy: Path) -> None:
    (healthy / "connect4.py").write_text("")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["doctor", "--suite", "miniature", *options]
        return spot_eval(*command, cwd=healthy, HF_TOKEN="hf_nobody_sees_this", COLUMNS="80", PYTHONPATH=str(healthy))

    done = run()
    assert done.returncode == 2
    assert "finds" in done.stdout
    assert "rename that file" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    (healthy / "connect4.py").unlink()
    done = run("--json")
    assert done.returncode == 0, done.stdout
    found = {one["what"]: one for one in json.loads(done.stdout)}
    assert found["hub token"] == {"what": "hub token", "state": "ok", "found": "set (HF_TOKEN)", "fix": ""}
    assert "nobody_sees" not in done.stdout + done.stderr
