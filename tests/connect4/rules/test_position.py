"""Only positions a game can reach are boards; the cells that win at once are what a brute look says."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect4 import COLUMNS, ROWS, Board, immediate_wins, render

EMPTY = ["_______"] * 6


def played(columns):
    """The board after these columns, leaving out drops that are not legal."""
    board = Board.from_rows(EMPTY)
    for column in columns:
        after = board.play(column) if column in {c for _, c in board.landing_cells()} else board
        if after.winner():
            break
        board = after
    return board


boards = st.lists(st.integers(0, COLUMNS - 1), max_size=42).map(played)


def four_somewhere(grid, player):
    """An independent check: all 69 lines of four, written out."""
    lines = [
        [(r + i * dr, c + i * dc) for i in range(4)]
        for r in range(ROWS)
        for c in range(COLUMNS)
        for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1))
        if 0 <= r + 3 * dr < ROWS and 0 <= c + 3 * dc < COLUMNS
    ]
    assert len(lines) == 69
    return any(all(grid[r][c] == player for r, c in line) for line in lines)


@given(boards)
def test_immediate_wins_are_the_drops_that_make_four(board):
    for player, found in zip((board.player, board.opponent), immediate_wins(board), strict=True):
        expected = set()
        for r, c in board.landing_cells():
            grid = [list(row) for row in board.cells]
            grid[r][c] = player
            if four_somewhere(grid, player):
                expected.add((r, c))
        assert found == expected


@given(boards)
def test_text_and_back(board):
    assert Board.from_state(board.to_state()) == board
    assert Board.from_rows(board.cells[::-1]) == board


@given(boards)
def test_a_mirrored_board_has_mirrored_wins(board):
    mirrored = Board.from_rows([row[::-1] for row in board.cells[::-1]])
    for a, b in zip(immediate_wins(board), immediate_wins(mirrored), strict=True):
        assert {(r, COLUMNS - 1 - c) for r, c in a} == b


def test_x_begins_and_players_take_turns():
    board = Board.from_rows(EMPTY)
    assert (board.player, board.opponent) == ("X", "O")
    assert board.play(3).player == "O"
    assert board.play(3).cells[0] == "___X___"
    assert board.play(3).play(3).cells[1] == "___O___"


def test_a_full_column_takes_no_stone():
    board = played([0] * 6)
    assert (6, 0) not in board.landing_cells()
    with pytest.raises(ValueError, match="column 0"):
        board.play(0)


def test_gap_and_diagonal_wins_are_seen():
    gap = Board.from_rows(["_______"] * 5 + ["XX_XOOO"])
    assert immediate_wins(gap) == ({(0, 2)}, frozenset())
    diagonal = Board.from_rows(["_______", "_______", "_______", "__XO___", "_XOO___", "XOOX__X"])
    assert immediate_wins(diagonal) == ({(3, 3)}, frozenset())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["_______"] * 4 + ["X______", "_O_____"], r"cell \(1,0\): the stone floats, cell \(0,0\)"),
        (["_______"] * 5 + ["XX_____"], "2 stones of X and 0 of O"),
        (["_______"] * 5 + ["O______"], "0 stones of X and 1 of O"),
        (["_______"] * 4 + ["OOO____", "XXXX___"], r"cell \(0,0\): X has already won"),
        (["_______"] * 5 + ["x______"], r"cell \(0,0\): unknown symbol 'x'"),
        (["_______"] * 5 + ["______"], "row 0: expected 7 cells, found 6"),
        (["_______"] * 5, "6 rows, found 5"),
    ],
)
def test_what_no_game_reaches_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        Board.from_rows(rows)


STATE = Board.from_rows(["_______"] * 5 + ["X______"]).to_state()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(2,3):_ ", "", r"cell \(2,3\) is missing"),
        ("(2,3):_ ", "(2,3):_ (2,3):_ ", r"cell \(2,3\) is given twice"),
        ("(2,3):_ ", "(2,3):? ", r"cell \(2,3\): unknown symbol '\?'"),
        ("(5,6):_", "(5,6):_ (6,0):_", r"cell \(6,0\) is outside"),
        ("'(1,0)', ", "", r"wrong at cell \(1,0\)"),
        ("'(1,0)'", "'(0,0)'", r"wrong at cell \(0,0\)"),
        ("'(1,0)'", "'(1,0)', '(1,0)'", r"wrong at cell \(1,0\)"),
        ("player O", "player X", "it is O's turn"),
    ],
)
def test_a_wrong_state_text_is_refused(old, new, message):
    assert old in STATE
    with pytest.raises(ValueError, match=message):
        Board.from_state(STATE.replace(old, new))


@given(st.text())
def test_any_text_is_a_board_or_a_value_error(text):
    with pytest.raises(ValueError, match=r"\S"):
        Board.from_state(text)


def test_the_prompt_shows_cells_moves_and_player():
    board = played(random.Random(2).choices(range(7), k=11))
    prompt = render(board)
    for r in range(ROWS):
        for c in range(COLUMNS):
            assert f"({r},{c}):{board.cells[r][c]}" in prompt
    assert ", ".join(f"({r},{c})" for r, c in board.landing_cells()) in prompt
    assert f"you play {board.player}" in prompt
    assert prompt.endswith("My move: [(row,column)]")


@pytest.mark.real
def test_all_published_labels_are_the_immediate_wins(mirror):
    path = mirror / "connect4_reference" / "connect4.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").strip().split("\n")]
    assert len(rows) == 500
    for row in rows:
        board = Board.from_state(row["state"])
        assert [set(map(tuple, cells)) for cells in row["answer"]] == list(immediate_wins(board))
        assert tuple(row["board_top_to_bottom"]) == board.cells[::-1]
