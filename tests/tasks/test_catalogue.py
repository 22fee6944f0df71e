"""`tasks list`: what there is, without loading any of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.tasks.catalogue import catalogue


def test_the_catalogue_of_the_papers_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOT_EVAL_DATA", "")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    (tmp_path / "aime24").mkdir()
    (tmp_path / "aime24" / "aime24.jsonl").write_text("")
    entries = {entry["task"]: entry for entry in catalogue("spot", [tmp_path], {})}
    assert entries["aime24"] == {
        "task": "aime24", "family": "in_domain", "docs": 30, "repeats": 16, "source": "HuggingFaceH4/aime_2024",
        "gated": False, "at_hand": str(tmp_path / "aime24" / "aime24.jsonl"),
    }  # fmt: skip
    assert entries["gpqa_diamond"]["gated"]
    assert entries["gpqa_diamond"]["at_hand"] is None
    assert (entries["connect4"]["source"], entries["connect4"]["at_hand"]) == ("drawn", "drawn from a seed")
    assert sum(entry["docs"] for entry in entries.values()) == 2786


def test_twins_need_what_they_are_twins_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOT_EVAL_DATA", "")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    assert {entry["at_hand"] for entry in catalogue("connect4-probe", [], {})} == {None}
    (tmp_path / "connect4.jsonl").write_text("")
    there = {entry["task"]: entry["at_hand"] for entry in catalogue("connect4-probe", [tmp_path], {})}
    assert there == {"connect4_published": str(tmp_path / "connect4.jsonl"), "connect4_twins": "drawn from a seed"}


def test_the_miniature_is_always_at_hand() -> None:
    entries = catalogue("miniature", [], {})
    assert [(entry["task"], entry["docs"]) for entry in entries] == [
        ("mini_arithmetic", 200), ("mini_bags", 150), ("mini_boards", 150), ("mini_instructions", 200),
    ]  # fmt: skip
    assert all(entry["at_hand"] == "in the package" for entry in entries)


def test_a_file_for_a_task_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="--data nope=…: suite spot has no task"):
        catalogue("spot", [], {"nope": Path("x")})


def test_the_table_fits_eighty_columns() -> None:
    for suite in ("spot", "miniature", "connect4"):
        done = subprocess.run(
            [sys.executable, "-m", "spot_eval", "tasks", "list", "--suite", suite],
            capture_output=True, text=True, check=True, env={"COLUMNS": "80", "PATH": ""},
        )  # fmt: skip
        table = done.stdout.partition("\nno: ")[0]
        assert max(len(line) for line in table.splitlines()) <= 80
