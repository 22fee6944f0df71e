"""`spot-eval runs` lists a folder without a verb, and verifies the files of a run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.runs.seal import write_seal
from tests.made_runs import write_run

SCORES = {task: [[1.0, 0.0], [1.0, 1.0]] for task in "abc"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = write_run(tmp_path / "runs" / "tiny", SCORES)
    write_seal(path)
    return path


def called(*words: object) -> Result:
    return CliRunner().invoke(app, ["runs", *map(str, words)])


@pytest.mark.parametrize("verb", [(), ("list",)])
def test_a_folder_is_listed_with_and_without_the_verb(run: Path, verb: tuple[str, ...]) -> None:
    done = called(*verb, run.parent, "--json")
    assert done.exit_code == 0
    assert [Path(one["path"]).name for one in json.loads(done.stdout)["runs"]] == ["tiny"]


def test_a_folder_named_as_a_verb_is_listed_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "verify" / "tiny", SCORES)
    monkeypatch.chdir(tmp_path)
    assert called("./verify", "--json").exit_code == 0


def test_verify_tells_by_its_exit_code(run: Path, tmp_path: Path) -> None:
    done = called("verify", run)
    assert done.exit_code == 0
    assert done.stdout.endswith("; unchanged\n")
    other = write_run(tmp_path / "other", SCORES)
    done = called("verify", run, other)
    assert done.exit_code == 2
    assert done.stdout.splitlines()[1] == f"{other}: not sealed; grade it to seal it as it is"
    (run / "samples.jsonl").write_bytes(b"")
    done = called("verify", run, "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)[str(run)]["changed"] == ["samples.jsonl"]


def test_verify_of_no_folder_is_one_sentence(tmp_path: Path) -> None:
    done = called("verify", tmp_path / "nowhere")
    assert isinstance(done.exception, UserError)
    assert "is no folder; name a run directory or a saved baseline" in str(done.exception)


def test_a_name_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "tiny", SCORES, name='=HYPERLINK("http://evil.example")')
    done = called(tmp_path / "runs", "--csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["model"] == '\'=HYPERLINK("http://evil.example")'
