"""The numbers of docs/cluster.md are those of the kept run."""

from __future__ import annotations

from pathlib import Path

from spot_eval.core.files import read_json

ROOT = Path(__file__).parents[3]


def test_the_page_says_what_the_kept_run_found() -> None:
    kept = read_json(ROOT / "tests" / "benchmarks" / "ray_kills.json")
    kills = kept["kills"]
    page = " ".join((ROOT / "docs" / "cluster.md").read_text().split())
    assert kept["runs_with_other_records"] == 0
    assert (
        f"{sum(kills.values())} kills ({kills['driver']} drivers, {kills['engine']} engines, {kills['node']} nodes) in "
        f"{kept['runs']} runs left the same records each time"
    ) in page
