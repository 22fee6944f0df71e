"""JSON nested too deeply is one sentence, in every kind of file; long lists are not deep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.nested_json import MOST_NESTED
from spot_eval.core.record_files import read_lines


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
