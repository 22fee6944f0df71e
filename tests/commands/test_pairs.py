"""`spot-eval pairs`, from a run's errors to a filtered set, on the embedded world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.run import run
from spot_eval.miniature import BASE
from spot_eval.posttrain.oracles import Asking
from spot_eval.posttrain.overlap import check_pairs
from spot_eval.posttrain.pair_files import elicit_run, pair_stats, read_pairs
from spot_eval.posttrain.proximity import Filter, filter_pairs
from spot_eval.posttrain.rectify import read_wording, rectify


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def jsonl(file: Path, *rows: Any) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def silent(sentence: str) -> None:
    del sentence


ASKING = Asking(RunOptions(model=str(BASE)), {"temperature": 0.0, "max_new_tokens": 8}, thinking=False)
SUM = {"id": "s1", "prompt": "2 + 2?", "rejected": "It is \\boxed{5}.", "gold": "4", "meta": {"grader": "maths"}}


@pytest.fixture(scope="module")
def elicited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, int]]:
    """(run, its errors, the counts) of sixty train items of the miniature."""
    folder = tmp_path_factory.mktemp("pairs")
    options = RunOptions(model=str(BASE), suite="miniature-elicit", limit=60, out=folder / "run")
    path, _ = run(options, silent)
    counts = elicit_run(path, folder / "errors.jsonl", right=False, per_doc=None, keep_truncated=False)
    return path, folder / "errors.jsonl", counts


def test_every_wrong_answer_of_a_run_is_elicited(elicited: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> None:
    path, errors, counts = elicited
    samples = rows_of(path / "samples.jsonl")
    wrong = [sample for sample in samples if sample["score"] == 0 and not sample["truncated"]]
    assert counts["taken"] == len(wrong) == len(rows_of(errors)) > 10
    assert sum(counts.values()) == 60
    elicit_run(path, tmp_path / "right.jsonl", right=True, per_doc=None, keep_truncated=False)
    assert len(rows_of(tmp_path / "right.jsonl")) == sum(sample["score"] == 1 for sample in samples)


def test_from_errors_to_a_filtered_set(elicited: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> None:
    _, errors, counts = elicited
    rectified, kept = tmp_path / "rectified.jsonl", tmp_path / "pairs.jsonl"
    assert rectify(errors, rectified, "miniature", ASKING, say=silent) == {"verified": counts["taken"]}
    outcomes = filter_pairs(rectified, kept, Filter(tokenizer=str(BASE)))
    stats = pair_stats(rectified, str(BASE))
    above = sum(stats["change_ratio"]["histogram"][12:])
    assert outcomes == {"kept": len(rows_of(kept)), "change ratio above 0.6": above}
    for row in rows_of(kept):
        assert row["rejected"] != row["chosen"]
        assert row["chosen"].endswith(f"Answer: {row['gold']}.")
        assert 0 < row["change_ratio"] <= 0.6


def test_the_teachers_data_shows_no_wrong_answer(elicited: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> None:
    direct = Asking(ASKING.run, ASKING.sampling, thinking=False, direct=True)
    rectify(elicited[1], tmp_path / "taught.jsonl", "miniature", direct, say=silent)
    assert all(row["rejected"] is None and row["chosen"] for row in rows_of(tmp_path / "taught.jsonl"))


def test_corrections_by_hand_are_verified_and_failures_kept_with_the_reason(tmp_path: Path) -> None:
    errors = jsonl(tmp_path / "errors.jsonl", SUM, {**SUM, "id": "s2"}, {**SUM, "id": "s3"})
    hand = jsonl(
        tmp_path / "hand.jsonl",
        {"id": "s1", "chosen": "It is \\boxed{4}."},
        {"id": "s2", "corrected": "It is \\boxed{6}."},
    )
    counts = rectify(errors, tmp_path / "out.jsonl", str(hand), ASKING, say=silent)
    assert counts == {"verified": 1, "the corrected answer is wrong": 1, "not in the file": 1}
    assert [row["id"] for row in rows_of(tmp_path / "out.jsonl")] == ["s1"]
    reasons = {row["id"]: row["reason"] for row in rows_of(tmp_path / "out.failures.jsonl")}
    assert reasons == {"s2": "the corrected answer is wrong: 6", "s3": "not in the file"}


def test_a_model_is_asked_and_the_same_command_asks_nothing_twice(
    elicited: tuple[Path, Path, dict[str, int]], tmp_path: Path
) -> None:
    few = jsonl(tmp_path / "errors.jsonl", *rows_of(elicited[1])[:3])
    out = tmp_path / "pairs.jsonl"
    for _ in range(2):
        with pytest.raises(UserError, match="no correction is right"):  # the base was never taught to mend
            rectify(few, out, str(BASE), ASKING, say=silent)
        assert not out.exists()
        assert len(rows_of(tmp_path / "pairs.failures.jsonl")) == 3
    assert len(rows_of(tmp_path / "pairs.oracle" / "generations.jsonl")) == 3
    assert len(list((tmp_path / "pairs.oracle" / "sessions").iterdir())) == 1


def test_a_verifier_of_ones_own_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(
        "def same_word(row, text):\n    return None if text == '?' else text.strip().lower() == row['answer']\n"
    )
    monkeypatch.chdir(tmp_path)
    capital = {"prompt": "The capital of France?", "rejected": "Lyon", "gold": "paris"}
    errors = jsonl(tmp_path / "e.jsonl", *({**capital, "id": name} for name in ("a", "b", "c")))
    said = {"a": "Paris", "b": "Nice", "c": "?"}
    hand = jsonl(tmp_path / "h.jsonl", *({"id": name, "chosen": text} for name, text in said.items()))
    counts = rectify(errors, tmp_path / "out.jsonl", str(hand), ASKING, verifier="mine:same_word", say=silent)
    assert counts == {"verified": 1, "the corrected answer is wrong": 1, "not judged": 1}


def test_the_published_columns_are_read(tmp_path: Path) -> None:
    published = {
        "index": 7, "prompt": "<chat>How many?</chat>", "question": "How many?", "original_answer": "Two.",
        "gemini_corrected_answer": "Three.", "ground_truth": "3", "data_source": "dapo",
    }  # fmt: skip
    turns = {"prompt": [{"role": "user", "content": "Q"}], "chosen": [{"role": "assistant", "content": "A"}]}
    first, second = read_pairs(jsonl(tmp_path / "p.jsonl", published, {**turns, "rejected": "B"}))
    assert (first["id"], first["rejected"], first["chosen"], first["gold"]) == ("7", "Two.", "Three.", "3")
    assert first["prompt"] == [{"role": "user", "content": "How many?"}]
    assert (second["id"], second["chosen"], second["rejected"]) == ("2", "A", "B")


def test_a_pair_that_asks_what_a_benchmark_asks_is_found(tmp_path: Path) -> None:
    from spot_eval.miniature import items

    asked = items("mini_instructions", "test", 1, 3)[0].prompt
    copied = {**SUM, "id": "copy", "prompt": asked}
    file = jsonl(tmp_path / "p.jsonl", SUM, copied)
    found = check_pairs(file, "miniature", n=13, share=0.5, out=tmp_path / "clean.jsonl", data_dirs=[], data_files={})
    assert [(one["id"], one["task"], one["share"]) for one in found["overlapping"]] == [
        ("copy", "mini_instructions", 1.0)
    ]
    assert [row["id"] for row in rows_of(tmp_path / "clean.jsonl")] == ["s1"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"rejected": "x"}, "line 2: no prompt"),
        ({"prompt": 3, "rejected": "x"}, "line 2: column 'prompt' is neither a text nor a list of turns: 3"),
        ({"prompt": "q", "chosen": ["x"]}, "line 2: column 'chosen' is neither"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(read_pairs(jsonl(tmp_path / "p.jsonl", SUM, row)))


def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    errors = jsonl(tmp_path / "e.jsonl", SUM)
    out = tmp_path / "out.jsonl"
    with pytest.raises(UserError, match="there is no grader 'nope'"):
        rectify(
            errors,
            out,
            str(jsonl(tmp_path / "h.jsonl", {"id": "s1", "chosen": "4"})),
            ASKING,
            verifier="nope",
            say=silent,
        )
    with pytest.raises(UserError, match="corrects 'x', and there is no such row"):
        rectify(errors, out, str(jsonl(tmp_path / "h.jsonl", {"id": "x", "chosen": "4"})), ASKING, say=silent)
    with pytest.raises(UserError, match="line 1: expected the columns id and chosen"):
        rectify(errors, out, str(jsonl(tmp_path / "h.jsonl", {"id": "s1"})), ASKING, say=silent)
    with pytest.raises(UserError, match="not an item of the miniature"):
        rectify(errors, out, "miniature", ASKING, say=silent)
    with pytest.raises(UserError, match="has no rejected answer"):
        rectify(jsonl(tmp_path / "n.jsonl", {**SUM, "rejected": None}), out, "miniature", ASKING, say=silent)
    (tmp_path / "prompt.txt").write_text("Mend {answer}.")
    with pytest.raises(UserError, match="lacks {question}"):
        read_wording(tmp_path / "prompt.txt")
    with pytest.raises(UserError, match="does not exist"):
        elicit_run(tmp_path / "none", out, right=False, per_doc=None, keep_truncated=False)
    assert not out.exists()
