"""`spot-eval run --dry-run`: what it says is what a run then does, and it leaves no trace."""

from __future__ import annotations

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.display.dry_run import print_dry_run
from spot_eval.evaluation.dry_run import dry_run
from spot_eval.evaluation.run import run
from tests.command_line import spot_eval

SUITE = """
name: small
version: 1
sampling: {temperature: 0.7, max_new_tokens: 6}
families: {ood: {connect4: {repeats: 2}, gpqa_diamond: {max_new_tokens: 400}}}
"""


@pytest.fixture
def options(tiny: Path, boards: Path, gpqa_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOptions:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOT_EVAL_DATA", "")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "small.yaml").write_text(SUITE)
    return RunOptions(
        model=str(tiny),
        suite="small.yaml",
        data_files={"connect4": boards, "gpqa_diamond": gpqa_file},
        engine_args={"device": "cpu"},
        limit=3,
        workers=1,
    )


def silent(sentence: str) -> None:
    del sentence


def test_what_a_dry_run_counts_is_what_the_run_does(options: RunOptions, tmp_path: Path) -> None:
    said = dry_run(options, silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.yaml"]
    assert said["problems"] == []
    assert said["records"] == {"path": said["records"]["path"], "finished": 0, "neighbours": 0, "to_do": 9}

    path, _ = run(options, silent)
    assert str(path) == said["records"]["path"]
    done = [json.loads(line) for line in (path / "generations.jsonl").read_text().splitlines()]
    for row in said["tasks"]:
        of_task = [one for one in done if one["task"] == row["task"]]
        assert len(of_task) == row["requests"] == row["docs"] * row["repeats"]
        assert sum(one["max_new_tokens"] for one in of_task) == row["token_ceiling"]
        assert sum(one["prompt_tokens"] for one in of_task) == row["prompt_tokens"]
        assert max(one["prompt_tokens"] for one in of_task) == row["longest_prompt"]
    files = ("docs.jsonl", "generations.jsonl", "samples.jsonl")
    assert sum((path / name).stat().st_size for name in files) <= said["disk"]["estimate_bytes"]

    assert dry_run(options, silent)["records"]["finished"] == 9
    longer = dry_run(replace(options, limit=4), silent)["records"]
    assert (longer["finished"], longer["neighbours"], longer["to_do"]) == (0, 9, 3)
    torn = (path / "generations.jsonl").read_bytes()[:-40]
    (path / "generations.jsonl").write_bytes(torn)
    assert dry_run(options, silent)["records"]["to_do"] == 1
    assert (path / "generations.jsonl").read_bytes() == torn


def test_prompts_beyond_the_context_are_listed_and_would_stop_the_run(options: RunOptions) -> None:
    small = replace(options, engine_args={"device": "cpu", "max_model_len": "420"})
    said = dry_run(small, silent)
    assert {(one["task"], one["doc_id"]) for one in said["too_long"]} >= {("connect4", 0), ("connect4", 1)}
    assert all(one["tokens"] >= 420 for one in said["too_long"])
    count = len(said["too_long"])
    with pytest.raises(UserError, match=f"^{count} prompts do not fit the model's context of 420 tokens: ") as refused:
        run(small, silent)
    assert said["problems"] == [str(refused.value)]
    assert said["capped"] > 0
    assert dry_run(replace(small, skip_too_long=True), silent)["problems"] == []


def test_missing_data_is_said_with_the_way_to_get_it(options: RunOptions) -> None:
    bare = replace(options, suite="spot-quick", data_files={}, limit=None)
    said = dry_run(replace(bare, tasks=["aime24", "gpqa_diamond"]), silent, may_fetch=False)
    assert said["problems"] == [
        "the rows of aime24 are not on this machine, and the hub is off (HF_HUB_OFFLINE); pass --data-dir DIR or "
        "--data TASK=FILE for rows of your own"
    ]
    assert "gated" in said["left_out"]["gpqa_diamond"]
    (row,) = said["tasks"]
    assert (row["docs"], row["requests"], row["token_ceiling"]) == (30, 30, 30 * 32768)
    assert (row["prompt"], row["prompt_tokens"], said["records"]["to_do"]) == (None, None, None)
    said = dry_run(replace(bare, tasks=["aime24"], limit=2), silent)
    assert said["problems"] == []
    assert said["notes"][0].startswith("the run would fetch the rows of aime24 from the hub")
    assert said["totals"]["docs"] == 2


def test_a_model_that_is_not_here_leaves_all_that_needs_none(options: RunOptions) -> None:
    said = dry_run(replace(options, model="org/name"), silent)
    assert said["notes"] == ["org/name is not a local folder; the run would fetch it from the hub as a hub id"]
    assert (said["totals"]["requests"], said["totals"]["prompt_tokens"]) == (9, None)
    assert said["tasks"][0]["prompt"].startswith("[user]\nWe are in the middle of a game of Connect 4")
    for model in ("./nowhere", "nowhere"):
        with pytest.raises(UserError, match="does not exist"):
            dry_run(replace(options, model=model), silent)


def test_another_run_in_the_way_is_said(options: RunOptions, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("")
    said = dry_run(replace(options, out=tmp_path / "notes"), silent)
    assert said["problems"] == [f"{tmp_path / 'notes'} exists and is not a run directory; choose another with --out"]


def test_the_table_fits_eighty_columns_and_shows_a_prompt_of_each_task(options: RunOptions) -> None:
    page = io.StringIO()
    print_dry_run(dry_run(options, silent), Console(file=page, width=80))
    prompts, _, table = page.getvalue().partition("nothing is run")
    assert prompts.count("its first prompt") == 2
    assert "<|im_start|>assistant" in prompts
    assert max(len(line.rstrip()) for line in table.splitlines()[:8]) <= 80
    assert "9 to do" in table


def test_on_the_command_line_a_run_that_would_be_refused_is_exit_2(tmp_path: Path) -> None:
    def dry(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["run", "--dry-run", "--json", "--suite", "spot-quick", *arguments]
        return spot_eval(*command, cwd=tmp_path, SPOT_EVAL_DATA="", HF_HOME=str(tmp_path))

    done = dry("--model", "org/name", "--tasks", "aime24")
    assert done.returncode == 2, done.stderr
    assert len(json.loads(done.stdout)["problems"]) == 2
    assert list(tmp_path.iterdir()) == []
