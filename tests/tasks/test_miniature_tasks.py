"""The miniature's task files, as lm-eval loads them and as a suite runs them."""

import json
import logging
from pathlib import Path

import pytest

from spot_eval.miniature import FAMILIES, items
from spot_eval.tasks.loader import load_tasks
from spot_eval.tasks.suite import load_suite

TASKS = Path(__file__).parents[2] / "tasks" / "miniature"


def load(metadata):
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = TaskManager(include_path=[str(TASKS)], include_defaults=False, metadata=metadata)
    return manager.load(list(FAMILIES))["tasks"]


@pytest.mark.parametrize("name", FAMILIES)
def test_stock_lm_eval_asks_and_judges_an_item(name):
    task = load({})[name]
    doc = task.eval_docs[0]
    item = items(name, "test", 1, 1)[0]
    assert (doc["prompt"], doc["answer"]) == (item.prompt, item.answer)
    assert task.doc_to_text(doc) == item.prompt
    reply = item.answer if FAMILIES[name] == "general" else f"Answer: {item.answer}."
    assert task.process_results(doc, [reply]) == {"score": 1.0, "unparsed": 0.0, "not_judged": 0.0}
    assert task.process_results(doc, [""]) == {"score": 0.0, "unparsed": 1.0, "not_judged": 0.0}


def test_another_seed_is_a_fresh_test_set():
    usual, fresh = load({}), load({"miniature_seed": 7})
    for name in FAMILIES:
        prompts = [item.prompt for item in items(name, "test", 7, len(fresh[name].eval_docs))]
        assert [doc["prompt"] for doc in fresh[name].eval_docs] == prompts
        assert not {doc["prompt"] for doc in usual[name].eval_docs} >= set(prompts)
        assert "seed 7" in json.loads(fresh[name].eval_docs.info.description)["origin"]


def test_the_suite_takes_them_in_three_families():
    suite = load_suite("miniature")
    assert suite.tasks == FAMILIES
    tasks, left_out = load_tasks(suite)
    assert not left_out
    assert {task.name: len(task.docs) for task in tasks} == {
        "mini_arithmetic": 200, "mini_bags": 150, "mini_boards": 150, "mini_instructions": 200,
    }  # fmt: skip
    for task in tasks:
        assert task.grader == "miniature"
        assert task.origin == "miniature world 1, seed 1"
        assert task.docs[0].messages == [{"role": "user", "content": task.docs[0].row["prompt"]}]
