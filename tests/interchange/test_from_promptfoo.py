"""promptfoo's results become runs with promptfoo's verdicts.

The files are ours, in the form of promptfoo's EvaluateSummaryV3 (its src/types/index.ts).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_json
from spot_eval.interchange.from_promptfoo import import_promptfoo
from spot_eval.interchange.imported_run import Import
from spot_eval.interchange.recognise import tool_of
from spot_eval.runs.finished import read_run
from spot_eval.tasks.suite import load_suite
from tests.command_line import records, spot_eval

SUITE = load_suite("spot")


def result(test: int, question: str, output: str | None, passed: bool, **changes: Any) -> dict[str, Any]:
    return {
        "promptIdx": 0, "testIdx": test, "promptId": "p", "provider": {"id": "openai:x", "label": ""},
        "prompt": {"raw": f"Answer: {question}", "label": "Answer: {{q}}"}, "vars": {"q": question},
        "testCase": {"vars": {"q": question}, "assert": [{"type": "equals", "value": "4"}], "options": {}},
        "response": {"output": output, "tokenUsage": {"total": 9, "prompt": 7, "completion": 2}} if output else {},
        "success": passed, "score": 1 if passed else 0.5, "failureReason": 0 if passed else 1, "latencyMs": 3,
        "namedScores": {"polite": 0.25},
        "gradingResult": {"pass": passed, "score": float(passed), "reason": "passed" if passed else "no"},
        **changes,
    }  # fmt: skip


def results_file(path: Path, results: list[dict[str, Any]], version: int = 3) -> Path:
    write_json(path, {
        "evalId": "eval-abc", "config": {}, "shareableUrl": None, "metadata": {"promptfooVersion": "0.121.1"},
        "results": {"version": version, "timestamp": "2026-01-02T03:04:05Z", "prompts": [], "results": results,
                    "stats": {"successes": 1, "failures": 1, "errors": 1}},
    })  # fmt: skip
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return results_file(tmp_path / "sums.json", [
        result(0, "2+2", "4", True), result(1, "1+3", "5", False),
        result(2, "0+4", None, False, failureReason=2, error="timed out"),
    ])  # fmt: skip


def imported(path: Path, out: Path, **options: Any) -> tuple[Path, dict[str, Any], list[str]]:
    said: list[str] = []
    made, board = import_promptfoo(Import([path], out=out, **options), SUITE, said.append)
    return made, board, said


def test_passed_failed_and_broken_off(file: Path, tmp_path: Path) -> None:
    path, board, said = imported(file, tmp_path / "run", families={"sums": "in_domain"})
    task = board["tasks"]["sums"]
    assert (task["mean"], task["docs"], task["family"]) == (0.5, 3, "in_domain")
    samples = sorted(records(path, "samples.jsonl"), key=lambda one: one["doc_id"])
    assert [one["score"] for one in samples] == [1.0, 0.0, None]
    assert samples[2]["why"] == "promptfoo: timed out"
    assert (samples[0]["prompt_tokens"], samples[0]["output_tokens"], samples[0]["truncated"]) == (7, 2, None)
    assert any("1 requests failed; they are not judged" in one for one in said)
    answers = list(read_run(path).answers("sums"))
    assert answers[0].messages == [{"role": "user", "content": "Answer: 2+2"}]
    assert json.loads((path / "manifest.json").read_text())["versions"] == {"promptfoo": "0.121.1"}


@pytest.mark.parametrize(("metric", "mean"), [("score", 0.75), ("polite", 0.25), ("success", 0.5)])
def test_another_metric(file: Path, tmp_path: Path, metric: str, mean: float) -> None:
    assert imported(file, tmp_path / "run", metric=metric)[1]["tasks"]["sums"]["mean"] == mean


def test_a_test_asked_again_is_a_repeat_and_a_doubled_one_a_doc(tmp_path: Path) -> None:
    twice = [result(0, "2+2", "4", True), result(1, "1+3", "4", True),
             result(2, "2+2", "4", True), result(3, "1+3", "5", False)]  # fmt: skip
    _, board, said = imported(results_file(tmp_path / "a.json", twice), tmp_path / "one")
    assert (board["tasks"]["a"]["docs"], board["tasks"]["a"]["repeats"]) == (2, 2)
    assert any("taken for repeats" in one for one in said)
    _, board, _ = imported(results_file(tmp_path / "b.json", twice[:3]), tmp_path / "two")
    assert (board["tasks"]["b"]["docs"], board["tasks"]["b"]["repeats"]) == (3, 1)


def test_one_provider_at_a_time_and_a_task_per_prompt(tmp_path: Path) -> None:
    other = {"id": "openai:y", "label": "y"}
    file = results_file(tmp_path / "a.json", [
        result(0, "2+2", "4", True), result(0, "2+2", "4", True, promptIdx=1),
        result(0, "2+2", "5", False, provider=other),
    ])  # fmt: skip
    with pytest.raises(UserError, match=r"2 providers \(openai:x, y\); choose one with --filter"):
        imported(file, tmp_path / "run")
    _, board, _ = imported(file, tmp_path / "run", filter="openai:x")
    assert list(board["tasks"]) == ["a-prompt1", "a-prompt2"]
    with pytest.raises(UserError, match=r"--filter z: "):
        imported(file, tmp_path / "other", filter="z")


def test_messages_of_a_chat_prompt(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2"}]
    file = results_file(tmp_path / "a.json", [result(0, "2+2", "4", True, prompt={"raw": json.dumps(turns)})])
    assert next(iter(read_run(imported(file, tmp_path / "run")[0]).answers("a"))).messages == turns


@pytest.mark.parametrize(
    ("results", "version", "message"),
    [
        ([result(0, "q", "a", True)], 2, "read in version 3, and this is version 2"),
        ([], 3, "holds no results"),
        ([{"success": True}], 3, "result 0: it has no 'score'"),
        ([result(0, "q", "a", True, score=3)], 3, "score of test 0 is 3"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path: Path, results: list[Any], version: int, message: str) -> None:
    file = results_file(tmp_path / "a.json", results, version)
    with pytest.raises(UserError, match=message):
        imported(file, tmp_path / "run", metric="score")
    assert not (tmp_path / "run").exists()


def test_the_command_line_chooses_by_looking(file: Path, tmp_path: Path) -> None:
    assert tool_of([file]) == "promptfoo"
    done = spot_eval("import", file, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "sums" in done.stdout
    done = spot_eval("import", file, "--results", file, "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "--results is for files of lighteval and lm-eval, and these look like those of promptfoo" in done.stderr
