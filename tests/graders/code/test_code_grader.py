"""Programs judged by their tests."""

import json
import os

import pytest

from spot_eval.core.errors import UserError
from spot_eval.graders import load_grader
from spot_eval.graders.code import grader, sandbox
from spot_eval.graders.code.grader import judge, perfect
from spot_eval.graders.pool import Job, Pool

DOC = {
    "prompt": 'from typing import List\n\n\ndef total(numbers: List[int]) -> int:\n    """Add them up."""\n',
    "entry_point": "total",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0\n",
    "canonical_solution": "    return sum(numbers)\n",
}
RIGHT = "```python\ndef total(numbers: List[int]) -> int:\n    return sum(numbers)\n```"  # leans on the prompt's import


def test_right_wrong_and_nothing():
    assert judge(DOC, RIGHT).score == 1
    assert judge(DOC, perfect(DOC, None)).score == 1
    wrong = judge(DOC, RIGHT.replace("sum(numbers)", "sum(numbers) + 1"))
    assert (wrong.score, wrong.unparsed, wrong.why) == (0, False, "a test: AssertionError")
    broken = judge(DOC, RIGHT.replace("sum(numbers)", "mus(numbers)"))
    assert broken.why == "a test: NameError: name 'mus' is not defined"
    assert judge(DOC, "I would add them up.").unparsed
    assert judge(DOC, f"<think>{RIGHT}").unparsed


def test_a_body_alone_completes_the_prompt():
    assert judge(DOC, "```python\n    return sum(numbers)\n```").score == 1
    assert judge(DOC, "return sum(numbers)").score == 1


def test_tests_may_be_a_list_and_need_no_entry_point():
    doc = {"test": ["assert total([1]) == 1", "assert total([2]) == 2"]}
    assert judge(doc, RIGHT.replace(": List[int]", "")).score == 1
    assert judge(doc, "```python\ndef total(n): return 1\n```").why == "a test: AssertionError"


def test_a_function_of_another_name_fails():
    assert judge(DOC, "```python\ndef other(numbers): return sum(numbers)\n```").score == 0


def test_it_runs_in_a_grading_worker():
    bomb = "```python\nimport os\nwhile True: os.fork()\n```"
    with Pool(1, preload=("code",)) as pool:
        found = dict(pool.run([Job("code", "judge", (DOC, text)) for text in (RIGHT, bomb, RIGHT)]))
    assert [found[index].score for index in range(3)] == [1, 0, 1]


def test_without_a_sandbox_it_refuses(monkeypatch):
    monkeypatch.setattr(sandbox, "refusal", lambda: "no sandbox here")
    with pytest.raises(UserError, match="no sandbox here"):
        judge(DOC, RIGHT)
    with pytest.raises(UserError, match="no sandbox here"):
        grader.preflight()


def test_it_is_a_grader_by_name():
    assert load_grader("code").judge is judge


@pytest.mark.real
def test_every_canonical_solution_is_right_and_every_empty_body_wrong(mirror):
    rows = [json.loads(line) for line in (mirror / "humaneval" / "humaneval.jsonl").read_text().splitlines()]
    replies = [perfect(row, None) for row in rows] + ["```python\n    return None\n```"] * len(rows)
    before = os.times()
    with Pool(2, preload=("code",)) as pool:
        found = dict(pool.run([Job("code", "judge", pair) for pair in zip(rows * 2, replies, strict=True)]))
    after = os.times()
    scores = [found[index].score for index in range(2 * len(rows))]
    assert scores == [1] * 164 + [0] * 164
    assert not any(found[index].unparsed for index in range(328))
    assert sum(after[:4]) - sum(before[:4]) < 60  # seconds of CPU; about 10 when this was written
