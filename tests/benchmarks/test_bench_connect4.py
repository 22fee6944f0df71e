"""docs/connect4.md shows the kept run of the Connect4 bench and claims no more; the bench itself runs in short form."""

import json
import random
from itertools import islice
from pathlib import Path

import bitbully.bitbully_core as bitbully

from connect4 import Solver
from tests.benchmarks.bench_connect4 import (
    HARD,
    KEPT,
    WANTED,
    by_batch,
    by_bitbully,
    by_calls,
    games,
    measure,
    sentence,
    table,
    verdict,
)

PAGE = Path(__file__).parents[2] / "docs" / "connect4.md"


def test_the_page_shows_the_kept_run_and_its_claims_hold_there():
    kept, page = json.loads(KEPT.read_text(encoding="utf-8")), PAGE.read_text(encoding="utf-8")
    assert f"{table(kept)}<!-- end -->" in page
    assert sentence(kept) in page
    wrong, slow = verdict(kept)
    assert (wrong, slow) == (0, [])
    assert "All scores agree." in page
    assert kept["drawn"]
    assert {row["class"]: row["positions"] for row in kept["rows"]} == WANTED | HARD
    assert kept["table_bits"] == 22


def test_what_is_slower_or_wrong_is_named():
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    row = next(row for row in kept["rows"] if row["ours_to_it"] is not None)
    row["ours_to_it"], row["differs"] = 1.25, 2
    assert verdict(kept) == (2, [f"{row['class']} {row['table']} 1.25x of {row['solver']}"])
    assert table(kept) not in PAGE.read_text(encoding="utf-8")


def test_all_solvers_say_the_same_in_every_way_they_are_called():
    lines = list(islice(games(random.Random(3), 30, 36), 4))
    ours = Solver(tt_bits=12)
    solvers = {"ours": by_calls(ours), "batch": by_batch(ours), "BitBully": by_bitbully(bitbully.BitBullyCore())}
    rows = list(measure({"end-hard": lines}, solvers))
    assert [row["table"] for row in rows] == ["warm"] * 3 + ["cold"] * 3
    assert all(row["differs"] == 0 for row in rows)
    assert rows[3]["nodes"] == rows[4]["nodes"]
