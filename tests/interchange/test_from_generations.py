"""`spot-eval grade FILE`: generations made elsewhere, as a run like any other."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spot_eval.comparison.compare import compare
from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.options import FileOptions
from spot_eval.core.records import Doc
from spot_eval.evaluation.run import grade_again
from spot_eval.gating.files import markdown
from spot_eval.gating.policy import Policy
from spot_eval.gating.rules import gate
from spot_eval.graders import load_grader
from spot_eval.interchange import from_generations
from spot_eval.interchange.from_generations import grade_file, stated_sampling
from spot_eval.interchange.generations_file import Answers
from spot_eval.runs.baseline import load_base_run, save_baseline
from spot_eval.runs.finished import read_run
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Sampling, load_suite
from tests.command_line import spot_eval

SUITE = """
name: small
version: 1
sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 24}
families:
  ood:
    connect4: {repeats: 3}
    gpqa_diamond: {repeats: 2, max_new_tokens: 40}
  general:
    mini_instructions: {}
"""
WRONG = "I cannot say."


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("suites") / "small.yaml"
    path.write_text(SUITE)
    return str(path)


@pytest.fixture(scope="module")
def files(boards: Path, gpqa_file: Path) -> dict[str, Path]:
    return {"connect4": boards, "gpqa_diamond": gpqa_file}


@pytest.fixture(scope="module")
def asked(suite: str, files: dict[str, Path]) -> dict[str, list[Doc]]:
    loader = TaskLoader(load_suite(suite), data_files=files)
    return {task: loader.load(task).docs for task in ("connect4", "gpqa_diamond")}


@pytest.fixture(scope="module")
def rows(asked: dict[str, list[Doc]]) -> list[dict[str, Any]]:
    """Two answers to each board and one to each question: the second answer to a board is wrong, the others right."""
    found = []
    for task, repeats in (("connect4", 2), ("gpqa_diamond", 1)):
        perfect = load_grader(task if task == "connect4" else "choice").perfect
        assert perfect is not None
        for doc in asked[task]:
            for repeat in range(repeats):
                text = WRONG if repeat else perfect(doc.row, doc.gold)
                found.append({"task": task, "doc_id": doc.doc_id, "repeat": repeat, "response": text})
    return found


Grade = Callable[..., tuple[Path, dict[str, Any], list[str]]]


@pytest.fixture
def grade(suite: str, files: dict[str, Path], tmp_path: Path) -> Grade:
    def run(rows: list[Any], name: str = "answers", **options: Any) -> tuple[Path, dict[str, Any], list[str]]:
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        said: list[str] = []
        given = {"suite": suite, "data_files": files, "workers": 1, "out": tmp_path / name, **options}
        path, board = grade_file(FileOptions(**{"file": file, **given}), said.append)
        return path, board, said

    return run


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_file_becomes_a_run_with_the_scores_its_answers_have(grade: Grade, rows: list[dict[str, Any]]) -> None:
    path, board, said = grade([{**row, "finish_reason": "stop", "model": "org/m"} for row in rows])
    assert board["model"] == "org-m"
    connect4, gpqa = board["tasks"]["connect4"], board["tasks"]["gpqa_diamond"]
    assert (connect4["mean"], connect4["repeats"], connect4["docs"], connect4["unparsed"]) == (0.5, 2, 24, 0.5)
    assert connect4["pass_at_k"]["1"] == 0.5
    assert connect4["pass_at_k"]["2"] == 1
    assert (gpqa["mean"], gpqa["repeats"], gpqa["truncated"], gpqa["output_tokens"]) == (1, 1, 0, None)
    assert board["families"]["ood"]["mean"] == 0.75
    assert board["families"]["general"]["partial"]
    assert "no row of mini_instructions" in board["left_out"]["mini_instructions"]
    assert said == [
        "answers.jsonl has no row of mini_instructions: left out, and their families have no mean",
    ]
    assert {one["text"] for one in lines(path / "generations.jsonl")} == {row["response"] for row in rows}
    assert (path / "failures.jsonl").read_text() == ""
    samples = (path / "samples.jsonl").read_bytes()
    grade_again(path, None, 1, said.append)
    assert (path / "samples.jsonl").read_bytes() == samples


def test_what_has_no_row_or_no_text_is_not_judged_and_counted(grade: Grade, rows: list[dict[str, Any]]) -> None:
    boards = [row for row in rows if row["task"] == "connect4" and row["repeat"] == 0]
    path, board, said = grade([{**boards[0], "response": None}, *boards[1:6]])
    task = board["tasks"]["connect4"]
    assert (task["mean"], task["docs_judged"], task["docs"], task["not_judged"]) == (1, 5, 24, 19 / 24)
    assert said[1] == "connect4: 18 of 24 answers are not in answers.jsonl; they are not judged"
    why = [sample["why"] for sample in lines(path / "samples.jsonl") if sample["not_judged"]]
    assert why == ["line 1 of answers.jsonl has no text", *["answers.jsonl has no row for it"] * 18]


def test_what_is_unknown_is_recorded_as_unknown(grade: Grade, rows: list[dict[str, Any]]) -> None:
    path, board, _ = grade(rows)
    config = json.loads((path / "manifest.json").read_text())["config"]
    assert set(config["suite"]["tasks"]["connect4"]["sampling"].values()) == {None}
    assert (config["seed"], config["suite"]["thinking"], config["model"]["chat_template"]) == (None, None, None)
    assert config["prompts"] == {"asked": 0, "other": 0, "unknown": len(rows)}
    assert board["tasks"]["connect4"]["truncated"] is None
    assert {one["finish_reason"] for one in lines(path / "generations.jsonl")} == {"unknown"}
    assert "| connect4 |" in (path / "scoreboard.md").read_text()


def test_rows_match_by_prompt_messages_and_hash_as_by_number(
    grade: Grade, rows: list[dict[str, Any]], asked: dict[str, list[Doc]]
) -> None:
    def told_by(row: dict[str, Any], number: int) -> dict[str, Any]:
        doc = asked[row["task"]][row["doc_id"]]
        ways = ({"doc_hash": doc.doc_hash}, {"messages": doc.messages}, {"prompt": doc.messages[-1]["content"]})
        return {"task": row["task"], "repeat": row["repeat"], "output": row["response"], **ways[number % 3]}

    by_number, _, _ = grade(rows, "numbers")
    by_content, _, _ = grade([told_by(row, number) for number, row in enumerate(rows)], "content")
    for name in ("score", "doc_hash", "doc_id", "why"):
        assert [one[name] for one in lines(by_number / "samples.jsonl")] == [
            one[name] for one in lines(by_content / "samples.jsonl")
        ]


def test_the_same_file_again_is_the_same_run_and_another_is_not(
    grade: Grade, rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, _, _ = grade(rows, out=None)
    written = (first / "generations.jsonl").stat().st_mtime_ns
    packed = tmp_path / "answers.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "answers.jsonl").read_bytes()))
    again, _, _ = grade(rows, out=None, file=packed)
    assert again == first == Path("runs") / first.name
    assert first.name.startswith("answers-small-")
    assert (first / "generations.jsonl").stat().st_mtime_ns == written
    other, _, _ = grade(rows[:-1], out=None)
    assert other != first
    with pytest.raises(UserError, match="holds a run of another configuration"):
        grade(rows[:-1], out=first)


BAD: list[tuple[int, dict[str, Any], str]] = [
    (3, {"task": "conect4"}, "line 4, column task: suite small has no task 'conect4'; the nearest: connect4"),
    (3, {"doc_id": 24}, "line 4, column doc_id: connect4 has docs 0 to 23, found 24"),
    (3, {"repeat": 0}, "line 4: doc 1 of connect4, repeat 0, is already in line 3"),
    (3, {"repeat": 5}, "column repeat: connect4 goes up to 5, but no row has 2"),
    (3, {"model": "b"}, "line 4, column model: 'b' after 'a'; one file holds one model's answers"),
    (-1, {"text": "and"}, "no single column holds the answer (both text and response could be it)"),
]


@pytest.mark.parametrize(("number", "change", "message"), BAD)
def test_a_bad_row_is_one_sentence_and_nothing_is_written(
    grade: Grade, rows: list[dict[str, Any]], tmp_path: Path, number: int, change: dict[str, Any], message: str
) -> None:
    changed = [{"model": "a", **row} for row in rows]
    changed[number] = {**changed[number], **change}
    with pytest.raises(UserError) as caught:
        grade(changed)
    assert message in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]


def test_a_file_that_changes_under_the_reader_leaves_nothing(
    grade: Grade, rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = from_generations.read_once

    def read_and_append(answers: Answers, *rest: Any) -> from_generations.Reading:
        found = first(answers, *rest)
        answers.path.write_text(answers.path.read_text() + json.dumps(rows[0]) + "\n")
        return found

    monkeypatch.setattr(from_generations, "read_once", read_and_append)
    with pytest.raises(UserError, match="changed while it was read"):
        grade(rows)
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]


def test_an_empty_file_and_one_of_other_tasks_are_refused(grade: Grade, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(UserError, match=r"answers.jsonl: it has no row$"):
        grade([])
    with pytest.raises(UserError, match="it has no row of the chosen tasks"):
        grade(rows, tasks=["mini_instructions"])
    _, board, said = grade(rows, tasks=["gpqa_diamond"])
    assert board["tasks"].keys() == {"gpqa_diamond"}
    assert said == ["48 rows of tasks that --tasks leaves out are passed over (connect4)"]


def test_prompts_of_their_own_are_counted_and_said(grade: Grade, rows: list[dict[str, Any]]) -> None:
    path, _, said = grade([{**row, "prompt": "Where can X win?"} for row in rows])
    assert f"{len(rows)} of {len(rows)} prompts are not the ones spot-eval asks" in said[-1]
    assert json.loads((path / "manifest.json").read_text())["config"]["prompts"]["other"] == len(rows)


def test_compare_says_what_is_unknown_and_refuses_what_is_known_to_differ(
    grade: Grade, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    base, _, _ = grade(rows, "base", sampling="suite")
    wrong = [{**row, "response": WRONG} if row["task"] == "gpqa_diamond" else row for row in rows]
    unknown, _, _ = grade(wrong, "unknown")
    (found,) = compare([read_run(unknown)], read_run(base))["comparisons"]
    assert found["tasks"]["connect4"]["mean"] == 0
    assert found["tasks"]["gpqa_diamond"]["mean"] == -1
    assert found["tasks"]["connect4"]["changes"]["truncated"]["mean"] is None
    assert any(
        "sampling (max_new_tokens, temperature, top_k, top_p), stop strings" in said for said in found["warnings"]
    )
    greedy, _, _ = grade(rows, "greedy", sampling="temperature=0")
    with pytest.raises(NotComparableError, match=r"connect4's temperature is 0.7 there, 0.0 here"):
        compare([read_run(greedy)], read_run(base))
    save_baseline(read_run(unknown), tmp_path / "saved")
    assert load_base_run(str(tmp_path / "saved")).docs["connect4"] == read_run(unknown).docs["connect4"]


def test_the_gate_passes_no_limit_on_ends_that_nobody_knows(grade: Grade, rows: list[dict[str, Any]]) -> None:
    tasks = ["connect4", "gpqa_diamond"]
    known = [{**row, "finish_reason": "stop"} for row in rows]
    base, mine, silent = (
        read_run(grade(given, name, tasks=tasks)[0])
        for given, name in ((known, "base"), ([*known], "mine"), (rows, "silent"))
    )
    policy = Policy(families={"ood": 0.03})
    assert gate(mine, base, policy)[0]["verdict"] == "pass"
    verdict, _ = gate(silent, base, policy)
    assert verdict["verdict"] == "inconclusive"
    assert verdict["reasons"] == [
        "family out-of-domain: it is not known which answers were truncated, so the limit of 2 points more cannot be "
        "judged; the column finish_reason of the file they came from tells"
    ]
    assert "truncated" in markdown(verdict)


def test_sampling_is_what_the_command_line_states_and_no_more() -> None:
    of_suite = Sampling(temperature=0.7, max_new_tokens=99)
    assert stated_sampling(None)(of_suite) == dict.fromkeys(Sampling.model_fields)
    assert stated_sampling("suite")(of_suite) == of_suite.model_dump()
    assert stated_sampling("top_k=20, temperature=0")(of_suite) == {
        "temperature": 0, "top_p": None, "top_k": 20, "max_new_tokens": None,
    }  # fmt: skip
    for said, message in (("0.7", "expected `suite`"), ("temp=1", "no setting 'temp'; the nearest: temperature"),
                          ("top_p=2", "--sampling top_p: ")):  # fmt: skip
        with pytest.raises(UserError, match=message):
            stated_sampling(said)


def test_from_asked_docs_to_a_scoreboard_on_the_command_line(tmp_path: Path) -> None:
    """The worked example of docs/generations.md."""
    done = spot_eval("tasks", "docs", "--suite", "miniature", "--tasks", "mini_instructions", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    docs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(docs) == 200
    assert docs[0].keys() == {"task", "doc_id", "doc_hash", "messages"}
    said = [{**doc, "text": doc["messages"][-1]["content"].partition(": ")[2].rstrip(".")} for doc in docs]
    (tmp_path / "echo.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    done = spot_eval("grade", "echo.jsonl", "--suite", "miniature", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    board = json.loads(done.stdout)
    assert board["model"] == "echo"
    assert 0 < board["tasks"]["mini_instructions"]["mean"] < 0.5  # right where the words are to be copied
    done = spot_eval("grade", next((tmp_path / "runs").iterdir()), "--suite", "miniature", cwd=tmp_path)
    assert done.returncode == 2
    assert "suite applies to a FILE of generations" in done.stderr
    done = spot_eval("grade", "none.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "none.jsonl: there is no such file" in done.stderr
