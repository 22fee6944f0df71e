"""The task files, as lm-eval itself loads and runs them."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connect4 import Position
from spot_eval.core.errors import UserError
from spot_eval.graders import ifeval
from spot_eval.tasks.data.sources import SOURCES

TASKS = Path(__file__).parents[2] / "tasks"
IFEVAL = {
    "key": 1,
    "prompt": " Name a colour; use no commas.\n",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{}, {"relation": "at least", "num_words": 1}],
}
MATHS = {"problem": "What is $1+1$?", "answer": "2", "solution": r"It is $\boxed{2}$."}
PROGRAM = {
    "task_id": "made/0",
    "prompt": 'def total(numbers):\n    """Add them up."""\n',
    "entry_point": "total",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 3\n",
    "canonical_solution": "    return sum(numbers)\n",
}
METRES = {
    "question": "How long is it?",
    "answer": ["$2$"],
    "unit": "m",
    "error": None,
    "is_multiple_answer": False,
}

# X has three in column 0, O two beside it and is to move; X has three in the bottom row and is to move
SAFE = {"level": 2, "state": Position.from_moves("12121").to_state(), "answer": [[3, 0]]}
BEST = {
    "level": 3,
    "state": Position.from_moves("112233").to_state(),
    "answer": {"result": "win", "in": 1, "best": [[0, 3]]},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory, boards, gpqa_file):
    """One small file a task, by hand."""
    folder = tmp_path_factory.mktemp("rows")
    rows = dict.fromkeys(SOURCES, MATHS) | {
        "ifeval": IFEVAL,
        "olympiadbench": METRES,
        "humaneval": PROGRAM,
        "connect4_safe": SAFE,
        "connect4_best": BEST,
    }
    for task, row in rows.items():
        (folder / f"{task}.jsonl").write_text(json.dumps(row) + "\n")
    return {task: str(folder / f"{task}.jsonl") for task in rows} | {
        **dict.fromkeys(("connect4", "connect4_published", "connect4_twins"), str(boards)),
        "gpqa_diamond": str(gpqa_file),
    }


@pytest.fixture(scope="module")
def tasks(files):
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = TaskManager(include_path=[str(TASKS)], include_defaults=False, metadata={"data_files": files})
    assert set(SOURCES) <= set(manager.all_subtasks)
    return manager.load(list(SOURCES))["tasks"]


def skip_without_punkt():
    try:
        ifeval.preflight()
    except UserError as problem:
        pytest.skip(str(problem))


def first(task):
    doc = task.eval_docs[0]
    return doc, task.doc_to_text(doc)


@pytest.mark.parametrize("name", SOURCES)
def test_every_file_says_what_the_harness_needs(tasks, files, name):
    task = tasks[name]
    assert task.config.output_type == "generate_until"
    assert task.config.generation_kwargs["until"] == []
    assert task.config.num_fewshot == 0
    assert callable(task.config.doc_to_text)
    assert callable(task.config.doc_to_target)
    metadata = task.config.metadata
    assert (metadata["source"], metadata["docs"], metadata["version"]) == (name, SOURCES[name].docs, 1)
    assert metadata["grader"] in {"maths", "choice", "connect4", "ifeval", "code"}
    assert json.loads(task.eval_docs.info.description)["origin"] == files[name]
    doc, prompt = first(task)
    assert isinstance(task.doc_to_target(doc), str)
    assert task.fewshot_context(doc, 0) == prompt
    if name == "ifeval":
        skip_without_punkt()
    asked = {metric for metric, aggregation in task.aggregation().items() if callable(aggregation)}
    assert set(task.process_results(doc, ["I cannot say."])) == asked


@pytest.mark.parametrize("name", ["aime24", "aime25", "amc23", "math500", "minerva"])
def test_mathematics_asks_for_a_box(tasks, name):
    doc, prompt = first(tasks[name])
    assert prompt.startswith(MATHS["problem"] + "\n\n")
    assert prompt.endswith(r"inside \boxed{}.")
    assert tasks[name].doc_to_target(doc) == "2"
    assert tasks[name].process_results(doc, [r"<think>\boxed{3}</think> So \boxed{2}."])["score"] == 1
    assert tasks[name].process_results(doc, [r"So \boxed{3}."])["score"] == 0


def test_a_unit_is_asked_for_without_being_written(tasks):
    _, prompt = first(tasks["olympiadbench"])
    assert "Give it in units of m, without writing the unit." in prompt


def test_gpqa_shows_four_options_and_the_form_of_the_answer(tasks):
    doc, prompt = first(tasks["gpqa_diamond"])
    for letter, option in zip("ABCD", doc["choices"], strict=True):
        assert f"\n({letter}) {option}\n" in prompt
    assert prompt.endswith("\nAnswer: X")
    right = tasks["gpqa_diamond"].doc_to_target(doc)
    assert doc["choices"]["ABCD".index(right)] == "5"
    assert tasks["gpqa_diamond"].process_results(doc, [f"Answer: {right}"])["score"] == 1


def test_connect4_shows_the_board_and_scores_its_own_gold(tasks):
    task = tasks["connect4"]
    for doc in task.eval_docs:
        mine, theirs = (
            ", ".join(f"({r},{c})" for r, c in cells) or "none" for cells in json.loads(task.doc_to_target(doc))
        )
        reply = f"My winning cells: [{mine}]\nOpponent's winning cells: [{theirs}]\nMy move: [(9,9)]"
        assert task.process_results(doc, [reply])["score"] == 1
        assert all(line in task.doc_to_text(doc) for line in doc["state"].split("\n")[:6])


def test_connect4_asks_each_level_its_own_question(tasks):
    right = {
        "connect4_safe": "My safe cells: [(3,0)]\nMy move: [(3,0)]",
        "connect4_best": "Result: [win in 1]\nMy best cells: [(0,3)]\nMy move: [(0,3)]",
    }
    for name, reply in right.items():
        doc, prompt = first(tasks[name])
        assert all(line.partition(":")[0] in prompt for line in reply.split("\n"))
        scores = tasks[name].process_results(doc, [reply])
        assert all(value == (metric not in ("unparsed", "not_judged")) for metric, value in scores.items())
        assert (
            tasks[name].process_results(doc, [reply.replace("(0,3)", "(0,4)").replace("(3,0)", "(0,3)")])["score"] == 0
        )


def test_without_a_file_the_boards_are_drawn_from_the_task_s_seed_or_another():
    from lm_eval.tasks import TaskManager

    def drawn(metadata):
        manager = TaskManager(include_path=[str(TASKS)], include_defaults=False, metadata=metadata)
        docs = manager.load(["connect4"])["tasks"]["connect4"].eval_docs
        return [doc["state"] for doc in docs], json.loads(docs.info.description)["drawn"]

    usual, fresh = drawn({}), drawn({"connect4_seed": 7})
    assert (len(set(usual[0])), len(set(fresh[0]))) == (500, 500)
    assert len(set(usual[0]) & set(fresh[0])) < 5
    assert usual[1] == {"generator": 1, "level": 1, "seed": 20261124, "boards": 500, "fresh": False}
    assert fresh[1] == {**usual[1], "seed": 7, "fresh": True}


def test_ifeval_leaves_the_prompt_untouched_and_drops_unused_keywords(tasks):
    doc, prompt = first(tasks["ifeval"])
    assert prompt == IFEVAL["prompt"]
    assert json.loads(tasks["ifeval"].doc_to_target(doc)) == [IFEVAL["instruction_id_list"], IFEVAL["kwargs"]]


@pytest.mark.real
def test_the_mirror_has_every_doc_but_gpqa_s(mirror):
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=[str(TASKS)], include_defaults=False, metadata={"data_dirs": [str(mirror)]})
    for name in {name for name, source in SOURCES.items() if not source.drawn} - {"gpqa_diamond"}:
        assert len(manager.load([name])["tasks"][name].eval_docs) == SOURCES[name].docs


@pytest.mark.slow
def test_stock_lm_eval_runs_them(files, tmp_path):
    """Not through any code of ours: the lm_eval command, our folder, its dummy model."""
    command = [sys.executable, "-m", "lm_eval", "run", "--include_path", str(TASKS), "--model", "dummy"]
    more = ["--tasks", "aime24,connect4", "--limit", "3", "--output_path", str(tmp_path)]
    metadata = ["--metadata", json.dumps({"data_files": files})]
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(
        [*command, *more, *metadata], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    (found,) = tmp_path.rglob("results_*.json")
    results = json.loads(found.read_text())["results"]
    assert set(results) == {"aime24", "connect4"}
    assert [scores["score,none"] for scores in results.values()] == [0, 0]
    assert results["connect4"]["unparsed,none"] == 1
