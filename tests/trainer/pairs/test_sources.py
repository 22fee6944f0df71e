"""The same pairs from every form people keep them in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from trainer.errors import TrainError
from trainer.pairs.pair_files import pair_row, read_pairs
from trainer.pairs.sources import read_dataset

ASK = [{"role": "system", "content": "Brief."}, {"role": "user", "content": "2 + 2?"}]
RIGHT = [{"role": "assistant", "content": "4"}]
WRONG = [{"role": "assistant", "content": "5"}]
FORMS: dict[str, dict[str, Any]] = {
    "explicit, turns": {"prompt": ASK, "chosen": RIGHT, "rejected": WRONG},
    "explicit, prompt repeated": {"prompt": ASK, "chosen": ASK + RIGHT, "rejected": ASK + WRONG},
    "implicit": {"chosen": ASK + RIGHT, "rejected": ASK + WRONG},
    "texts": {"prompt": ASK, "chosen": "4", "rejected": "5"},
}


def only(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    found = pair_row(row, 1)
    return found["prompt"], found["chosen"], found["rejected"]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_trl_are_one_pair(form: dict[str, Any]) -> None:
    assert only(form) == (ASK, "4", "5")


def test_trl_itself_parts_the_implicit_prompt_so() -> None:
    trl = pytest.importorskip("trl")
    row = trl.extract_prompt(FORMS["implicit"])
    assert (row["prompt"], row["chosen"], row["rejected"]) == (ASK, RIGHT, WRONG)


def test_one_sided_forms() -> None:
    for row in ({"messages": ASK + RIGHT}, {"prompt": ASK, "completion": RIGHT}, {"chosen": ASK + RIGHT}):
        assert only(row) == (ASK, "4", None)


def test_answers_of_several_turns_have_no_common_prompt() -> None:
    more = [{"role": "user", "content": "Sure?"}, *RIGHT]
    with pytest.raises(ValueError, match="differ before their last turn"):
        pair_row({"chosen": ASK + WRONG + more, "rejected": ASK + RIGHT + more}, 1)
    with pytest.raises(ValueError, match="no prompt"):
        pair_row({"chosen": "Human: 2+2? Assistant: 4", "rejected": "Human: 2+2? Assistant: 5"}, 1)


def written(folder: Path, kind: str) -> Path:
    row = FORMS["explicit, turns"]
    file = folder / f"pairs.{kind}"
    if kind == "parquet":
        Dataset.from_list([row, row]).to_parquet(file)
    elif kind == "json":
        file.write_text(json.dumps([row, row], indent=1))
    elif kind == "csv":
        with file.open("w", newline="") as table:
            lines = csv.writer(table)
            lines.writerow(["prompt", "chosen", "rejected", "gold"])
            lines.writerows([[json.dumps(ASK), "4", "5", ""]] * 2)
    else:
        file.write_text(f"{json.dumps(row)}\n\n{json.dumps(row)}\n")
    return file


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
def test_files(tmp_path: Path, kind: str) -> None:
    pairs = read_pairs(written(tmp_path, kind))
    assert [(pair.prompt, pair.chosen, pair.rejected, pair.gold) for pair in pairs] == [(ASK, "4", "5", None)] * 2


def test_lines_in_a_file_called_json(tmp_path: Path) -> None:
    file = written(tmp_path, "jsonl").rename(tmp_path / "pairs.json")
    assert len(read_pairs(file)) == 2


def test_a_data_set_on_disk_and_its_splits(tmp_path: Path) -> None:
    one, two = Dataset.from_list([FORMS["implicit"]]), Dataset.from_list([FORMS["texts"]] * 2)
    two.save_to_disk(tmp_path / "one")
    DatasetDict({"train": one, "test": two}).save_to_disk(tmp_path / "splits")
    DatasetDict({"a": one, "b": two}).save_to_disk(tmp_path / "named")
    assert len(list(read_dataset(str(tmp_path / "one"), None))) == 2
    (row,) = read_dataset(str(tmp_path / "splits"), None)
    assert only(row[2]) == (ASK, "4", "5")
    assert len(list(read_dataset(str(tmp_path / "splits"), "test"))) == 2
    with pytest.raises(TrainError, match="has the splits a, b; choose one with --split"):
        list(read_dataset(str(tmp_path / "named"), None))
    with pytest.raises(TrainError, match="is one table, and has no splits"):
        list(read_dataset(str(tmp_path / "one"), "test"))


def test_what_load_dataset_reads(tmp_path: Path) -> None:
    written(tmp_path, "jsonl").rename(tmp_path / "train.jsonl")
    assert len(list(read_dataset(str(tmp_path), None))) == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.json", "[1]", "row 1: expected an object, found int"),
        ("p.json", "[{", "p.json: not JSON"),
        ("p.parquet", "no", "cannot be read as parquet"),
        ("p.csv", "prompt,chosen\nq,a\n", "row 1: no column 'rejected'"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, content: str, says: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(TrainError) as problem:
        read_pairs(file)
    assert says in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_folder_says_how_to_make_a_file_of_it(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="spot-eval pairs convert"):
        read_pairs(tmp_path)
    with pytest.raises(TrainError, match="no data set that can be loaded"):
        list(read_dataset(str(tmp_path), None))
