"""What stands beside a Connect4 score: what guesses get, and what published boards get over fresh ones."""

from __future__ import annotations

import math

from connect4 import generate_boards
from spot_eval.core.records import Doc
from spot_eval.display.scoreboard import footer
from spot_eval.metrics.connect4_controls import PUBLISHED, TWINS, contamination, guessing
from tests.metrics.test_scoreboard import sample


def doc(task: str, number: int, row: dict) -> Doc:
    return Doc(task, number, f"{task}{number}", [], None, row)


def test_guesses_of_the_boards_that_were_asked() -> None:
    rows = [puzzle.row(number) for number, puzzle in enumerate(generate_boards(50, seed=1))]
    docs = [doc("connect4", number, row) for number, row in enumerate(rows)]
    broken = doc("connect4", 50, {"state": "no board"})
    found = guessing([*docs, broken])
    assert set(found) == {"connect4"}
    quiet = sum(row["answer"] == [[], []] for row in rows)
    assert found["connect4"]["none"]["joint"] == quiet / 50
    assert guessing([]) == {}


def test_the_probe_is_the_paired_difference_over_twins() -> None:
    published, twins = [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]
    samples = [sample(PUBLISHED, number, 0, score) for number, score in enumerate(published)]
    samples += [sample(TWINS, number, 0, score) for number, score in enumerate(twins)]
    found = contamination(samples)
    assert found is not None
    assert (found["published"], found["twins"], found["mean"], found["docs"]) == (0.75, 0.25, 0.5, 4)
    assert math.isclose(found["stderr"], math.sqrt(1 / 3) / 2)  # differences 1, 0, 0, 1


def test_without_both_sets_there_is_no_probe() -> None:
    assert contamination([sample(PUBLISHED, 0, 0, 1.0)]) is None
    assert contamination([]) is None


def test_boards_that_were_not_judged_are_left_out_of_the_probe() -> None:
    samples = [
        sample(PUBLISHED, 0, 0, 1.0),
        sample(TWINS, 0, 0, 0.0),
        sample(PUBLISHED, 1, 0, None),
        sample(TWINS, 1, 0, 1.0),
    ]
    found = contamination(samples)
    assert found is not None
    assert (found["docs"], found["mean"], found["stderr"]) == (1, 1.0, None)


def test_the_scoreboard_prints_both() -> None:
    board = {
        "cost": {"tokens_per_s": None},
        "tasks": {},
        "left_out": {},
        "guessing": {"connect4": {"none": {"joint": 0.04}, "at random": {"joint": 0.0168}}},
        "contamination": {"published": 0.5, "twins": 0.3, "mean": 0.2, "stderr": 0.02, "docs": 500},
    }
    lines = footer(board)
    assert "connect4, for comparison: 'none' everywhere scores 4.0, a random answer 1.7" in lines
    assert any(
        "published boards 50.0, fresh twins 30.0, difference +20.0 ± 2.0 over 500 pairs" in line for line in lines
    )
