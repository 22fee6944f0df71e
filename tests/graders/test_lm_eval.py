"""A task that names no grader is judged by its own filters and process_results."""

import json

import pytest

from spot_eval.graders import load_grader

GRADER = load_grader("lm_eval")
COMMON = """
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
output_type: generate_until
test_split: test
doc_to_text: question
doc_to_target: answer
generation_kwargs: {{until: []}}
"""
EXACT = """
task: foreign_exact
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
filter_list:
  - name: number
    filter: [{function: regex, regex_pattern: "(-?[0-9]+)"}, {function: take_first}]
"""
OWN = """
task: foreign_own
process_results: !function own.process
metric_list:
  - {metric: near, aggregation: mean, higher_is_better: true}
  - {metric: length, aggregation: mean, higher_is_better: false}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign")
    rows = path / "rows.jsonl"
    rows.write_text(json.dumps({"question": "6*7?", "answer": "42"}) + "\n")
    common = COMMON.format(rows=rows)
    (path / "exact.yaml").write_text(common + EXACT)
    (path / "own.yaml").write_text(common + OWN)
    (path / "own.py").write_text(
        "def process(doc, results):\n"
        "    said = float(results[0])\n"
        "    return {'near': abs(said - 42) < 1, 'length': len(results[0]), 'parts': [1, 2]}\n"
    )
    return path


def doc(folder, name):
    return {
        "_task": {"include_path": [str(folder)], "name": name},
        "row": {"question": "6*7?", "answer": "42"},
    }


def test_filters_then_metric(folder):
    right, wrong = (GRADER.judge(doc(folder, "foreign_exact"), text) for text in ("it is 42", "it is 41"))
    assert (right.score, wrong.score) == (1, 0)
    assert right.extracted == "42"


def test_a_filter_that_finds_nothing_is_unparsed(folder):
    verdict = GRADER.judge(doc(folder, "foreign_exact"), "no idea")
    assert verdict.score == 0
    assert verdict.unparsed


def test_the_first_metric_is_the_score_and_all_scalars_are_kept(folder):
    verdict = GRADER.judge(doc(folder, "foreign_own"), "42.5")
    assert verdict.score == 1
    assert verdict.metrics == {"near": 1, "length": 4}


def test_what_foreign_code_raises_is_not_judged_and_named(folder):
    verdict = GRADER.judge(doc(folder, "foreign_own"), "forty-two")
    assert verdict.not_judged
    assert "ValueError" in verdict.why


def test_a_task_that_cannot_be_loaded_is_not_judged(folder):
    assert "no_such_task" in GRADER.judge(doc(folder, "no_such_task"), "42").why


def test_a_score_that_is_no_number_is_not_judged(folder):
    (folder / "pair.yaml").write_text(
        (folder / "own.yaml").read_text().replace("foreign_own", "foreign_pair").replace("own.process", "pair.process")
    )
    (folder / "pair.py").write_text("def process(doc, results):\n    return {'near': (1, 2), 'length': 3}\n")
    verdict = GRADER.judge(doc(folder, "foreign_pair"), "42")
    assert verdict.not_judged
    assert verdict.metrics == {"length": 3}
