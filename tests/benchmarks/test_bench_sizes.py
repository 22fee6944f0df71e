"""docs/runs.md shows the kept figures of large runs, and none of them grows faster than the runs do."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.files import read_json

ROOT = Path(__file__).parents[2]
SIZES = ("10000", "100000", "1000000")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return read_json(ROOT / "tests" / "benchmarks" / "sizes.json")


def test_the_page_shows_the_kept_figures(kept: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    for verb in kept["10000"]:
        cells = [
            f"{one['cpu_s']:.1f} s, {one['peak_mb']:,} MB" if (one := kept[size].get(verb)) else "not measured"
            for size in SIZES
        ]
        assert f"| {verb} | {' | '.join(cells)} |" in page
    pages = [kept[size]["report"]["written_mb"] for size in SIZES]
    assert f"The report's page is {pages[0]:g}, {pages[1]:g} and {pages[2]:g} MB." in page
    assert max(pages) < 15


@pytest.mark.parametrize("what", ["cpu_s", "peak_mb"])
def test_nothing_grows_faster_than_the_runs(kept: dict[str, Any], what: str) -> None:
    for less, more in itertools.pairwise(SIZES):
        for verb, one in kept[more].items():
            assert one["exit"] == 0
            assert one[what] <= 10 * kept[less][verb][what] * 1.05, (verb, more)
