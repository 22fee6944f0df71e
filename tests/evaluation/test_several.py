"""Several models in one command: a process each, one table, and a failure of one stops no other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.evaluation.several import options_of_each, run_each
from spot_eval.miniature import BASE
from tests.command_line import COMMAND, environment, spot_eval

SAID: list[str] = []


def quiet(sentence: str) -> None:
    SAID.append(sentence)


def pretended(options: RunOptions, say: Say) -> tuple[Path, dict[str, Any]]:
    """In the place of a real run: what the model is called decides what happens."""
    match options.model:
        case "refused":
            raise UserError("not this one")
        case "crashed":
            raise ZeroDivisionError
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    return options.parent / options.model, {}


def test_a_refusal_a_crash_and_a_killed_process_stop_no_other_model(tmp_path: Path) -> None:
    options = RunOptions(model="first", out=tmp_path)
    each = options_of_each(options, ["first", "refused", "crashed", "killed", "last", "first"], quiet)
    outcomes = run_each(each, quiet, pretended)
    assert [(one.model, one.path, one.exit_code) for one in outcomes] == [
        ("first", tmp_path / "first", 0),
        ("refused", None, 2),
        ("crashed", None, 1),
        ("killed", None, 1),
        ("last", tmp_path / "last", 0),
    ]
    assert "error: killed: its process was ended by signal 9" in SAID


def test_what_is_for_one_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--model-id names one model"):
        options_of_each(RunOptions(model="a", model_id="x"), ["a", "b"], quiet)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="is a run directory; with several --model"):
        options_of_each(RunOptions(model="a", out=tmp_path), ["a", "b"], quiet)


def test_all_models_get_the_same_fresh_boards() -> None:
    each = options_of_each(RunOptions(model="a", fresh=True), ["a", "b"], quiet)
    assert each[0].connect4_seed is not None
    assert {(one.fresh, one.connect4_seed) for one in each} == {(False, each[0].connect4_seed)}


def test_run_of_several_models_ends_with_one_table(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "copy")
    config = json.loads((tmp_path / "copy" / "config.json").read_text())
    (tmp_path / "copy" / "config.json").write_text(json.dumps({**config, "copied": True}))
    given = ["--model", BASE, "--model", "nowhere", "--model", "copy", "--suite", "miniature", "--limit", 2]
    done = spot_eval("run", *given, "-o", "all", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: nowhere: model 'nowhere' does not exist" in done.stderr
    assert "1 of 3 models failed: nowhere" in done.stderr
    assert done.stdout.count("miniature v1 (%)") == 1
    folders = sorted(place.name for place in (tmp_path / "all").iterdir())
    assert len(folders) == 2
    assert all(name in done.stdout for name in folders)
    listed = json.loads(spot_eval("runs", "all", "--json", cwd=tmp_path).stdout)
    assert {entry["state"] for entry in listed["runs"]} == {"finished"}


def test_ctrl_c_stops_the_model_at_work_and_the_command(tmp_path: Path) -> None:
    given = ["run", "--model", str(BASE), "--model", "nowhere", "--suite", "miniature", "--repeats", "50", "-o", "all"]
    process = subprocess.Popen(
        [*COMMAND, *given], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if list(tmp_path.glob("all/*/generations.jsonl")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.count("stopped; finished work is kept") == 1
    assert "Traceback" not in err
    assert "model 2 of 2" not in err
