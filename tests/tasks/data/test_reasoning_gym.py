"""Rows by reasoning-gym's generators: the same from the same seed, each with an answer its verifier accepts."""

import json
from pathlib import Path

import pytest
from reasoning_gym.factory import DATASETS

from spot_eval.core.errors import UserError
from spot_eval.graders.reasoning_gym import judge, perfect
from spot_eval.tasks.data import reasoning_gym
from spot_eval.tasks.data.reasoning_gym import best_constant, check_generator, draw
from spot_eval.tasks.loader import load_tasks
from spot_eval.tasks.suite import Fresh, Suite, load_suite

REFUSED = {
    "basic_arithmetic", "bf", "binary_matrix", "bitwise_arithmetic", "codeio", "countdown", "intermediate_integration",
    "n_queens", "number_sorting", "polynomial_multiplication", "propositional_logic", "puzzle24", "simple_integration",
    "spiral_matrix", "string_insertion",
}  # fmt: skip

GOLDEN = [
    ("State the final answer to the following arithmetic problem: 4 - 1 - 7 =", "-4"),
    ("State the final answer to the following arithmetic problem: 1 + 5 =", "6"),
]


def test_generators_that_turn_answers_into_code_are_refused():
    def refused(name: str) -> bool:
        try:
            check_generator(name)
        except UserError as problem:
            return "hostile text" in str(problem)
        return False

    assert {name for name in DATASETS if refused(name)} == REFUSED


@pytest.mark.parametrize("name", sorted(set(DATASETS) & {"chain_sum", "maze", "jugs", "word_ladder", "knights_knaves"}))
def test_the_same_seed_draws_the_same_rows(name):
    fresh = Fresh(generator=name, seed=5, n=6)
    assert draw(fresh) == draw(fresh)
    other = draw(fresh, seed=6)
    assert [row["question"] for row in other.rows] != [row["question"] for row in draw(fresh).rows]
    assert (other.facts["seed"], other.facts["fresh"], draw(fresh).facts["fresh"]) == (6, True, False)


def test_known_rows_of_a_known_seed():
    """Golden rows: another machine, another day, the same text."""
    rows = draw(Fresh(generator="chain_sum", seed=1, n=2)).rows
    assert [(row["question"], row["answer"]) for row in rows] == GOLDEN


def test_every_gold_of_the_suite_is_right_and_its_guess_is_told():
    tasks, left_out = load_tasks(load_suite("fresh-reasoning"), limit=12)
    assert len(tasks) == 8
    assert not left_out
    for task in tasks:
        assert {judge(doc.row, perfect(doc.row, doc.gold)).score for doc in task.docs} == {1.0}, task.name
        assert judge(task.docs[0].row, "<answer>nothing of the kind</answer>").score == 0
        assert 0 <= task.drawn["guess"] < 0.4, task.name
        assert json.loads(json.dumps(task.docs[0].row)) == task.docs[0].row


@pytest.mark.parametrize(
    ("fresh", "words"),
    [
        (Fresh(generator="chain_sums"), "no generator 'chain_sums'; the nearest: chain_sum"),
        (Fresh(generator="countdown"), "its module calls parse_expr"),
        (Fresh(generator="graph_color", n=2), "gives no answer of its own"),
        (Fresh(generator="chain_sum", config={"terms": 3}), "unexpected keyword argument 'terms'"),
        (Fresh(generator="chain_sum", config={"min_terms": 0}), "min_terms"),
        (Fresh(generator="list_functions", n=40), "other rows from the same seed"),
    ],
)
def test_bad_input_is_one_sentence(fresh, words):
    with pytest.raises(UserError, match=words):
        draw(fresh)


def test_without_the_extra_it_says_how(monkeypatch):
    monkeypatch.setattr(reasoning_gym, "installed_version", lambda: None)
    with pytest.raises(UserError, match=r"pip install 'spot-eval\[fresh\]'"):
        draw(Fresh(generator="chain_sum"))


def test_the_best_constant_answer():
    row = {"generator": "chain_sum", "question": "", "metadata": {}, "config": {}}
    assert best_constant([{**row, "answer": answer} for answer in ("4", "4", "5", "6")]) == 0.5


def test_twin_rows_stay_apart():
    suite = Suite(name="s", version=1, families={"f": {"t": {"fresh": {"generator": "coin_flip", "n": 60}}}})
    ((task,), _) = load_tasks(suite)
    assert len({doc.doc_hash for doc in task.docs}) == 60


def test_a_drawn_task_takes_no_file(tmp_path):
    with pytest.raises(UserError, match="--data fresh_jugs=…: this task is drawn from a seed and reads no file"):
        load_suite("fresh-reasoning").refuse_strangers(["fresh_jugs"])


@pytest.mark.slow
def test_the_page_s_guess_rates_are_those_of_the_suite():
    page = (Path(__file__).parents[3] / "docs" / "fresh.md").read_text(encoding="utf-8")
    suite = load_suite("fresh-reasoning")
    for task in suite.tasks:
        fresh = suite.settings(task).fresh
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {task} |")]
        cells = [cell.strip() for cell in line.split("|")]
        assert (cells[2], cells[4]) == (fresh.generator, f"{100 * draw(fresh).facts['guess']:.0f} %"), task
