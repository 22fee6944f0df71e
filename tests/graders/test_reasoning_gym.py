"""Procedural tasks, judged by their generator's verifier."""

import pytest

from spot_eval.graders import load_grader
from spot_eval.graders.pool import Job, Pool
from spot_eval.graders.reasoning_gym import judge

ROW = {"generator": "chain_sum", "question": "4 + 3 =", "answer": "7", "metadata": {}, "config": {}}


@pytest.mark.parametrize(
    ("reply", "score", "unparsed"),
    [
        ("<answer>7</answer>", 1, False),
        ("<answer>8</answer> no, <ANSWER> 7 </ANSWER>", 1, False),
        ("<answer>8</answer>", 0, False),
        ("It is 7.", 0, True),
        ("<think><answer>7</answer>", 0, True),
        ("<answer>" + "7" * 30_000 + "</answer>", 0, False),
    ],
)
def test_verdicts(reply, score, unparsed):
    found = judge(ROW, reply)
    assert (found.score, found.unparsed) == (score, unparsed)


def test_partial_credit_is_a_metric_and_not_the_score():
    row = {"generator": "shortest_path", "question": "", "answer": "right", "config": {},
           "metadata": {"matrix": [["*", "#"], ["O", "O"]]}}  # fmt: skip
    found = judge(row, "<answer>down right up</answer>")
    assert (found.score, found.metrics) == (0, {"partial": 0.5})


def test_it_works_in_a_grading_worker():
    assert load_grader("reasoning_gym").judge is judge
    with Pool(1, preload=("reasoning_gym",)) as pool:
        found = dict(pool.run([Job("reasoning_gym", "judge", (ROW, f"<answer>{n}</answer>")) for n in (7, 8)]))
    assert [found[0].score, found[1].score] == [1, 0]
