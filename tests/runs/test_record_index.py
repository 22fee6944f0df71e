"""Every record is found by its name, in a file of any length and with any names."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.record_files import to_line
from spot_eval.core.records import Doc
from spot_eval.runs.record_index import RecordFile, index_docs, index_generations

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, NAMES), unique=True, max_size=20))
def test_each_doc_is_found_and_no_other(tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("docs") / "docs.jsonl"
    path.write_bytes(b"".join(to_line(Doc(task, 0, name, [], number, {})) for number, (task, name) in enumerate(names)))
    index = index_docs(path)
    with closing(RecordFile(path, Doc)) as file:
        for number, name in enumerate(names):
            place, record = index.get(name), file.read(index.get(name))
            assert place is not None
            assert record is not None
            assert (place.line, record["gold"]) == (number + 1, number)
            assert name in index
    assert len(index) == len(names)
    assert index.get(("no", "such doc", "at all")) is None


def test_the_last_of_one_name_counts_and_a_line_cut_short_by_a_kill_does_not(tmp_path: Path) -> None:
    path = tmp_path / "generations.jsonl"
    lines = [json.dumps({"key": key}).encode() + b"\n" for key in ("a", "b", "a")]
    path.write_bytes(b"".join(lines) + b'{"key":')
    index = index_generations(path)
    place = index.get(("a",))
    assert place is not None
    assert (place.line, place.start, place.length) == (3, len(lines[0] + lines[1]), len(lines[2]))
    path.write_bytes(lines[0] + b'{"key":\n' + lines[1])
    with pytest.raises(UserError, match="line 2: not a record"):
        index_generations(path)


def test_no_file_has_no_records(tmp_path: Path) -> None:
    index = index_generations(tmp_path / "generations.jsonl")
    assert (len(index), index.get(("a",))) == (0, None)
