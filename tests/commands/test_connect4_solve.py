"""`spot-eval connect4 solve` as a user types it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from connect4 import Position
from spot_eval.cli import app
from spot_eval.core.errors import UserError

FULL = "44444412233621"  # the fourth column is
ROWS = ["___O___", "___X___", "___O___", "_X_X___", "OXXO___", "XOOX_O_"]


def solve(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["connect4", "solve", "--table-bits", "16", *arguments], input=text)


def test_every_column_with_its_score_and_the_best_marked() -> None:
    done = solve("445566")
    assert done.exit_code == 0, done.output
    assert "X to move, win in 1 (score 18)" in done.stdout
    lines = done.stdout.split("\n")
    assert sum("best" in line for line in lines) == 2
    assert any(line.split() == ["2", "(0,2)", "18", "win", "in", "1", "best"] for line in lines)
    assert any(line.split() == ["3", "(2,3)", "17", "win", "in", "2"] for line in lines)


def test_moves_rows_and_state_text_are_the_same_position() -> None:
    position = Position.from_rows(ROWS)
    ways = [("/".join(ROWS), None), ("-", "\n".join(ROWS) + "\n"), (position.to_state(), None)]
    answers = [json.loads(solve(given, "--json", text=text).stdout) for given, text in ways]
    for answer in answers:
        del answer["seconds"]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["rows"] == ROWS
    assert (answers[0]["player"], answers[0]["ply"]) == ("X", 14)
    assert max(score for score in answers[0]["scores"] if score is not None) == answers[0]["score"]
    assert [answers[0]["scores"][column] for column in answers[0]["best"]] == [answers[0]["score"]] * len(
        answers[0]["best"]
    )


def test_a_full_column_has_no_score() -> None:
    answer = json.loads(solve(FULL, "--json").stdout)
    assert answer["scores"][3] is None
    assert answer["win_in_by_column"][3] is None
    assert "full" in solve(FULL).stdout


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("48", "move 2: '8' is not a column; expected 1 to 7"),
        ("44x", "move 3: 'x' is not a column; expected 1 to 7"),
        ("4444444", "move 7: column 4 is full"),
        ("4455332", "move 7: X has won in column 2, nobody is to move"),
        (
            "/".join(["_______"] * 4 + ["X______", "_O_____"]),
            "cell (1,0): the stone floats, cell (0,0) below it is empty",
        ),
        (
            "/".join(["_______"] * 5 + ["XX_____"]),
            "2 stones of X and 0 of O: X moves first, so X has as many or one more",
        ),
        ("XO_", "a board has 6 rows, found 1"),
        ("(0,0):X", "cell (0,1) is missing from the state text"),
    ],
)
def test_bad_input_is_one_sentence(given: str, sentence: str) -> None:
    done = solve(given)
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == 2
    assert str(done.exception) == sentence


def test_a_table_too_small_or_a_board_too_large_is_refused() -> None:
    for arguments, sentence in [
        (["44", "--table-bits", "3"], "tt_bits is 3; a table for 6x7, connect 4 has between 2**10 and 2**32 entries"),
        (["44", "--rows", "9"], "9 rows and 7 columns are too many: columns x (rows + 1) may be 64 at most"),
    ]:
        done = CliRunner().invoke(app, ["connect4", "solve", *arguments])
        assert isinstance(done.exception, UserError)
        assert str(done.exception) == sentence


def test_a_file_of_positions_is_solved_line_by_line(tmp_path) -> None:
    file = tmp_path / "positions.txt"
    file.write_text(f"445566 18\n\n{FULL}\n")
    done = solve(str(file))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "445566   18  win in 1  best 2, 6"
    rows = [json.loads(line) for line in solve(str(file), "--json").stdout.splitlines()]
    assert [row["line"] for row in rows] == [1, 3]
    one = json.loads(solve(FULL, "--json").stdout)
    assert {name: rows[1][name] for name in ("player", "ply", "score", "win_in", "best")} == {
        name: one[name] for name in ("player", "ply", "score", "win_in", "best")
    }


def test_a_set_of_boards_is_a_file_of_positions(tmp_path) -> None:
    file = tmp_path / "boards.jsonl"
    file.write_text(json.dumps({"id": 5, "state": Position.from_rows(ROWS).to_state()}) + "\n")
    (row,) = [json.loads(line) for line in solve(str(file), "--json").stdout.splitlines()]
    one = json.loads(solve("/".join(ROWS), "--json").stdout)
    assert (row["position"], row["score"], row["best"]) == ("5", one["score"], one["best"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("445566 17\n", "1 of the 1 scores it gives are wrong, the first on line 1: 445566 has score 18, not 17"),
        ("44\n48\n", "line 2: move 2: '8' is not a column; expected 1 to 7"),
        ("44 x\n", "line 1: 'x' is not a score; expected a whole number"),
        ("44 1 2\n", "line 1: 3 words; expected moves, and a score if one is known"),
        ("\n", "no positions in it; expected one a line, as columns counted from 1 (4453)"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path, text: str, sentence: str) -> None:
    file = tmp_path / "positions.txt"
    file.write_text(text)
    done = solve(str(file))
    assert isinstance(done.exception, UserError)
    assert str(done.exception).endswith(sentence)
