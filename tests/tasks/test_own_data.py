"""Data of tasks of one's own: beside the YAML, replaced by --data, empty, broken, or asked with a bad template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.graders.task_loading import place_of, task_source
from spot_eval.tasks import docs as docs_module
from spot_eval.tasks.check import check_tasks
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Suite, TaskSettings
from tests.command_line import records, spot_eval

TASK = """task: my_sums
dataset_path: json
dataset_kwargs: {data_files: {test: sums.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "TEXT"
doc_to_target: "{{ answer }}"
generation_kwargs: {until: []}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
metadata: {version: 1, grader: maths}
"""
ROWS = '{"problem": "1+1?", "answer": "2"}\n{"problem": "2+2?", "answer": "4"}\n'


def write(folder: Path, *, text: str = "{{ problem }}", rows: str = ROWS, task: str = TASK) -> Path:
    folder.mkdir()
    (folder / "my_sums.yaml").write_text(task.replace("TEXT", text))
    (folder / "sums.jsonl").write_text(rows)
    return folder


def load(folder: Path, **options: object) -> docs_module.LoadedTask:
    suite = Suite.model_validate({
        "name": "mine", "version": 1, "sampling": {"temperature": 0.0, "max_new_tokens": 8},
        "families": {"x": {"my_sums": TaskSettings()}}, "tasks_dir": str(folder),
    })  # fmt: skip
    return TaskLoader(suite, **options).load("my_sums")  # type: ignore[arg-type]


def test_a_data_file_lies_beside_the_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "tasks")
    monkeypatch.chdir(tmp_path)
    assert [doc.messages[0]["content"] for doc in load(tmp_path / "tasks").docs] == ["1+1?", "2+2?"]


def test_a_file_named_with_data_replaces_the_tasks_own(tmp_path: Path) -> None:
    write(tmp_path / "tasks")
    (tmp_path / "other.jsonl").write_text('{"problem": "9+9?", "answer": "18"}\n')
    loaded = load(tmp_path / "tasks", data_files={"my_sums": tmp_path / "other.jsonl"})
    assert [doc.gold for doc in loaded.docs] == ["18"]
    with pytest.raises(UserError, match="--data my_sums=.*none.jsonl: there is no such file"):
        load(tmp_path / "tasks", data_files={"my_sums": tmp_path / "none.jsonl"})
    (tmp_path / "odd.txt").write_text("x")
    with pytest.raises(UserError, match=r"rows are read from \.jsonl"):
        load(tmp_path / "tasks", data_files={"my_sums": tmp_path / "odd.txt"})


def test_a_tasks_own_judgement_reads_the_replaced_file_too(tmp_path: Path) -> None:
    """The grading process loads the task again: its own rows are gone here."""
    folder = write(tmp_path / "tasks", task=TASK.replace(", grader: maths", ""))
    (folder / "sums.jsonl").unlink()
    (tmp_path / "other.jsonl").write_text('{"problem": "9+9?", "answer": "18"}\n')
    (tmp_path / "suite.yaml").write_text(
        "name: mine\nversion: 1\nsampling: {temperature: 0.0, max_new_tokens: 8}\ntasks_dir: tasks\n"
        "families: {x: {my_sums: {}}}\n"
    )
    done = spot_eval("run", "--suite", "suite.yaml", "--data", "my_sums=other.jsonl", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (sample,) = records(tmp_path / "out", "samples.jsonl")
    assert sample["score"] is not None
    (doc,) = [json.loads(line) for line in (tmp_path / "out/docs.jsonl").read_text().splitlines()]
    assert doc["row"]["_task"] == {"include_path": ["tasks"], "name": "my_sums", "rows": "other.jsonl"}


@pytest.mark.parametrize(
    "rows", ["", "\n\n", '{"problem": \n', "[1, 2]\n", "\x00\x01", '{"problem": 1}\n{"problem": [1]}\n']
)
def test_an_empty_or_broken_file_is_one_sentence(tmp_path: Path, rows: str) -> None:
    folder = write(tmp_path / "tasks", rows=rows)
    with pytest.raises(UserError, match="my_sums") as raised:
        load(folder)
    assert "\n" not in str(raised.value)
    (checked,) = check_tasks(str(folder))
    assert not checked.ok
    assert checked.problems


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "not at an end after"),
        ("{{ 1 // 0 }}", "by zero"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        ("{{ problem.x.y }}", "no attribute"),
    ],
)
def test_a_template_that_hangs_or_fails_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    folder = write(tmp_path / "tasks", text=text)
    with pytest.raises(UserError, match=f"task my_sums .*{why}"):
        load(folder, cpu_seconds=1.0)


def test_a_task_is_found_again_from_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks").mkdir()
    source = task_source("x", str(tmp_path / "tasks"), str(tmp_path / "rows.jsonl"))
    assert source == {"include_path": ["tasks"], "name": "x", "rows": "rows.jsonl"}
    assert place_of(source)[1][1:] == ("tasks",)
    (tmp_path / "tasks").rmdir()
    with pytest.raises(UserError, match="the task files of x are not in tasks"):
        place_of(source)
