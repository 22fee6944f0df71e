"""A grid of settings: its points, the choice, its ends, its frontier; and work that is kept in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.posttrain.grid import Point, at_end, best, claim_folder, do_all, frontier, points_of

GRID = points_of(["sft+", "dpo"], (1e-5, 1e-4, 1e-3), (1.0, 5.0), lambda name: name == "dpo")


def test_beta_multiplies_only_where_it_acts() -> None:
    assert len(GRID) == 3 + 6
    assert {point.beta for point in GRID if point.method == "sft+"} == {None}
    assert str(GRID[0]) == "sft+, rate 1e-05"
    assert str(GRID[-1]) == "dpo, rate 0.001, beta 5"


def test_the_first_of_equal_ones_is_chosen_and_each_end_is_named() -> None:
    scores = {point: float(point.rate == 1e-4) for point in GRID}
    chosen = best(scores)
    assert chosen == {"sft+": Point("sft+", 1e-4, None), "dpo": Point("dpo", 1e-4, 1.0)}
    assert at_end(GRID, chosen["sft+"]) == []
    assert at_end(GRID, chosen["dpo"]) == ["beta"]
    assert at_end(GRID, GRID[0]) == ["rate"]
    assert at_end(GRID[:1], GRID[0]) == []  # one value was no choice


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_the_frontier_is_what_no_other_point_beats(places: list[tuple[int, int]]) -> None:
    found = {Point("m", float(number), None): (float(a), float(b)) for number, (a, b) in enumerate(places)}
    on = frontier(found)
    costs = [found[point][0] for point in on]
    assert costs == sorted(costs)
    for cost, gain in found.values():
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in found.values())
        same = any(found[one] == (cost, gain) for one in on)
        assert same is not beaten


def test_work_comes_back_in_order_and_a_failure_is_raised() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert do_all(pool, "adding", lambda a, b: a + b, [(1, 2), (3, 4), (5, 6)]) == [3, 7, 11]
        assert do_all(pool, "adding", lambda: 0, []) == []
        with pytest.raises(ZeroDivisionError):
            do_all(pool, "dividing", lambda a: 1 // a, [(1,), (0,)])


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path / "new", "grid.json", {"suite": "a", "points": [[1]]}, "grid")
    claim_folder(tmp_path / "new", "grid.json", {"suite": "a", "points": [[1]]}, "grid")
    with pytest.raises(UserError, match=r"holds another grid \(its points differs\); choose another with --out"):
        claim_folder(tmp_path / "new", "grid.json", {"suite": "a", "points": [[2]]}, "grid")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="exists and holds no grid"):
        claim_folder(tmp_path, "grid.json", {}, "grid")
