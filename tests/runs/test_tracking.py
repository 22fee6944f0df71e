"""A finished run in Weights & Biases and trackio: one run of theirs, with scores, errors and a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.runs.tracking import COLUMNS, check_trackers, scores, track_run
from tests.command_line import spot_eval
from tests.made_runs import write_run

FAKE = """
import json, os
class Table:
    def __init__(self, columns, data): self.shown = [columns, *data]
def put(kind, value):
    with open(os.environ["FAKE_LOG"], "a") as file:
        file.write(json.dumps([__name__, kind, value], default=lambda one: one.shown) + "\\n")
def init(**settings): put("init", settings)
def log(metrics): put("log", metrics)
def finish(): put("finish", None)
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "tiny-s", {"a": [[1.0], [0.0], [1.0], [None]], "b": [[1.0]], "c": [[0.0]]})


def test_scores_are_those_of_the_board(run: Path) -> None:
    board = read_json(run / "scoreboard.json")
    found = dict(scores(board))
    assert found["tasks/a/mean"] == pytest.approx(2 / 3)
    assert found["tasks/a/stderr"] == board["tasks"]["a"]["stderr"]
    assert found["families/in_domain/mean"] == board["families"]["in_domain"]["mean"]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_one_run_of_theirs(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / f"{name}.py").write_text(FAKE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    kept = sys.modules.pop(name, None)
    try:
        check_trackers([name])
        track_run([name], run)
    finally:
        sys.modules.pop(name, None)
        sys.modules.update({name: kept} if kept else {})
    calls = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [call[1] for call in calls] == ["init", "log", "finish"]
    assert (calls[0][2]["project"], calls[0][2]["name"]) == ("spot-eval", "tiny-s")
    assert calls[0][2]["config"]["seed"] == 0
    header, *rows = calls[1][2]["tasks"]
    assert header == list(COLUMNS)
    assert [row[:2] for row in rows] == [["a", "in_domain"], ["b", "in_domain"], ["c", "general"]]
    assert rows[0][2] == pytest.approx(2 / 3)


def test_wandb_itself_offline(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    code = "import sys, pathlib; from spot_eval.runs.tracking import *; track_run(['wandb'], pathlib.Path(sys.argv[1]))"
    given = {**os.environ, "WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}
    subprocess.run([sys.executable, "-c", code, str(run)], env=given, check=True, timeout=120)
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))


def test_tensorboard(run: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track_run(["tensorboard"], run)
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    assert events.Scalars("tasks/a/mean")[0].value == pytest.approx(2 / 3)


def test_an_unknown_or_absent_tracker_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="there are wandb, trackio, tensorboard"):
        check_trackers(["mlflow"])
    monkeypatch.setattr("spot_eval.runs.tracking.find_spec", lambda name: None)
    with pytest.raises(UserError, match="--track wandb: it is not installed; pip install wandb"):
        check_trackers(["wandb"])


def test_the_command_asks_before_it_generates(tmp_path: Path) -> None:
    done = spot_eval("run", "--track", "mlflow", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "--track mlflow" in done.stderr
    assert not (tmp_path / "run").exists()
