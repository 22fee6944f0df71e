"""A finished run is sealed, a change is named, and a run that goes on does not launder it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.evaluation.run import grade_again
from spot_eval.gating.decide import gate
from spot_eval.gating.policy import Policy
from spot_eval.runs.baseline import save_baseline
from spot_eval.runs.finished import read_run
from spot_eval.runs.seal import SEAL_FILE, open_seal, read_seal, write_seal
from tests.made_runs import write_run

SCORES = {task: [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]] for task in "abc"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = write_run(tmp_path / "run", SCORES)
    write_seal(path)
    return path


def test_an_untouched_run_is_whole(run: Path) -> None:
    seal = read_seal(run)
    assert seal is not None
    assert seal.whole
    assert seal.sentence.endswith("; unchanged")


def test_a_run_without_a_seal_is_not_sealed(tmp_path: Path) -> None:
    assert read_seal(write_run(tmp_path / "run", SCORES)) is None


def test_one_flipped_bit_is_named(run: Path) -> None:
    content = bytearray((run / "scoreboard.json").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "scoreboard.json").write_bytes(content)
    seal = read_seal(run)
    assert seal is not None
    assert (seal.changed, seal.missing, seal.added) == (("scoreboard.json",), (), ())
    assert seal.sentence.endswith("since then scoreboard.json changed")


def test_files_that_went_and_came_are_named(run: Path) -> None:
    (run / "docs.jsonl").unlink()
    (run / "sessions").mkdir()
    (run / "sessions" / "7.json").write_text("{}")
    seal = read_seal(run)
    assert seal is not None
    assert (seal.missing, seal.added) == (("docs.jsonl",), ("sessions/7.json",))


def test_a_run_that_goes_on_keeps_the_change_noted(run: Path) -> None:
    (run / "samples.jsonl").write_bytes((run / "samples.jsonl").read_bytes().replace(b"0.0", b"1.0", 1))
    found = open_seal(run)
    assert found is not None
    assert found.changed == ("samples.jsonl",)
    assert read_seal(run) is None, "while the run goes on, or after a kill, it is not sealed"
    write_seal(run)
    seal = read_seal(run)
    assert seal is not None
    assert not seal.whole
    assert "samples.jsonl had been changed when the run went on" in seal.sentence


def test_the_gate_shows_the_seal_and_warns_of_a_change(run: Path, tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", SCORES)
    verdict, _ = gate(read_run(run), read_run(base), Policy())
    assert verdict["seals"]["candidate"].endswith("unchanged")
    assert verdict["seals"]["base"] == "not sealed"
    assert verdict["warnings"] == []
    (run / "docs.jsonl").write_bytes((run / "docs.jsonl").read_bytes().replace(b"What", b"That", 1))
    verdict, _ = gate(read_run(run), read_run(base), Policy())
    assert any("files of the candidate" in line and "docs.jsonl changed" in line for line in verdict["warnings"])


def test_a_saved_baseline_is_sealed_too(run: Path, tmp_path: Path) -> None:
    save_baseline(read_run(run), tmp_path / "saved")
    seal = read_seal(tmp_path / "saved")
    assert seal is not None
    assert seal.whole
    rows = (tmp_path / "saved" / "scores.jsonl").read_text().replace("1.0", "0.0", 1)
    (tmp_path / "saved" / "scores.jsonl").write_text(rows)
    seal = read_seal(tmp_path / "saved")
    assert seal is not None
    assert seal.changed == ("scores.jsonl",)


def test_grading_again_seals_again(tmp_path: Path) -> None:
    from tests.report.made_up_runs import write_run as whole_run

    run = whole_run(tmp_path / "run")
    said: list[str] = []
    grade_again(run, None, 1, said.append)
    assert said == []
    (run / "scoreboard.md").write_text("better\n")
    grade_again(run, None, 1, said.append)
    assert "since then scoreboard.md changed; its texts are judged again" in said[0]
    seal = read_seal(run)
    assert seal is not None
    assert list(seal.earlier) == ["scoreboard.md"]


def test_a_malformed_seal_is_one_sentence(run: Path) -> None:
    (run / SEAL_FILE).write_text(json.dumps({"sealed": 3, "files": {}, "changed": {}}))
    with pytest.raises(UserError, match="sealed: expected a string or null, found 3"):
        read_seal(run)
