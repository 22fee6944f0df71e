"""Records are checked where they are read: types, ranges, keys and depth, in one sentence with file and line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.record_files import read_lines, read_records, to_line
from spot_eval.core.records import Doc, Failure, Generation, Likelihood, Sample
from spot_eval.core.schemas import MOST_NESTED, RECORDS

SAMPLE = Sample(
    key="k", task="t", doc_id=0, doc_hash="h", repeat=0, score=1.0, extracted="1", why="", truncated=None,
    unparsed=False, not_judged=False, prompt_tokens=None, output_tokens=3, text_hash="x", grader="maths/1",
    metrics={"a": 0.5, "b": None}, weights={"a": 2.0},
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "record",
    [
        SAMPLE,
        Doc("t", 0, "h", [{"role": "user", "content": "?"}], ["any"], {}),
        Generation("k", "t", 0, "h", 0, None, "text", "unknown", None, None, None),
        Likelihood("k", "t", 0, "h", 0, 1, "a", "stop", 1, 0, 0, choices=[{"logprob": -1.5, "greedy": True}]),
        Failure("k", "t", 0, "h", 0, "refused"),
    ],
)
def test_what_is_written_is_read_again(tmp_path: Path, record: Any) -> None:
    (tmp_path / "records.jsonl").write_bytes(to_line(record))
    kind = Generation if isinstance(record, Generation) else type(record)
    assert list(read_records(tmp_path / "records.jsonl", kind)) == [record]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("score", float("nan"), "score: expected a number from 0 to 1 or null, found NaN"),
        ("score", 7.5, "score: expected a number from 0 to 1 or null, found 7.5"),
        ("score", True, "score: expected a number from 0 to 1 or null, found true"),
        ("score", None, "not_judged is true for a score of null, and for no other"),
        ("repeat", -1, "repeat: expected a whole number from 0, found -1"),
        ("doc_id", 0.5, "doc_id: expected a whole number from 0, found 0.5"),
        ("task", "", 'task: expected a name of 1 to 1000 characters, found ""'),
        ("task", "x" * 5000, "task: expected a name of 1 to 1000 characters, found \"xxx"),
        ("metrics", {"a": float("inf")}, "metrics.a: expected a finite number or null, found Infinity"),
        ("metrics", [], r"metrics: expected an object, found []"),
        ("text_hash", 3, "text_hash: expected a string, found 3"),
    ],
)  # fmt: skip
def test_a_field_with_a_wrong_value_is_one_sentence(tmp_path: Path, field: str, value: Any, message: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(
        json.dumps(asdict(SAMPLE)) + "\n" + json.dumps({**asdict(SAMPLE), "repeat": 1, field: value}) + "\n"
    )
    with pytest.raises(UserError) as found:
        list(read_records(path, Sample))
    assert f"{path}, line 2: not a record as this version writes it; {message}" in str(found.value)
    assert len(str(found.value)) < len(str(path)) + 300


@pytest.mark.parametrize(("kind", "record"), [
    (Sample, SAMPLE), (Doc, Doc("t", 0, "h", [], None, {})),
    (Generation, Generation("k", "t", 0, "h", 0, None, "", "stop", None, None, None)),
])  # fmt: skip
def test_a_doubled_record_is_named(tmp_path: Path, kind: type[Any], record: Any) -> None:
    (tmp_path / "records.jsonl").write_bytes(to_line(record) * 2)
    with pytest.raises(UserError, match="line 2: the record of line 1 is there a second time"):
        list(read_records(tmp_path / "records.jsonl", kind))


@pytest.mark.parametrize("depth", [MOST_NESTED + 1, 900, 100_000])
def test_deep_nesting_is_one_sentence(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"a":' * depth + "1" + "}" * depth + "\n")
    with pytest.raises(UserError, match=rf"line 1: nested deeper than {MOST_NESTED} levels"):
        list(read_lines(path))
    with pytest.raises(UserError, match=f"nested deeper than {MOST_NESTED} levels"):
        read_json(path)


def test_many_lists_beside_each_other_are_not_deep(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    row = {"a": [[]] * 1000, "text": "{" * 1000}
    path.write_text(json.dumps(row) + "\n")
    assert list(read_lines(path)) == [row]
    assert read_json(path) == row


@given(st.sampled_from(sorted(RECORDS)), st.dictionaries(st.sampled_from(sorted(asdict(SAMPLE))), JSON))
def test_any_object_is_a_record_or_has_a_fault_in_words(kind: str, row: dict[str, Any]) -> None:
    fault = RECORDS[kind].fault(row)
    assert fault is None or (isinstance(fault, str) and len(fault) < 1500)
