"""Files of rows: JSON Lines and CSV are read row by row, and a bad file is named in one sentence."""

import json

import pytest

from spot_eval.core.errors import UserError
from spot_eval.tasks.data.row_files import read_rows

ROW = {"problem": "one\u2028two\x85three", "answer": "1"}


def test_lines_end_at_newline_only(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in (ROW, {})) + "\n\n", encoding="utf-8")
    assert [(row.values, row.where) for row in read_rows(path)] == [(ROW, f"{path}, line 1"), ({}, f"{path}, line 2")]


def test_a_csv_has_a_head_and_quoted_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfproblem,answer\n"two\nlines",1\n')
    (row,) = read_rows(path)
    assert (row.values, row.where) == ({"problem": "two\nlines", "answer": "1"}, f"{path}, line 3")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"x", "not from .parquet"),
        ("a", b"x", "not from a file without a suffix"),
        ("a.jsonl", b'{"problem": "\xff"}', "byte 13 is not UTF-8"),
        ("a.jsonl", b'{}\n{"problem": ', "line 2: broken JSON"),
        ("a.jsonl", b"[1]", "line 1: expected a JSON object, found list"),
        ("missing/a.csv", None, "cannot be read"),
    ],
)
def test_a_bad_file_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_rows(path))
