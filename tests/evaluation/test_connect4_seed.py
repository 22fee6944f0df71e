"""Two checkpoints answer the same boards, and what they cannot both be asked is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.connect4_seed import with_boards
from spot_eval.runs.baseline import PublishedBaseline
from spot_eval.runs.judged import JudgedRun
from spot_eval.tasks.suite import Suite
from tests.made_runs import config
from tests.runs.test_baseline import CONFIG

SUITE = Suite(name="s", version=1, families={"ood": {"connect4": {}, "connect4_safe": {}, "aime24": {}}})
OPTIONS = RunOptions(model="m")
DRAWN = {"generator": 1, "level": 1, "seed": 99, "boards": 500, "fresh": True}


def base(path: Path = Path("runs/base"), **data: Any) -> JudgedRun:
    return JudgedRun(path, {"config": {**CONFIG, "data": data}}, {}, {})


def write_manifest(run: Path, *, origin: str | None = None, **connect4: Any) -> None:
    """Write the manifest of a run of Connect4 alone."""
    settings = config({"connect4": [[1.0]]}, {"ood": ["connect4"]})
    settings["data"]["connect4"] |= connect4
    manifest = {"config": settings, "left_out": {}, "model": {"name": "m"}, "data": {"connect4": {"origin": origin}}}
    (run / "manifest.json").write_text(json.dumps(manifest))


def settled(options: RunOptions, baseline: Any = None, suite: Suite = SUITE) -> tuple[RunOptions, list[str]]:
    said: list[str] = []
    return with_boards(options, suite, baseline, said.append), said


def test_usually_the_task_s_own_seed_holds() -> None:
    assert settled(OPTIONS) == (OPTIONS, [])


def test_fresh_draws_a_seed_and_says_how_to_go_on() -> None:
    options, said = settled(replace(OPTIONS, fresh=True))
    assert f"--connect4-seed {options.connect4_seed}" in said[0]
    assert settled(replace(OPTIONS, fresh=True))[0].connect4_seed != options.connect4_seed


def test_the_same_command_on_a_begun_run_goes_on_with_its_boards(tmp_path: Path) -> None:
    write_manifest(tmp_path, drawn=DRAWN)
    options, said = settled(replace(OPTIONS, fresh=True, out=tmp_path))
    assert (options.connect4_seed, said) == (99, [])


def test_a_baseline_hands_its_boards_on() -> None:
    options, said = settled(OPTIONS, base(connect4={"drawn": DRAWN}))
    assert options.connect4_seed == 99
    assert said == ["connect4: the boards of runs/base, seed 99"]
    usual = {**DRAWN, "fresh": False}
    assert settled(OPTIONS, base(connect4={"drawn": usual})) == (replace(OPTIONS, connect4_seed=99), [])


def test_a_file_the_baseline_was_asked_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "boards.jsonl"
    write_manifest(tmp_path, origin=str(file))
    with pytest.raises(NotComparableError, match="which is no file here; give it with --data connect4=FILE"):
        settled(OPTIONS, base(tmp_path, connect4={"docs": 3}))
    file.write_text("")
    options, said = settled(OPTIONS, base(tmp_path, connect4={"docs": 3}))
    assert options.data_files == {"connect4": file}
    assert str(file) in said[0]


def test_a_file_named_here_wins_over_the_baseline_s_boards(tmp_path: Path) -> None:
    named = replace(OPTIONS, data_files={"connect4": tmp_path / "mine.jsonl"})
    assert settled(named, base(connect4={"drawn": DRAWN})) == (named, [])


@pytest.mark.parametrize(
    ("options", "baseline", "error", "message"),
    [
        (replace(OPTIONS, fresh=True), base(), UserError, "run the base with --fresh first"),
        (replace(OPTIONS, fresh=True, connect4_seed=3), None, UserError, "give one of the two"),
        (replace(OPTIONS, connect4_seed=3), base(connect4={"drawn": DRAWN}), NotComparableError, "of seed 99, not 3"),
        (
            OPTIONS,
            base(connect4={"drawn": {**DRAWN, "generator": 0}}),
            NotComparableError,
            "of generator 0, here it is",
        ),
    ],
)
def test_what_both_cannot_be_asked_is_refused(options: RunOptions, baseline: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        settled(options, baseline)


def test_fresh_without_boards_to_draw_is_refused(tmp_path: Path) -> None:
    other = Suite(name="other", version=1, families={"a": {"aime24": {}}})
    with pytest.raises(UserError, match="--fresh: this run of suite other draws no rows"):
        settled(replace(OPTIONS, fresh=True), suite=other)
    with pytest.raises(UserError, match="--connect4-seed: this run"):
        settled(replace(OPTIONS, connect4_seed=1), suite=other)


def test_beside_a_published_table_fresh_boards_are_fine() -> None:
    table = PublishedBaseline("p", "s", "n", {}, {}, None)
    assert settled(replace(OPTIONS, fresh=True), table)[0].connect4_seed is not None


def test_a_fresh_run_and_the_next_checkpoint_s_answer_the_same_boards(tiny: Path, tmp_path: Path) -> None:
    """The whole way: two runs, their manifests and scoreboards."""
    from spot_eval.evaluation.run import run

    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: boards\nversion: 1\nsampling: {max_new_tokens: 8}\nfamilies: {ood: {connect4: {}, connect4_safe: {}}}\n"
    )
    first = RunOptions(
        model=str(tiny), suite=str(suite), limit=3, engine_args={"device": "cpu"}, workers=1, out=tmp_path / "base"
    )
    run(replace(first, fresh=True), lambda sentence: None)
    _, board = run(replace(first, out=tmp_path / "next", baseline=str(tmp_path / "base")), lambda sentence: None)
    drawn = [json.loads((tmp_path / name / "manifest.json").read_text())["config"]["data"] for name in ("base", "next")]
    assert drawn[0] == drawn[1]
    assert drawn[0]["connect4"]["drawn"]["fresh"]
    assert {entry["level"] for entry in (data["drawn"] for data in drawn[0].values())} == {1, 2}
    assert [task["docs"] for task in board["difference"]["tasks"].values()] == [3, 3]
    assert board["changes"]["connect4_seed"] == drawn[0]["connect4"]["drawn"]["seed"]
    assert set(board["guessing"]) == {"connect4", "connect4_safe"}
    assert "for comparison: 'none' everywhere scores" in (tmp_path / "next" / "scoreboard.md").read_text()


def test_generated_rows_are_drawn_anew_and_taken_over(tiny: Path, tmp_path: Path) -> None:
    from spot_eval.evaluation.run import run
    from spot_eval.runs.directory import read_manifest

    path = tmp_path / "suite.yaml"
    path.write_text(
        "name: drawn\nversion: 1\nsampling: {max_new_tokens: 4}\n"
        "families: {ood: {sums: {fresh: {generator: chain_sum, seed: 3, n: 4}}}}\n"
    )
    usual = RunOptions(model=str(tiny), suite=str(path), out=tmp_path / "usual", workers=1)
    said: list[str] = []
    _, board = run(usual, said.append)
    assert board["guessing"]["sums"]["constant"]["joint"] == 0.25
    run(replace(usual, fresh=True, out=tmp_path / "base"), said.append)
    assert any("to resume this run later: --fresh-seed" in one for one in said)
    run(replace(usual, baseline=str(tmp_path / "base"), out=tmp_path / "after"), said.append)
    drawn = [read_manifest(tmp_path / name)["config"]["data"]["sums"] for name in ("usual", "base", "after")]
    assert drawn[1] == drawn[2] != drawn[0]
    assert drawn[1]["drawn"]["fresh"]
    with pytest.raises(NotComparableError, match="leave --fresh-seed away"):
        run(replace(usual, baseline=str(tmp_path / "base"), fresh_seed=8, out=tmp_path / "other"), said.append)
    with pytest.raises(UserError, match="draws no Connect4 boards"):
        run(replace(usual, connect4_seed=8, out=tmp_path / "other"), said.append)
