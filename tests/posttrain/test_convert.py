"""`spot-eval pairs convert`: preference data in, pairs out, and back in TRL's form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import Dataset

from spot_eval.posttrain.pair_files import read_pairs
from tests.command_line import spot_eval

ASK = [{"role": "user", "content": "2 + 2?"}]
RIGHT, WRONG = ({"role": "assistant", "content": text} for text in ("4", "5"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    rows = [{"chosen": [*ASK, RIGHT], "rejected": [*ASK, WRONG]}]
    Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_there_and_back(saved: Path, tmp_path: Path, kind: str) -> None:
    ours, theirs = tmp_path / f"pairs.{kind}", tmp_path / f"trl.{kind}"
    done = spot_eval("pairs", "convert", saved, "-o", ours)
    assert done.returncode == 0, done.stderr
    (row,) = read_pairs(ours)
    assert (row["prompt"], row["chosen"], row["rejected"], row["id"], row["meta"]) == (ASK, "4", "5", "1", {})
    done = spot_eval("pairs", "convert", ours, "--to", "trl", "-o", theirs, "--json")
    assert json.loads(done.stdout)["counts"] == {"pairs": 1}
    reader = Dataset.from_json if kind == "jsonl" else Dataset.from_parquet
    (again,) = reader(str(theirs), cache_dir=str(tmp_path / "cache"))
    assert again == {"prompt": ASK, "chosen": [RIGHT], "rejected": [WRONG]}
    assert next(read_pairs(theirs))["chosen"] == "4"


def test_trl_needs_both_answers(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "q", "chosen": "a"}))
    done = spot_eval("pairs", "convert", tmp_path / "p.jsonl", "--to", "trl", "-o", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert "pair 1 (1) has no rejected" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_no_source_is_one_sentence(tmp_path: Path) -> None:
    done = spot_eval("pairs", "convert", tmp_path / "none", "-o", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert "is no file, and no data set that can be loaded" in done.stderr
