"""Shards of a run: their parts, and what merging them makes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.merge import merge
from spot_eval.evaluation.run import run, run_shard
from spot_eval.evaluation.shards import MOST_SHARDS, parse_shard, shard_of_key
from spot_eval.runs.leaderboard import read_entry
from spot_eval.runs.seal import read_seal
from tests.command_line import environment, records, spot_eval

SCRIPT = Path(__file__).parents[2] / "examples" / "cluster" / "slurm_array.sh"
OPTIONS = RunOptions("miniature", suite="miniature", limit=6, engine_args={"device": "cpu"})


def silent(sentence: str) -> None:
    del sentence


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards `s1` to `s3`, and `whole`, the run of one piece, elsewhere so that nothing is taken over."""
    folder = tmp_path_factory.mktemp("shards")
    for index in (1, 2, 3):
        run_shard(replace(OPTIONS, shard=(index, 3), out=folder / f"s{index}" / "run"), silent)
    run(replace(OPTIONS, out=folder / "one" / "whole"), silent)
    return folder


@pytest.fixture
def shards(made: Path, tmp_path: Path) -> list[Path]:
    """Copies of the three shards."""
    return [Path(shutil.copytree(made / f"s{index}" / "run", tmp_path / f"s{index}")) for index in (1, 2, 3)]


@given(st.text("0123456789abcdef", min_size=16, max_size=32), st.integers(1, MOST_SHARDS))
def test_every_key_has_one_shard(key: str, of: int) -> None:
    assert 1 <= shard_of_key(key, of) <= of


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", "", "1/99999", "٣/٨x"])
def test_what_is_no_shard_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"expected I/N with I from 1 to N"):
        parse_shard(text)


def test_parts_are_disjoint_and_merge_to_the_whole_run(made: Path, shards: list[Path], tmp_path: Path) -> None:
    parts = [{one["key"] for one in records(shard)} for shard in shards]
    assert all(parts)
    assert sum(map(len, parts)) == len(set().union(*parts)) == 24
    path, board = merge([*reversed(shards), shards[0]], tmp_path / "merged", None, 1, silent)
    whole = made / "one" / "whole"
    for name in ("docs.jsonl", "generations.jsonl", "samples.jsonl"):
        assert sorted((path / name).read_bytes().splitlines()) == sorted((whole / name).read_bytes().splitlines())
    kept = read_json(whole / "scoreboard.json")
    assert {**board, "cost": None} == {**kept, "cost": None}
    assert board["cost"]["generations"] == 24
    seal = read_seal(path)
    assert seal is not None
    assert seal.whole
    again, _ = merge(shards, tmp_path / "merged", None, 1, silent)  # changes nothing
    assert len((again / "generations.jsonl").read_bytes().splitlines()) == 24
    assert len(list((again / "sessions").glob("*.json"))) == 3


def test_the_merged_run_goes_on_as_a_run(shards: list[Path], tmp_path: Path) -> None:
    path, board = merge(shards, None, None, 1, silent)
    assert path.parent == tmp_path
    said: list[str] = []
    found, again = run(replace(OPTIONS, parent=tmp_path), said.append)
    assert (found, again) == (path, board)
    assert not any("to do" in sentence for sentence in said)


