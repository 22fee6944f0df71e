"""A set on disk: the same bytes for a seed, read back whole; what is broken is named by line and reason."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect4 import SetError, generate_boards, read_row, read_set
from connect4.boards.set_files import manifest, manifest_path, read_manifest, set_lines, write_set

BOARDS = generate_boards(30, seed=5)
CONTENT = set_lines(BOARDS)
ROWS = [json.loads(line) for line in CONTENT.decode().splitlines()]


def about(content=CONTENT):
    return manifest(BOARDS, content, file="a.jsonl", seed=5, drawn=False, excluded=[])


def test_a_set_and_back(tmp_path):
    path = tmp_path / "a.jsonl"
    write_set(path, CONTENT, about())
    assert path.read_bytes() == CONTENT
    items = read_set(path)
    assert [(item.board, item.known) for item in items] == [(puzzle.position, puzzle.truth) for puzzle in BOARDS]
    assert [item.line for item in items] == list(range(1, 31))
    assert read_manifest(path)["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jsonl", "a.manifest.json"]


def test_the_manifest_says_how_to_make_the_set_again():
    said = about()
    made = generate_boards(said["boards"], said["seed"], level=said["level"])
    assert hashlib.sha256(set_lines(made)).hexdigest() == said["sha256"]
    assert sum(sum(row.values()) for row in said["strata"].values()) == 30
    assert said["guessing"]["none"]["joint"] <= 0.05


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path):
    path = tmp_path / "a.jsonl"
    manifest_path(path).write_text("{}")
    with pytest.raises(SetError, match=r"a\.manifest\.json exists already"):
        write_set(path, CONTENT, about())
    assert not path.exists()
    with pytest.raises(SetError, match="cannot write"):
        write_set(tmp_path / "no" / "a.jsonl", CONTENT, about())


def changed(**fields):
    return {**ROWS[3], **fields}


def without(name):
    return {key: value for key, value in ROWS[3].items() if key != name}


STATE = ROWS[3]["state"]
FLOATING = "\n".join(" ".join(f"({r},{c}):{'X' if (r, c) == (2, 4) else '_'}" for c in range(7)) for r in range(6))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"state": ', r"line 4: broken JSON"),
        ("[1, 2]", r"line 4: expected a JSON object, found list"),
        (without("state"), r"line 4: field 'state' is missing"),
        (changed(state=FLOATING), r"line 4: field 'state' is not a board: cell \(2,4\): the stone floats"),
        (changed(state=STATE.replace("(5,6):_", "(5,6):Z")), r"line 4: field 'state' is not a board: cell \(5,6\)"),
        (changed(answer=[[]]), r"line 4: field 'answer' is \[\[\]\]; level 1 expects two lists"),
        (
            changed(level=3, answer={"result": "win", "in": 2, "best": [[5, 9]]}),
            r"line 4: field 'answer': no stone can land on the best cell \(5, 9\)",
        ),
        (changed(level=9), r"line 4: level 9 is none of 1, 2, 3"),
        (changed(level=True), r"line 4: level True is none of"),
        (changed(rows="6"), r"line 4: field 'rows' is '6', not a whole number"),
        (changed(columns=8), r"line 4: field 'state' is not a board: cell \(0,7\) is missing"),
        (changed(rows=20), r"line 4: 20 rows and 7 columns are too many"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    lines = [json.dumps(row) for row in ROWS]
    lines[3] = line if isinstance(line, str) else json.dumps(line)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(SetError, match=message):
        read_set(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no boards in it"), (b"\n \n", "no boards in it"), (b'{"state": "\xff"}', "byte 11 is not UTF-8")],
)
def test_a_file_without_boards(tmp_path, content, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(SetError, match=message):
        read_set(path)


def test_no_file():
    with pytest.raises(SetError, match=r"nowhere\.jsonl: cannot be read"):
        read_set(Path("nowhere.jsonl"))


def test_a_row_needs_only_a_board():
    item = read_row({"state": STATE})
    assert (item.level, item.known) == (1, None)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["result", "in", "best"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["level", "rows", "columns", "connect", "state", "answer"]), values))
def test_any_row_is_a_board_or_a_value_error(fields):
    with pytest.raises(ValueError, match=r"\S"):
        read_row(fields)


@given(st.sampled_from([1, 2, 3]), values)
def test_any_answer_is_read_or_refused_by_name(level, answer):
    row = {"state": STATE, "level": level, "answer": answer}
    try:
        assert (read_row(row).known is None) == (answer is None)
    except ValueError:
        with pytest.raises(ValueError, match="field 'answer'"):
            read_row(row)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_boards_or_a_set_error(content):
    from connect4.boards.set_files import parse_set

    with pytest.raises(SetError, match="^a"):
        list(parse_set(content, "a"))
