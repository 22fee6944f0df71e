"""A run of which nothing could be judged ends with the reason and an exit code, its records kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot_eval.commands.common import refuse_unjudged
from spot_eval.core.errors import UserError
from spot_eval.metrics.scoreboard import scoreboard
from tests.command_line import records, spot_eval
from tests.metrics.test_scoreboard import SUITE, sample

TASK = """\
task: own_sums
custom_dataset: !function grading.data
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
output_type: generate_until
process_results: !function grading.grade
metric_list: [{metric: acc}]
generation_kwargs: {max_gen_toks: 8}
metadata: {version: 1}
"""
GRADING = """\
import datasets

def data(**settings):
    return datasets.DatasetDict({"test": datasets.Dataset.from_list([{"question": "1 + 1", "answer": "2"}] * 3)})

def grade(doc, results):
    raise KeyError("no such thing")
"""
SUITE_FILE = "name: own\nversion: 1\ntasks_dir: own\nfamilies: {general: {own_sums: {}}}\n"


def test_a_grader_of_ones_own_that_raises_is_exit_2_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sums.yaml").write_text(TASK)
    (tmp_path / "own" / "grading.py").write_text(GRADING)
    (tmp_path / "own.yaml").write_text(SUITE_FILE)
    done = spot_eval("run", "--model", "miniature", "--suite", "own.yaml", "-o", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "own_sums: no answer could be judged; the first: KeyError: 'no such thing'" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "spot-eval: error: none of the 3 answers in run could be judged; the first reason: KeyError: 'no such thing'"
    )
    assert len(records(tmp_path / "run")) == 3


def test_one_answer_with_a_verdict_is_enough(tmp_path: Path) -> None:
    none, some = ([sample("a", 0, 0, None), sample("a", 1, 0, score)] for score in (None, 1.0))
    refuse_unjudged(tmp_path, scoreboard(some, suite=SUITE))
    with pytest.raises(UserError, match="none of the 2 answers in .* could be judged"):
        refuse_unjudged(tmp_path, scoreboard(none, suite=SUITE))
