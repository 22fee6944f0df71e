"""Files nested too deeply, names too long and counts too large are one sentence, in a process of its own each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.command_line import spot_eval

LONG = "x" * 5000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--suite", "deep.yaml", "--dry-run"], "deep.yaml: nested too deeply to be a suite"),
        (["gate", "a", "--baseline", "b", "--policy", "deep.toml"], "deep.toml: nested too deeply to be a policy"),
        (
            ["train", "--model", "miniature", "--pairs", "p", "-o", "o", "--recipe", "deep.toml"],
            "deeply to be a recipe",
        ),
        (["run", "--model", LONG, "--dry-run"], "is longer than a file's name can be"),
        (["gate", LONG, "--baseline", "b"], "is longer than a file's name can be"),
        (["runs", LONG], "is longer than a file's name can be"),
        (["run", "--repeats", "1000000000000", "--dry-run"], "a run has at most 20,000,000: lower --repeats"),
    ],
)
def test_it_is_one_sentence(tmp_path: Path, words: list[Any], message: str) -> None:
    (tmp_path / "deep.yaml").write_text("[" * 3000)
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000)
    done = spot_eval(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert {file.name for file in tmp_path.iterdir()} == {"deep.yaml", "deep.toml"}
