"""Suites: what comes with the package, what a user writes, what a user gets wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.tasks.suite import load_suite

GOOD = """
name: mine
version: 1
sampling: {temperature: 0.5, max_new_tokens: 100}
families:
  in_domain:
    aime24: {repeats: 4}
  general:
    ifeval: {max_new_tokens: 50, temperature: 0.0}
"""


def test_spot_is_the_papers_protocol() -> None:
    # arXiv 2603.01683, evaluation protocol
    suite = load_suite("spot")
    repeats = {task: suite.repeats(task) for task in suite.tasks}
    assert repeats == {
        "aime24": 16, "aime25": 16, "amc23": 16, "math500": 5, "minerva": 5, "olympiadbench": 5,
        "gpqa_diamond": 5, "connect4": 5, "ifeval": 5,
    }  # fmt: skip
    assert [suite.tasks[task] for task in repeats] == ["in_domain"] * 6 + ["ood"] * 2 + ["general"]
    for task in repeats:
        assert suite.sampling_of(task).model_dump() == {
            "temperature": 0.7, "top_p": 0.8, "top_k": 20, "max_new_tokens": 32768,
        }  # fmt: skip
    assert suite.thinking is False


def test_spot_quick_is_the_same_once() -> None:
    spot, quick = load_suite("spot"), load_suite("spot-quick")
    assert quick.tasks == spot.tasks
    assert {quick.repeats(task) for task in quick.tasks} == {1}
    assert quick.sampling == spot.sampling


def test_a_task_overrides_the_suite_and_the_command_line_overrides_both(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    suite = load_suite(str(path))
    assert suite.sampling_of("ifeval").model_dump() == {
        "temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 50,
    }  # fmt: skip
    narrowed = suite.narrowed(tasks=["ifeval"], repeats=2, max_new_tokens=7)
    assert narrowed.tasks == {"ifeval": "general"}
    assert (narrowed.repeats("ifeval"), narrowed.sampling_of("ifeval").max_new_tokens) == (2, 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("repeats: 4", "repeats: 0"), r"families\.in_domain\.aime24\.repeats: .*greater than or equal to 1"),
        (("repeats: 4", "repeat: 4"), r"families\.in_domain\.aime24\.repeat: there is no such setting"),
        (("temperature: 0.5", "temperature: hot"), r"sampling\.temperature: .*number"),
        (("ifeval", "aime24"), "aime24: a task belongs to one family only"),
        (("name: mine", "name: ../mine"), "name: String should match"),
        (("families:", "families: ["), r"line \d+: broken YAML"),
        (("version: 1", "version: 1\nversion: 2"), r"line 3: broken YAML \(version is given twice\)"),
        (("name: mine", "name: \0"), "not YAML in UTF-8"),
        ((GOOD, "[]"), "the file: expected a mapping"),
        (("temperature: 0.5", "temperature: .inf"), "finite number"),
    ],
)
def test_a_broken_suite_file_says_where(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(UserError, match=message) as caught:
        load_suite(str(path))
    assert str(path) in str(caught.value)


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no suite is called 'spott'; the nearest: spot"):
        load_suite("spott")
    with pytest.raises(UserError, match=r"no task 'aime26'; the nearest: aime2"):
        load_suite("spot").narrowed(tasks=["aime26"])
    with pytest.raises(UserError, match=r"there is no suite file nowhere\.yaml"):
        load_suite("nowhere.yaml")


def test_a_tasks_dir_lies_beside_its_suite(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD + "tasks_dir: own\n")
    with pytest.raises(UserError, match="tasks_dir 'own' is not a folder"):
        load_suite(str(path))
    (tmp_path / "own").mkdir()
    assert load_suite(str(path)).tasks_dir == str((tmp_path / "own").resolve())


def test_the_examples_of_a_task_have_a_file_of_their_own() -> None:
    load_suite("retain").refuse_strangers(["mmlu", "mmlu_dev"])
    with pytest.raises(UserError, match="suite spot-quick has no task 'mmlu_dev'"):
        load_suite("spot-quick").refuse_strangers(["mmlu_dev"])
