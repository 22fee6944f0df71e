"""Files of records: what is written is read again, and a bad line is named in one sentence."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.record_files import read_records, to_line
from spot_eval.core.records import Doc, Failure, Generation, Likelihood, Sample
from tests.core.made_records import SAMPLE, generation


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


@given(st.text(st.characters()))  # surrogates and line separators included
def test_any_text_survives_the_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("records") / "generations.jsonl"
    path.write_bytes(to_line(generation(text)) + to_line(replace(generation(text), key="other")))
    assert [one.text for one in read_records(path, Generation)] == [text, text]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "generations.jsonl"
    path.write_bytes(to_line(generation("a")) + b'{"key": \n')
    with pytest.raises(UserError, match=r"generations\.jsonl, line 2: not JSON"):
        list(read_records(path, Generation))


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    row = json.loads(to_line(generation("a")))
    del row["finish_reason"]
    path = tmp_path / "generations.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match=r"line 1: .*; finish_reason: it is missing; expected stop, length or unknown"):
        list(read_records(path, Generation))


@pytest.mark.parametrize(("kind", "record"), [
    (Sample, SAMPLE), (Doc, Doc("t", 0, "h", [], None, {})),
    (Generation, Generation("k", "t", 0, "h", 0, None, "", "stop", None, None, None)),
])  # fmt: skip
def test_a_doubled_record_is_named(tmp_path: Path, kind: type[Any], record: Any) -> None:
    (tmp_path / "records.jsonl").write_bytes(to_line(record) * 2)
    with pytest.raises(UserError, match="line 2: the record of line 1 is there a second time"):
        list(read_records(tmp_path / "records.jsonl", kind))


def test_records_that_only_share_a_hash_are_two_and_a_later_double_is_still_named(tmp_path: Path) -> None:
    twins = [replace(SAMPLE, doc_id=0), replace(SAMPLE, doc_id=sys.hash_info.modulus), replace(SAMPLE, doc_id=7)]
    assert hash(twins[0].doc_id) == hash(twins[1].doc_id)
    path = tmp_path / "samples.jsonl"
    path.write_bytes(b"".join(map(to_line, twins)))
    assert list(read_records(path, Sample)) == twins
    path.write_bytes(b"".join(map(to_line, [*twins, twins[2]])))
    with pytest.raises(UserError, match="line 4: the record of line 3 is there a second time"):
        list(read_records(path, Sample))


def test_equal_values_of_many_samples_are_kept_once_and_stay_what_they_are(tmp_path: Path) -> None:
    given = [
        replace(SAMPLE, repeat=repeat, score=score, not_judged=score is None, metrics={}, weights={}, why="no answer")
        for repeat, score in enumerate((1.0, 1, 0.0, None))
    ]
    path = tmp_path / "samples.jsonl"
    path.write_bytes(b"".join(map(to_line, given)))
    first, *others = read = list(read_records(path, Sample))
    assert [repr(one) for one in read] == [repr(one) for one in given]
    assert all(other.why is first.why and other.doc_hash is first.doc_hash for other in others)
