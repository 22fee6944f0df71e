"""The figures of docs/retain.md are those of the kept run."""

from __future__ import annotations

import re
from pathlib import Path

from spot_eval.core.files import read_json

ROOT = Path(__file__).parents[2]


def test_the_page_quotes_the_kept_ratios() -> None:
    kept = read_json(ROOT / "tests" / "benchmarks" / "bench_likelihood.json")["tasks"]
    quoted = dict(re.findall(r"(\w+) (0\.\d\d)x", " ".join((ROOT / "docs" / "retain.md").read_text().split())))
    assert {name: float(ratio) for name, ratio in quoted.items()} == {
        name: float(f"{one['ratio'] + 1e-9:.2f}") for name, one in kept.items()
    }
    assert all(one["largest_difference"] <= 1e-4 for one in kept.values())