def test_a_missing_shard_is_named(shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 of 3 shards is missing: 2/3; run it with --shard 2/3"):
        merge([shards[0], shards[2]], tmp_path / "merged", None, 1, silent)
    with pytest.raises(UserError, match=r"2 of 3 shards are missing: 1/3, 2/3"):
        merge([shards[2]], tmp_path / "merged", None, 1, silent)
    assert not (tmp_path / "merged").exists()


def test_an_unfinished_shard_is_named_and_its_double_helps(made: Path, shards: list[Path], tmp_path: Path) -> None:
    file = shards[1] / "generations.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-2]) + lines[-2][:40])  # killed while it wrote
    with pytest.raises(UserError, match=rf"shard 2/3 lacks 2 of its {len(lines)} answers; run it again"):
        merge(shards, tmp_path / "merged", None, 1, silent)
    assert not (tmp_path / "merged").exists()
    merge([*shards, made / "s2" / "run"], tmp_path / "merged", None, 1, silent)
    run_shard(replace(OPTIONS, shard=(2, 3), out=shards[1]), silent)
    assert records(shards[1]) == records(made / "s2" / "run")


def test_other_runs_divisions_and_whole_runs_are_refused(made: Path, shards: list[Path], tmp_path: Path) -> None:
    def refused(*places: Path) -> str:
        with pytest.raises(UserError) as problem:
            merge(places, tmp_path / "merged", None, 1, silent)
        assert not (tmp_path / "merged").exists()
        return str(problem.value)

    assert "is a whole run and no shard" in refused(shards[0], made / "one" / "whole")
    assert "does not exist" in refused(tmp_path / "nothing")
    manifest = read_json(shards[1] / "manifest.json")
    write_json(shards[1] / "manifest.json", {**manifest, "config": {**manifest["config"], "seed": 7}})
    assert "is a shard of another run" in refused(*shards)
    write_json(shards[1] / "manifest.json", {**manifest, "shard": {"index": 2, "of": 4, "requests": 3}})
    assert "is one of 4 shards" in refused(*shards)
    write_json(shards[1] / "manifest.json", manifest)
    docs = (shards[1] / "docs.jsonl").read_text()
    (shards[1] / "docs.jsonl").write_text(docs.replace("?", "!", 1) if "?" in docs else docs[:-1])
    assert "is not that of" in refused(*shards)


def test_a_shard_is_shown_as_one_and_has_no_verdict(shards: list[Path]) -> None:
    entry = read_entry(shards[0])
    assert (entry.state, entry.done) == ("shard 1/3", entry.requests)
    for words in (["grade", shards[0]], ["report", shards[0]], ["gate", shards[0], "--baseline", shards[1]],
                  ["compare", shards[0], shards[1]]):  # fmt: skip
        done = spot_eval(*words)
        assert done.returncode == 2, words
        assert "is shard" in done.stderr, done.stderr
        assert "spot-eval merge" in done.stderr
    with pytest.raises(UserError, match=r"holds shard 1/3 and not shard 2/3"):
        run_shard(replace(OPTIONS, shard=(2, 3), out=shards[0]), silent)
    with pytest.raises(UserError, match=r"holds shard 1/3 and not a whole run"):
        run(replace(OPTIONS, out=shards[0]), silent)


@pytest.mark.parametrize(
    "words",
    [
        ["--until-verdict", "--baseline", "x"],
        ["--drift", "x"],
        ["--fresh"],
        ["--model", "a", "--model", "b"],
        ["--adapter", "a", "--adapter", "b"],
    ],
)
def test_what_a_shard_cannot_do_is_one_sentence(words: list[str]) -> None:
    done = spot_eval("run", "--shard", "1/2", *words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_slurm_script_makes_and_merges_shards(made: Path, tmp_path: Path) -> None:
    """With Slurm's variables set; Slurm itself is not needed."""
    command = tmp_path / "bin" / "spot-eval"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m spot_eval "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IEXEC)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    suite = tmp_path / "few.yaml"
    suite.write_text(
        "name: few\nversion: 1\nsampling: {temperature: 0, top_p: 1.0, top_k: 0, max_new_tokens: 8}\n"
        "families: {general: {mini_instructions: {repeats: 1}}}\n"
    )
    there = environment(PATH=path, SHARDS="2", RUNS=str(tmp_path / "array"), ENGINE="hf")
    for words, task in ((["miniature", suite], "1"), (["miniature", suite], "2"), (["merge"], "1")):
        done = subprocess.run(
            ["bash", SCRIPT, *words], env={**there, "SLURM_ARRAY_TASK_ID": task},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "miniature on few" in done.stdout
    assert len(records(tmp_path / "array" / "whole")) == 200
