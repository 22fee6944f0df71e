"""Paired comparisons of small runs: nothing is dropped in silence, nothing compared that may not be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spot_eval.comparison.compare import compare, compare_one
from spot_eval.comparison.pairing import AS_JUDGED, BEST, WORST, as_pairs, paired_docs
from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.runs.finished import read_run
from spot_eval.runs.judged import JudgedRun
from tests.made_runs import made, write_run

BASE = {"a": [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], "b": [[1.0, 1.0], [0.0, 1.0]], "c": [[1.0, 0.0], [1.0, 1.0]]}
NOW = {"a": [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]], "b": [[0.0, 1.0], [0.0, 1.0]], "c": [[1.0, 1.0], [1.0, 1.0]]}


def test_means_and_differences_of_a_worked_case() -> None:
    found = compare_one(made(NOW, "n"), made(BASE, "b"))
    a, b = found["tasks"]["a"], found["tasks"]["b"]
    assert (a["candidate"], a["base"], a["mean"]) == (pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0))
    assert (b["candidate"], b["base"], b["mean"]) == (0.5, 0.75, -0.25)
    assert (a["gained"], a["lost"], a["same"], a["docs"]) == (1, 1, 1, 3)
    family = found["families"]["in_domain"]
    assert family["mean"] == pytest.approx(-0.125)
    assert (family["tasks"], family["missing"]) == (["a", "b"], [])
    assert found["overall"]["mean"] == pytest.approx((0 - 0.25 + 0.25) / 3)
    assert found["warnings"] == []


def test_every_doc_that_changed_is_a_flip_lost_ones_first() -> None:
    flips = compare_one(made(NOW, "n"), made(BASE, "b"))["flips"]
    assert [(flip["task"], flip["doc_id"], flip["outcome"]) for flip in flips] == [
        ("a", 0, "lost"), ("b", 0, "lost"), ("a", 2, "gained"), ("c", 0, "gained"),
    ]  # fmt: skip
    assert flips[0] == {
        "task": "a", "doc_id": 0, "doc_hash": "a0", "outcome": "lost", "candidate": 0.0, "base": 0.5, "mean": -0.5,
        "repeats": {"candidate": 2, "base": 2}, "crossed": True,
    }  # fmt: skip
    assert flips[1]["crossed"] is False  # from 1 to 0.5, which is still mostly right


def test_holm_is_over_tasks_and_over_families() -> None:
    worse = {"a": [[0.0]] * 10, "b": [[0.0]] * 9, "c": [[1.0]] * 10}
    found = compare_one(made(worse, "n"), made({"a": [[1.0]] * 10, "b": [[1.0]] * 9, "c": [[1.0]] * 10}, "b"))
    tasks, families = found["tasks"], found["families"]
    assert tasks["a"]["test"] == "mcnemar"
    assert tasks["a"]["p_harm"] == pytest.approx(2**-10)
    assert tasks["a"]["p_harm_holm"] == pytest.approx(3 * 2**-10)
    assert tasks["b"]["p_harm_holm"] == pytest.approx(2 * 2**-9)
    assert families["in_domain"]["p_harm_holm"] == pytest.approx(2 * families["in_domain"]["p_harm"])
    assert tasks["c"]["p_harm_holm"] == 1


def test_repeats_may_differ_in_number() -> None:
    found = compare_one(made({"a": [[1.0, 0.0, 0.0, 0.0]] * 6}), made({"a": [[1.0]] * 6}))["tasks"]["a"]
    assert found["mean"] == pytest.approx(-0.75)
    assert found["repeats"] == {"candidate": 4, "base": 1}
    assert found["test"] == "sign-flip"  # one repeat here and four there is no case for McNemar


def test_what_was_not_judged_is_left_out_and_counted() -> None:
    now = {"a": [[1.0, None], [None, None], [None, None], [0.0, 0.0]]}
    base = {"a": [[0.0, 0.0], [1.0, 1.0], [None, None], [0.0, 1.0]]}
    found = compare_one(made(now, "n"), made(base, "b"))["tasks"]["a"]
    assert (found["docs"], found["docs_not_judged"]) == (2, 2)
    assert found["mean"] == pytest.approx((1 - 0.5) / 2)
    changes = found["changes"]["not_judged"]
    assert (changes["candidate"], changes["base"]) == (5 / 8, 2 / 8)


def test_imputing_goes_to_both_ends_and_leaves_out_what_neither_run_judged() -> None:
    now = {"a": [[1.0, None], [None, None], [None, None], [0.0, 0.0]]}
    base = {"a": [[0.0, 0.0], [1.0, None], [None, None], [0.0, 1.0]]}
    docs = paired_docs(made(now, "n"), made(base, "b"))["a"]
    assert as_pairs(docs, AS_JUDGED).differences.tolist() == [1, -0.5]
    assert as_pairs(docs, WORST).differences.tolist() == [0.5, -1, -0.5]
    assert as_pairs(docs, BEST).differences.tolist() == [1, 0.5, -0.5]


def test_a_missing_task_leaves_its_family_without_a_mean_and_is_named() -> None:
    found = compare_one(made({"a": NOW["a"], "c": NOW["c"]}, "n"), made(BASE, "b"))
    assert found["missing"] == {"candidate": ["b"], "base": []}
    assert found["families"]["in_domain"]["mean"] is None
    assert found["families"]["in_domain"]["missing"] == ["b"]
    assert found["families"]["in_domain"]["p_harm_holm"] is None
    assert found["families"]["general"]["mean"] == 0.25
    assert found["overall"]["mean"] is None
    nothing = compare_one(made({**NOW, "b": [[None], [None]]}, "n"), made(BASE, "b"))
    assert nothing["families"]["in_domain"]["missing"] == ["b"]
    assert nothing["tasks"]["b"]["mean"] is None


def test_docs_of_one_run_only_are_left_aside_and_said() -> None:
    found = compare_one(made({**BASE, "a": BASE["a"][:2]}, "n"), made(BASE, "b"))
    assert found["tasks"]["a"]["docs_unpaired"] == 1
    assert found["warnings"] == ["a: 2 docs paired, 1 only there left aside"]


def test_identical_records_are_known() -> None:
    found = compare_one(made(BASE), made(BASE))
    assert {entry["bounds"] for entry in found["tasks"].values()} == {"identity"}
    # the same scores of other texts are not the same records
    assert compare_one(made(BASE, "n"), made(BASE, "b"))["tasks"]["a"]["bounds"] == "exact"


def changed(run: JudgedRun, path: str, value: Any) -> JudgedRun:
    config = json.loads(json.dumps(run.config))
    *parents, last = path.split("/")
    place = config
    for parent in parents:
        place = place[parent]
    place[last] = value
    return replace(run, manifest={**run.manifest, "config": config})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("suite/version", 2, "suite version is 2, here 1"),
        ("suite/thinking", True, "suite thinking is True, here False"),
        ("suite/tasks/b/sampling/top_k", 5, "b's top_k is 5 there, 20 here"),
        ("data/c/grader", "choice", "c's grader is choice there, maths here"),
    ],
)
def test_runs_that_differ_in_what_decides_scores_are_refused_naming_it(path: str, value: Any, message: str) -> None:
    with pytest.raises(NotComparableError, match=message):
        compare([made(NOW)], changed(made(BASE), path, value))


def test_another_graders_verdicts_are_refused() -> None:
    with pytest.raises(NotComparableError, match="a was judged by maths/0 there, maths/1 here; judge the older run"):
        compare([made(NOW)], replace(made(BASE), graders={"a": "maths/0"}))


def test_other_docs_are_refused() -> None:
    base = made(BASE)
    others = {f"x{doc_hash}": replace(doc, doc_hash=f"x{doc_hash}") for doc_hash, doc in base.docs["a"].items()}
    with pytest.raises(NotComparableError, match="a has no doc in common"):
        compare([made(NOW)], replace(base, docs={**base.docs, "a": others}))


def test_another_seed_template_engine_or_context_is_a_warning() -> None:
    for path, value in (("seed", 1), ("model/chat_template", "none"), ("engine/name", "vllm"), ("context", 1)):
        assert len(compare_one(made(NOW), changed(made(BASE), path, value))["warnings"]) == 1


def test_checkpoints_of_one_training_run_are_a_curve_by_step() -> None:
    runs = [made(NOW, name=name) for name in ("run7-checkpoint-500", "other", "run7-checkpoint-90", "run8-step_10")]
    found = compare(runs, made(BASE))
    assert found["curves"] == [
        {"training_run": "run7", "points": [{"step": 90, "comparison": 2}, {"step": 500, "comparison": 0}]}
    ]
    assert [entry["candidate"]["step"] for entry in found["comparisons"]] == [500, None, 90, 10]


def test_docs_that_share_a_source_are_one_unit(tmp_path: Path) -> None:
    now, base = {"a": [[0.0, 0.5]] * 4 + [[1.0, 1.0]] * 4}, {"a": [[1.0, 1.0]] * 8}
    runs = [write_run(tmp_path / name, scores, name) for name, scores in (("n", now), ("b", base))]
    for run in runs:  # the second half of the docs stands alone; a task of the user's own has its row one level down
        lines = [json.loads(line) for line in (run / "docs.jsonl").read_text().splitlines()]
        for line in lines[:2]:
            line["row"] = {"cluster_id": "passage"}
        for line in lines[2:4]:
            line["row"] = {"_task": {}, "row": {"cluster_id": 7}}
        (run / "docs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compare([read_run(runs[0])], read_run(runs[1]))["comparisons"][0]["tasks"]["a"]
    assert (found["docs"], found["clusters"]) == (8, 6)


def test_a_run_read_from_its_files_compares_as_in_memory(tmp_path: Path) -> None:
    now, base = (write_run(tmp_path / name, scores, name) for name, scores in (("n", NOW), ("b", BASE)))
    found = compare_one(read_run(now), read_run(base))
    expected = compare_one(made(NOW, "n"), made(BASE, "b"))
    assert found["tasks"] == expected["tasks"]
    assert found["time"]["wall_time_s"] == {"candidate": 2.0, "base": 2.0}


def test_an_unfinished_run_says_what_to_do(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", NOW)
    (run / "samples.jsonl").unlink()
    with pytest.raises(UserError, match=r"has no samples\.jsonl; finish it first"):
        read_run(run)
    with pytest.raises(UserError, match="nowhere does not exist"):
        read_run(tmp_path / "nowhere")
