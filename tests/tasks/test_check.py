"""`spot-eval tasks check`: a broken task is named with file and line, a sound one is judged right by its own gold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder
from spot_eval.tasks import check as check_tasks_module
from spot_eval.tasks import yaml_files
from spot_eval.tasks.check import Checked, check_tasks

TASK = """\
task: own
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
test_split: test
output_type: generate_until
doc_to_text: !function shim.ask
doc_to_target: !function shim.gold
generation_kwargs: {until: []}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
SHIM = """\
def ask(doc):
    return doc["question"]


def gold(doc):
    return doc["answer"]
"""


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one sound task of twelve docs."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    place = tmp_path / "tasks"
    place.mkdir()
    rows = [{"question": f"{n} + {n} =", "answer": str(2 * n)} for n in range(12)]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "shim.py").write_text(SHIM)
    add(place, "own.yaml")
    return place


def add(place: Path, name: str, *changes: tuple[str, str]) -> None:
    text = TASK.replace("ROWS", str(place / "rows.jsonl"))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (place / name).write_text(text)


def checked(place: Path) -> dict[str, Checked]:
    return {one.task: one for one in check_tasks(str(place))}


def problems(place: Path) -> list[str]:
    return [str(problem) for one in check_tasks(str(place)) for problem in one.problems]


def test_a_sound_task_renders_ten_docs_and_judges_its_gold_right(tasks: Path) -> None:
    add(tasks, "maths.yaml", ("task: own", "task: own_maths\nmetadata: {grader: maths}"))
    found = checked(tasks)
    assert {name: (one.docs, one.gold_right, one.gold_asked, one.ok) for name, one in found.items()} == {
        "own": (10, 10, 10, True),
        "own_maths": (10, 10, 10, True),
    }


BOMB = "\n".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 16)}]" for i in range(9))
"""Nine lines that stand for 16**9 values."""

YAML = [
    (("doc_to_text", "doc_to_txt"), "own.yaml, line 6: lm-eval has no setting 'doc_to_txt'; the nearest: doc_to_text"),
    (("test_split: test", "test_split: test\ntest_split: dev"), "own.yaml, line 5: test_split is given twice"),
    (("task: own", "task: [own"), "own.yaml, line 2: broken YAML"),
    (("shim.gold", "shim.glod"), "own.yaml, line 7: !function shim.glod: AttributeError"),
    (("shim.ask", "shimmer.ask"), "own.yaml, line 6: !function shimmer.ask: ImportError"),
    (("task: own", "include: base.yaml\ntask: own"), "own.yaml, line 1: include: there is no file base.yaml"),
    (("task: own", "task: connect4"), "own.yaml, line 1: connect4 is the name of one of spot-eval's own"),
    (("test_split: test", "test_split: dev"), "own.yaml: "),
    (("{test: ", "{test: [], dev: "), "own.yaml: task own: its data_files name no file"),
    (("task: own", "metadata: " + "[" * 3000), "own.yaml: nested too deeply to be a task file"),
    (("task: own", "metadata: &self\n  x: [*self]\ntask: own"), "own.yaml, line 1: a value holds itself"),
    (("task: own", f"metadata:\n{BOMB}\ntask: own"), "own.yaml, line 6: its aliases make more than 100,000 values"),
    (("generate_until", "generate_all"), "own.yaml: ValueError: Got invalid output_type"),
    (("task: own", "task: own\nmetadata: {grader: math}"), "own.yaml: task own: there is no grader 'math'"),
]


@pytest.mark.parametrize(("change", "message"), YAML)
def test_a_broken_task_file_is_named_with_its_line(tasks: Path, change: tuple[str, str], message: str) -> None:
    add(tasks, "own.yaml", change)
    (said, *more) = problems(tasks)
    assert said.startswith(str(tasks / message)), said
    assert not more


SHIMS = [
    ("import nowhere_at_all\n" + SHIM, "shim.py, line 1: !function shim.ask: ModuleNotFoundError"),
    (SHIM.replace('doc["question"]', "doc["), "shim.py, line 2: !function shim.ask: SyntaxError"),
    (SHIM.replace('doc["question"]', "1 / 0"), "shim.py, line 2: ZeroDivisionError: division by zero"),
    (SHIM.replace('doc["answer"]', "gold_of(doc)"), "shim.py, line 6: NameError: name 'gold_of' is not defined"),
    (SHIM.replace('doc["question"]', '" "'), "own.yaml: doc 0: a turn of its prompt is empty"),
]


@pytest.mark.parametrize(("shim", "message"), SHIMS)
def test_broken_python_is_named_with_its_line(tasks: Path, shim: str, message: str) -> None:
    (tasks / "shim.py").write_text(shim)
    assert problems(tasks)[0].startswith(str(tasks / message)), problems(tasks)


RUNAWAYS = [
    ("while True: pass\n" + SHIM, "shim.py, line 1: !function shim.ask: RunawayError: it is not at an end after"),
    ("raise SystemExit\n" + SHIM, "shim.py, line 1: !function shim.ask: RunawayError: it ends the whole program"),
    (SHIM.replace('return doc["question"]', "while True: pass"), "shim.py, line 2: RunawayError: it is not at an end"),
    (SHIM.replace('doc["answer"]', "exit(0)"), "shim.py, line 6: RunawayError: it ends the whole program (SystemExit)"),
]


