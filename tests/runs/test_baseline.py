"""Beside another run, paired; beside a published table, for display only."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.record_files import to_line
from spot_eval.metrics.scoreboard import scoreboard
from spot_eval.runs.baseline import difference, load_baseline, published_baselines, refuse_incomparable, save_baseline
from spot_eval.runs.judged import JudgedRun, judged_docs
from tests.metrics.test_scoreboard import SUITE, sample

SAMPLING = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "max_new_tokens": 100}
CONFIG: dict[str, Any] = {
    "suite": {
        "name": "s",
        "version": 1,
        "thinking": False,
        "families": SUITE["families"],
        "tasks": {name: {**task, "repeats": 1, "sampling": SAMPLING} for name, task in SUITE["tasks"].items()},
    },
    "schema": 1,
    "seed": 0,
    "data": {name: {"grader": "maths", "task_version": "1", "until": []} for name in "abc"},
    "engine": {"name": "hf"},
    "model": {"chat_template": "checkpoint"},
    "changes": {},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split("/")
    place = config
    for parent in parents:
        place = place[parent]
    place[last] = value
    return config


def base(config: dict[str, Any] = CONFIG) -> JudgedRun:
    samples = [sample(task, doc, 0, 0.0) for task in "abc" for doc in range(4)]
    return JudgedRun(Path("runs/base"), {"config": config}, judged_docs(samples), {})


def test_docs_are_paired_and_strangers_left_aside() -> None:
    samples = [sample(task, doc, 0, float(doc % 2)) for task in "abc" for doc in range(2, 6)]
    board = scoreboard(samples, suite=SUITE)
    found = difference(board, judged_docs(samples), CONFIG["suite"], base())
    assert found["tasks"]["a"] == {"mean": 0.5, "stderr": 0.5, "docs": 2, "docs_unpaired": 4}
    assert found["families"]["in_domain"]["mean"] == pytest.approx(0.5)
    assert found["families"]["in_domain"]["stderr"] == pytest.approx(0.5 / 2**0.5)


def test_docs_that_all_differ_alike_have_exact_bounds_unless_they_are_identical() -> None:
    samples = [sample(task, doc, 0, 0.0) for task in "abc" for doc in range(4)]
    board = scoreboard(samples, suite=SUITE)
    again = difference(board, judged_docs(samples), CONFIG["suite"], base())["tasks"]["a"]
    assert (again["mean"], again["stderr"], "bounds" in again) == (0, 0, False)
    reworded = [sample(task, doc, 0, 0.0, text_hash="other") for task in "abc" for doc in range(4)]
    found = difference(board, judged_docs(reworded), CONFIG["suite"], base())
    unseen = 1 - 0.05**0.25
    assert found["tasks"]["a"]["stderr"] is None
    assert found["tasks"]["a"]["bounds"] == pytest.approx([-unseen, unseen])
    assert found["families"]["in_domain"]["bounds"] == pytest.approx([-unseen / 2**0.5, unseen / 2**0.5])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("suite/version", 2, "suite version is 2, here 1"),
        ("suite/thinking", True, "suite thinking is True, here False"),
        ("suite/tasks/b/sampling", {**SAMPLING, "top_k": 5}, "b's top_k is 5 there, 20 here"),
        ("suite/tasks", {"other": {}}, "no task in common"),
        ("data/c/grader", "choice", "c's grader is choice there, maths here"),
        ("data/c/until", ["\n"], "c's until is"),
    ],
)
def test_runs_that_differ_in_what_decides_scores_are_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(NotComparableError, match=message) as caught:
        refuse_incomparable(CONFIG, base(changed(path, value)))
    assert caught.value.exit_code == 5


def test_another_seed_template_or_engine_is_worth_a_warning() -> None:
    assert refuse_incomparable(CONFIG, base()) == []
    for path, value in (("seed", 1), ("model/chat_template", "none"), ("engine/name", "vllm")):
        assert len(refuse_incomparable(CONFIG, base(changed(path, value)))) == 1


def test_the_papers_rows_are_what_it_published() -> None:
    # arXiv 2603.01683, main table
    row = published_baselines()["qwen3-8b-spot"]
    assert row.families == {"in_domain": 0.521, "ood": 0.414, "general": 0.848}
    assert row.overall == pytest.approx(0.533)
    assert len(published_baselines()) == 10


def test_a_published_row_gives_differences_without_errors() -> None:
    samples = [sample(task, doc, 0, 1.0) for task in "abc" for doc in range(4)]
    board = scoreboard(samples, suite=SUITE)
    found = difference(board, judged_docs(samples), CONFIG["suite"], load_baseline("qwen3-8b"))
    assert found["kind"] == "published"
    assert found["families"]["in_domain"] == {"mean": pytest.approx(0.532), "stderr": None}
    assert found["families"]["general"] == {"mean": pytest.approx(0.17), "stderr": None}


def test_what_is_no_baseline_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a run directory nor a published table; the nearest: qwen3-8b"):
        load_baseline("qwen3-8")
    with pytest.raises(UserError, match=r"has no samples\.jsonl"):
        load_baseline(str(tmp_path))


def test_a_run_is_read_from_its_directory(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"config": CONFIG, "model": {"name": "tiny"}, "left_out": {}}))
    (tmp_path / "samples.jsonl").write_bytes(to_line(sample("a", 0, 0, 1.0)))
    found = load_baseline(str(tmp_path))
    assert isinstance(found, JudgedRun)
    assert found.docs["a"]["a0"].scores == (1.0,)


def test_a_saved_baseline_gives_the_same_differences(tmp_path: Path) -> None:
    from tests.made_runs import write_run

    scores = {"a": [[1.0, None], [0.0, 1.0]], "b": [[1.0], [0.0]], "c": [[1.0], [1.0]]}
    whole = load_baseline(str(write_run(tmp_path / "run", scores)))
    assert isinstance(whole, JudgedRun)
    save_baseline(whole, tmp_path / "saved")
    saved = load_baseline(str(tmp_path / "saved"))
    samples = [sample(task, doc, 0, float(doc)) for task in "abc" for doc in range(2)]
    board = scoreboard(samples, suite=SUITE)
    found = [difference(board, judged_docs(samples), CONFIG["suite"], one) for one in (whole, saved)]
    assert found[0]["tasks"] == found[1]["tasks"]
    assert found[0]["tasks"]["a"]["mean"] == pytest.approx((-1 + 0.5) / 2)
    assert refuse_incomparable(whole.config, saved) == []
