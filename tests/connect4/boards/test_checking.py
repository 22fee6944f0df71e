"""A check finds what is not true, says where, and passes what is true."""

import json

import pytest

from connect4 import generate_boards, truth
from connect4.boards.checking import check_set
from connect4.boards.set_files import manifest, set_lines, write_set
from connect4.task.answers import to_answer

BOARDS = generate_boards(40, seed=6)
ROWS = [json.loads(line) for line in set_lines(BOARDS).decode().splitlines()]


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "a.jsonl"
    content = set_lines(BOARDS)
    write_set(place, content, manifest(BOARDS, content, file="a.jsonl", seed=6, drawn=True, excluded=[]))
    return place


def rewritten(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path.with_suffix(".manifest.json").unlink()
    return check_set(path)


def test_what_the_generator_writes_passes(path):
    told = []
    report = check_set(path, told.append)
    assert (report.problems, report.remarks, report.manifest) == ([], [], True)
    assert (report.boards, report.level, sum(told)) == (40, 1, 40)
    assert sum(report.classes.values()) == 40


def test_one_changed_byte_is_no_longer_the_set_of_the_manifest(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"id":7', b'"id":9'))
    assert any("the manifest's sha256 is" in problem for problem in check_set(path).problems)


def test_a_changed_manifest_is_found_out(path):
    place = path.with_suffix(".manifest.json")
    said = json.loads(place.read_text())
    said["strata"]["1/1"]["7-12"] += 1
    said["guessing"]["none"]["joint"] = 0.5
    place.write_text(json.dumps(said))
    problems = check_set(path).problems
    assert any("strata" in problem for problem in problems)
    assert any("guessing" in problem for problem in problems)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": [[[5, 6]], [[5, 6]]]}, "line 3: the answer is"),
        ({"answer": None}, "line 3: field 'answer' is missing"),
        ({"player": "Z"}, "turn, not Z's"),
        ({"moves": "44"}, "line 3: field 'moves' leads to another board"),
        ({"moves": "4x"}, "line 3: field 'moves', move 2: 'x' is not a column"),
        ({"moves": 44}, "line 3: field 'moves' is int, not text"),
    ],
)
def test_a_wrong_row_is_named(path, change, message):
    rows = [dict(row) for row in ROWS]
    rows[2] |= change
    problems = rewritten(path, rows).problems
    assert len(problems) == 1
    assert message in problems[0]


def test_doubles_are_problems_and_mirror_images_too_where_a_manifest_promises_none(path):
    assert rewritten(path, [*ROWS, ROWS[4]]).problems == ["line 41: the same board as line 5"]
    mirrored = BOARDS[4].position.mirror()
    row = {"state": mirrored.to_state(), "answer": to_answer(1, truth(mirrored, 1))}
    report = rewritten_without_manifest(path, [*ROWS, row])
    assert report.problems == []
    assert "line 41: the mirror image of line 5" in report.remarks


def rewritten_without_manifest(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return check_set(path)


def test_levels_do_not_mix(path):
    other = generate_boards(1, seed=6, level=2)[0].row(0)
    assert "another level or size" in rewritten(path, [*ROWS, other]).problems[0]


def test_a_board_no_game_leaves_is_found_out(path):
    from connect4 import Position

    board = Position.from_rows(["_______"] * 4 + ["XXX_XXX", "OOO_OOO"])
    row = {"state": board.to_state(), "answer": to_answer(1, truth(board, 1))}
    assert "no game reaches this board" in rewritten(path, [*ROWS, row]).problems[0]


@pytest.mark.real
def test_the_published_set_is_sound_but_for_two_mirror_images(mirror):
    report = check_set(mirror / "connect4_reference" / "connect4.jsonl")
    assert (report.boards, report.problems, report.plies) == (500, [], (3, 39))
    assert report.to_move == {"O": 248, "X": 252}
    assert sum("mirror image" in remark for remark in report.remarks) == 2
    assert report.classes["0/0"] == 100