@pytest.mark.parametrize(("shim", "message"), RUNAWAYS)
def test_python_that_neither_ends_nor_lets_us_go_on_is_named_with_its_line(
    tasks: Path, monkeypatch: pytest.MonkeyPatch, shim: str, message: str
) -> None:
    check_tasks(str(tasks))  # what is imported for the first time takes its time
    for module in (yaml_files, check_tasks_module):
        monkeypatch.setattr(module, "CPU_SECONDS", 2.0)
    (tasks / "shim.py").write_text(shim)
    assert problems(tasks)[0].startswith(str(tasks / message)), problems(tasks)


def test_what_a_shim_prints_does_not_get_between_the_results(tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tasks / "shim.py").write_text("print('imported')\n" + SHIM.replace("    return", "    print(doc)\n    return"))
    assert all(one.ok for one in check_tasks(str(tasks)))
    said = capsys.readouterr()
    assert said.out == ""
    assert "imported" in said.err


def test_one_broken_task_does_not_hide_the_others(tasks: Path) -> None:
    (tasks / "broken.yaml").write_text("task: [x")
    add(tasks, "twin.yaml")
    add(tasks, "sound.yaml", ("task: own", "task: sound"))
    found = checked(tasks)
    assert {name: one.ok for name, one in found.items()} == {"broken.yaml": False, "own": False, "sound": True}
    assert str(found["own"].problems[0]) == f"{tasks / 'twin.yaml'}, line 1: {tasks / 'own.yaml'} has a task own too"


def test_a_gold_that_our_grader_judges_wrong_is_a_problem(tasks: Path) -> None:
    rows = (tasks / "rows.jsonl").read_text().replace('"22"', '"E"')
    (tasks / "rows.jsonl").write_text("".join(reversed(rows.splitlines(keepends=True))))
    add(tasks, "own.yaml", ("task: own", "task: own\nmetadata: {grader: choice}"))
    said = problems(tasks)
    assert len(said) == 10  # numbers and an E are no letters of four
    assert "doc 0: its own gold, 'Answer: E', scores 0" in said[0]


def test_what_a_tasks_own_filter_makes_of_a_bare_gold_is_only_noted(tasks: Path) -> None:
    pick = "filter_list: [{name: pick, filter: [{function: regex, regex_pattern: 'is (.*)'}, {function: take_first}]}]"
    add(tasks, "own.yaml", ("generation_kwargs", pick + "\ngeneration_kwargs"))
    one = checked(tasks)["own"]
    assert one.ok
    assert one.notes[0] == "doc 0: its bare gold '0' scores 0"


def test_prompts_that_do_not_read_the_row_are_noted(tasks: Path) -> None:
    (tasks / "shim.py").write_text(SHIM.replace('doc["question"]', '"What is it?"'))
    assert checked(tasks)["own"].notes == ["its first 10 prompts are the same text: does doc_to_text read the row?"]


def test_every_task_of_ours_is_sound(boards: Path, gpqa_file: Path) -> None:
    files = {"connect4": boards, "gpqa_diamond": gpqa_file}
    found = check_tasks("miniature")
    assert [(one.docs, one.gold_right, one.ok) for one in found] == [(10, 10, True)] * 4
    ours = {one.task: one for one in check_tasks(str(folder("tasks")), data_files=files)}
    assert (ours["connect4"].gold_right, ours["gpqa_diamond"].gold_right) == (10, 6)
    assert ours["connect4"].ok
    assert ours["mini_boards"].ok


@pytest.mark.real
def test_every_benchmark_judges_its_first_golds_right(mirror: Path) -> None:
    found = {one.task: one for one in check_tasks("spot", [mirror])}
    assert all(one.ok for one in found.values()), found
    assert found["gpqa_diamond"].left_out
    judged = {name: one.gold_right for name, one in found.items() if one.gold_asked}
    assert judged == dict.fromkeys(("aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench", "connect4"), 10)


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no task file is in it"):
        check_tasks(str(tmp_path))
    with pytest.raises(UserError, match="no suite is called"):
        check_tasks("nowhere")


def test_on_the_command_line_a_failure_is_exit_2(tasks: Path, tmp_path: Path) -> None:
    add(tasks, "own.yaml", ("doc_to_text", "doc_to_txt"))
    add(tasks, "sound.yaml", ("task: own", "task: sound"))

    def check(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "spot_eval", "tasks", "check", str(tasks), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = check()
    assert done.returncode == 2
    assert ["own", "broken"] in [line.split() for line in done.stdout.splitlines()]
    assert ["sound", "ok", "10", "10", "of", "10"] in [line.split() for line in done.stdout.splitlines()]
    assert f"{tasks / 'own.yaml'}, line 6: " in done.stdout
    done = check("--json")
    assert done.returncode == 2
    first, second = json.loads(done.stdout)
    assert (first["task"], first["ok"], first["problems"][0]["line"], second["ok"]) == ("own", False, 6, True)


def test_docs_that_share_a_stem_are_suggested_a_cluster(tasks: Path) -> None:
    passage = "A miller bought a wheel of oak from his brother for the price of three young goats and number {} of hay."
    rows = [{"question": f"{passage.format(n // 4)}\nWhy, {n}?", "answer": str(n)} for n in range(40)]
    (tasks / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    note = checked(tasks)["own"].notes[0]
    assert note.startswith("40 of 40 docs share a text with other docs (docs 0, 1, 2, …: 'A miller bought")
    rows = [{**row, "cluster_id": n // 4} for n, row in enumerate(rows)]
    (tasks / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not any("share a text" in note for note in checked(tasks)["own"].notes)
