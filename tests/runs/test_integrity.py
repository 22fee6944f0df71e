"""Files of a run that do not fit each other are noticed, and named; corrupted copies never end in a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.evaluation.run import grade_again
from spot_eval.report.content import load_content
from spot_eval.report.render import render
from spot_eval.runs.finished import read_run
from tests.benchmarks import corrupted_runs
from tests.report.made_up_runs import lines, write_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def without_first_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def test_lost_samples_are_noticed(run: Path) -> None:
    without_first_line(run / "samples.jsonl")
    with pytest.raises(UserError, match="does not hold the 6 docs of sums with 4 samples each"):
        read_run(run)


def test_lost_docs_are_refused_by_grade_and_nothing_is_written(run: Path) -> None:
    without_first_line(run / "docs.jsonl")
    before = (run / "samples.jsonl").read_bytes()
    with pytest.raises(UserError, match="does not hold the 6 docs of sums that the manifest counts"):
        grade_again(run, None, 1, print)
    assert (run / "samples.jsonl").read_bytes() == before


def test_a_text_that_was_not_judged_is_named(run: Path) -> None:
    rows = lines(run / "generations.jsonl")
    rows[5]["text"] = "Something else."
    (run / "generations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = f"the text of sums, doc {rows[5]['doc_id']}, repeat {rows[5]['repeat']} is not the one that was judged"
    with pytest.raises(UserError, match=place):
        list(read_run(run).answers("sums"))
    with pytest.raises(UserError, match=place):
        render(load_content(run, []), "html", 1_000_000)


def test_a_scoreboard_of_another_number_of_samples_is_refused(run: Path) -> None:
    board = json.loads((run / "scoreboard.json").read_text())
    board["tasks"]["sums"]["samples"] += 1
    (run / "scoreboard.json").write_text(json.dumps(board))
    with pytest.raises(UserError, match="counts 25 samples of sums, the run has 24"):
        load_content(run, [])


def test_corrupted_copies_end_in_a_result_or_one_sentence() -> None:
    """A few of the copies that `make bench` tries, without the verbs that take long."""
    result = corrupted_runs.check(12, skip=("grade", "as base", "lm-eval", "save", "alone", "power", "certify"))
    assert result["copies"] >= 12
    assert result["refused"] > result["copies"]
    assert result["faults"] == []


def test_copies_that_once_ended_in_a_traceback() -> None:
    once = (
        "manifest.json: versions.python surrogate", "manifest.json: config.model.chat_template lost",
        "docs.jsonl: a folder", "generations.jsonl: a folder", "generations.jsonl: deep",
        "scoreboard.json: left_out lost",
    )  # fmt: skip
    result = corrupted_runs.check(only=once, skip=("as base", "lm-eval", "save", "power", "compare", "certify"))
    assert result["copies"] == len(once)
    assert result["faults"] == []
