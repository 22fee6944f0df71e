"""Records are checked where they are read: a wrong value is one sentence with file, line and field."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Sample
from spot_eval.core.schemas import RECORDS
from tests.core.made_records import SAMPLE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


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


@given(st.sampled_from(sorted(RECORDS)), st.dictionaries(st.sampled_from(sorted(asdict(SAMPLE))), JSON))
def test_any_object_is_a_record_or_has_a_fault_in_words(kind: str, row: dict[str, Any]) -> None:
    fault = RECORDS[kind].fault(row)
    assert fault is None or (isinstance(fault, str) and len(fault) < 1500)
