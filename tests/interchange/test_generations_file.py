"""Generations made elsewhere, line by line: what is read, what is refused, and how that is said."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.interchange.generations_file import FINISH_REASONS, TEXT, GenerationRow, read_rows, size

GOOD = {"task": "aime24", "doc_id": 3, "text": "4"}


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "answers.jsonl"
    texts = [row if isinstance(row, (str, bytes)) else json.dumps(row) for row in rows]
    path.write_bytes(b"".join((text.encode() if isinstance(text, str) else text) + b"\n" for text in texts))
    return path


def test_a_row_says_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    full = {
        **GOOD, "doc_hash": "5b", "messages": [{"role": "user", "content": "2+2?", "name": "me"}], "prompt": "2+2?",
        "repeat": 2, "finish_reason": "max_tokens", "prompt_tokens": 9, "output_tokens": 1, "model": "m", "odd": {},
    }  # fmt: skip
    bare, whole = read_rows(write(tmp_path, GOOD, full))
    assert bare == GenerationRow(1, "aime24", "4", 3, None, None, None, 0, None, None, None, None)
    messages = [{"role": "user", "content": "2+2?"}]
    assert whole == GenerationRow(2, "aime24", "4", 3, "5b", messages, "2+2?", 2, "length", 9, 1, "m")


@pytest.mark.parametrize("name", TEXT)
def test_the_answer_has_many_names(tmp_path: Path, name: str) -> None:
    (row,) = read_rows(write(tmp_path, {"task": "t", "doc_id": 0, name: "x"}))
    assert row.text == "x"


def test_the_documentation_names_every_column_and_spelling() -> None:
    text = (Path(__file__).parents[2] / "docs" / "generations.md").read_text()
    columns = set(GenerationRow.__dataclass_fields__) - {"line", "file", "absence"}
    for name in {*columns, *TEXT, *FINISH_REASONS}:
        assert f"`{name}`" in text, name


def test_null_is_no_answer_and_blank_lines_are_nothing(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path, "", {**GOOD, "text": None}, "  ")))
    assert [(row.line, row.text) for row in rows] == [(2, None)]


BAD: list[tuple[Any, str]] = [
    ('{"task": ', "line 2: broken JSON"),
    ("[" * 100_000, "line 2: broken JSON"),
    ("[1]", "line 2: expected an object, found [1]"),
    (b'{"text": "caf\xe9"}', "line 2: not UTF-8 (invalid continuation byte); save the file in UTF-8"),
    (json.dumps(GOOD).encode("utf-16"), "line 2: not UTF-8 (invalid start byte); save the file in UTF-8"),
    ({"doc_id": 3, "text": "4"}, "line 2: there is no column task"),
    ({**GOOD, "task": 3}, "line 2, column task: expected a string, found 3"),
    ({**GOOD, "task": ""}, "line 2, column task: expected the name of a task"),
    ({"task": "t", "text": "4"}, "line 2: no column names the doc it answers (doc_id, doc_hash, messages, prompt)"),
    ({"task": "t", "doc_id": 0}, "line 2: no single column holds the answer (expected one of text, response"),
    ({**GOOD, "output": "5"}, "line 2: no single column holds the answer (both text and output could be it)"),
    ({**GOOD, "text": ["4"]}, 'line 2, column text: expected a string, found ["4"]; one answer per line'),
    ({**GOOD, "doc_id": "3"}, 'line 2, column doc_id: expected a whole number from 0, found "3"'),
    ({**GOOD, "doc_id": 3.0}, "line 2, column doc_id: expected a whole number from 0, found 3.0"),
    ({**GOOD, "doc_id": True}, "line 2, column doc_id: expected a whole number from 0, found true"),
    ({**GOOD, "repeat": -1}, "line 2, column repeat: expected a whole number from 0, found -1"),
    ({**GOOD, "messages": "2+2?"}, "line 2, column messages: expected a list of objects"),
    ({**GOOD, "messages": [{"role": "user", "content": [1]}]}, "line 2, column messages: expected a list of objects"),
    ({**GOOD, "finish_reason": "abort"}, "line 2, column finish_reason: expected stop, eos"),
    ({**GOOD, "output_tokens": "many"}, "line 2, column output_tokens: expected a whole number"),
    ({**GOOD, "doc_hash": "\n" * 99}, None),
]


@pytest.mark.parametrize(("row", "message"), BAD)
def test_what_is_wrong_is_named_by_line_and_column(tmp_path: Path, row: Any, message: str | None) -> None:
    path = write(tmp_path, GOOD, row)
    if message is None:
        assert len(list(read_rows(path))) == 2
        return
    with pytest.raises(UserError) as caught:
        list(read_rows(path))
    assert str(caught.value).startswith(f"{path}, {message}")
    assert "\n" not in str(caught.value)


@given(st.dictionaries(
    st.sampled_from(["task", "doc_id", "doc_hash", "messages", "prompt", "text", "output", "repeat", "finish_reason"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
                 lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)),
))  # fmt: skip
def test_any_object_is_a_row_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text(json.dumps(values))
    sentence = ""
    try:
        (row,) = read_rows(path)
    except UserError as problem:
        sentence = str(problem)
    if sentence:
        assert sentence.startswith(f"{path}, line 1")
    else:
        assert isinstance(row.task, str)
        assert row.text is None or isinstance(row.text, str)


def test_gzip_is_read_as_the_plain_file_and_a_cut_one_is_said(tmp_path: Path) -> None:
    plain = write(tmp_path, *({**GOOD, "doc_id": n, "text": "x" * n} for n in range(500)))
    packed = tmp_path / "answers.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    read: list[bytes] = []
    assert list(read_rows(packed, read=read.append)) == list(read_rows(plain))
    assert b"".join(read) == plain.read_bytes()
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"answers.jsonl.gz: cannot be read \("):
        list(read_rows(packed))


def test_where_there_is_no_file_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file; give a .jsonl file"):
        size(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="is a folder"):
        size(tmp_path)
