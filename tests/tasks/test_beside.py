"""Rows of a user's task: found beside its YAML, taken from `--data`, and one sentence where they cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.tasks.beside import with_files_beside, with_rows_of
from spot_eval.tasks.check import check_tasks
from spot_eval.tasks.loader import load_tasks
from spot_eval.tasks.suite import Suite, load_suite

TASK = """\
task: mine
dataset_path: json
dataset_kwargs: {data_files: {test: data/rows.jsonl, train: data/examples.jsonl}}
test_split: test
fewshot_split: train
num_fewshot: 1
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: []}
metadata: {version: 1, grader: maths}
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite whose task reads files beside its YAML; the working directory is elsewhere."""
    data = tmp_path / "tasks" / "data"
    data.mkdir(parents=True)
    (data.parent / "mine.yaml").write_text(TASK)
    (data / "rows.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    (data / "examples.jsonl").write_text('{"question": "7+1?", "answer": "8"}\n')
    (tmp_path / "suite.yaml").write_text("name: own\nversion: 1\ntasks_dir: tasks\nfamilies: {f: {mine: {}}}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return load_suite(str(tmp_path / "suite.yaml"))


def asked(suite: Suite, **options: Path) -> list[str]:
    (task,), _ = load_tasks(suite, data_files=options)
    return [doc.messages[-1]["content"] for doc in task.docs]


def test_files_lie_beside_the_yaml(suite: Suite) -> None:
    assert asked(suite) == ["1+1?"]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_other_rows_are_those_that_are_asked(suite: Suite, tmp_path: Path, suffix: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"question": ["3+1?", "3+2?"], "answer": ["4", "5"]})
    file = tmp_path / f"other.{suffix}"
    match suffix:
        case "jsonl":
            table.to_json(file, orient="records", lines=True)
        case "json":
            file.write_text(json.dumps(table.to_dict("records")))
        case "parquet":
            table.to_parquet(file)
        case _:
            table.to_csv(file, index=False, sep="\t" if suffix == "tsv" else ",")
    if suffix.startswith("json"):
        assert asked(suite, mine=file) == ["3+1?", "3+2?"]
        return
    with pytest.raises(UserError, match=r"its examples \(train\) are read as json"):
        asked(suite, mine=file)
    yaml = tmp_path / "tasks" / "mine.yaml"
    yaml.write_text(
        TASK.replace("train: data/examples.jsonl", "").replace("fewshot_split: train\nnum_fewshot: 1\n", "")
    )
    assert asked(suite, mine=file) == ["3+1?", "3+2?"]


def test_a_path_from_the_working_directory_still_leads_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tasks"
    folder.mkdir()
    config = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}}}
    assert with_files_beside(config, folder) == {}
    (folder / "rows.jsonl").write_text("{}\n")
    found = with_files_beside(config, folder)["dataset_kwargs"]["data_files"]
    assert found == {"test": str(folder / "rows.jsonl")}


def test_lists_patterns_folders_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "part-1.jsonl").write_text("{}\n")
    (tmp_path / "set").mkdir()
    files = ["part-*.jsonl", "https://host/rows.jsonl", str(tmp_path / "part-1.jsonl")]
    found = with_files_beside({"dataset_path": "set", "dataset_kwargs": {"data_files": files}}, tmp_path)
    assert found["dataset_path"] == str(tmp_path / "set")
    assert found["dataset_kwargs"]["data_files"] == [str(tmp_path / files[0]), files[1], files[2]]


@pytest.mark.parametrize(
    ("name", "config", "sentence"),
    [
        ("rows.txt", {"test_split": "test"}, "expected one of"),
        ("missing.jsonl", {"test_split": "test"}, "there is no such file"),
        ("rows.jsonl", {}, "neither test_split nor validation_split"),
    ],
)
def test_what_cannot_be_taken_is_said(tmp_path: Path, name: str, config: dict[str, str], sentence: str) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    (tmp_path / "rows.txt").write_text("{}\n")
    with pytest.raises(UserError, match=sentence):
        with_rows_of({"task": "mine", **config}, tmp_path / name)


@pytest.mark.parametrize(
    ("rows", "sentence"), [("", "its data has no rows"), ('{"question": "1+1?"', "its data cannot be read")]
)
def test_rows_that_cannot_be_read_are_one_sentence(suite: Suite, tmp_path: Path, rows: str, sentence: str) -> None:
    (tmp_path / "tasks" / "data" / "rows.jsonl").write_text(rows)
    with pytest.raises(UserError, match=sentence):
        load_tasks(suite)
    report = check_tasks(str(tmp_path / "suite.yaml"))
    assert any(sentence in str(problem) for one in report for problem in one.problems)


def test_a_template_that_does_not_end_is_one_sentence(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    (tmp_path / "tasks" / "mine.yaml").write_text(TASK.replace("{{question}}", loop + "{{question}}"))
    monkeypatch.setattr("spot_eval.tasks.loader.OWN_TASK_CPU_S", 1.0)
    with pytest.raises(UserError, match="CPU time"):
        load_tasks(suite)
