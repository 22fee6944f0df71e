"""The ratio that docs/engines.md quotes is that of the kept run."""

from __future__ import annotations

import re
from pathlib import Path

from spot_eval.core.files import read_json

ROOT = Path(__file__).parents[2]


def test_the_page_quotes_the_kept_ratio() -> None:
    kept = read_json(ROOT / "tests" / "benchmarks" / "bench_hf_batches.json")
    page = " ".join((ROOT / "docs" / "engines.md").read_text().split())
    assert re.findall(r"(0\.\d\d)x of the CPU time of static batches", page) == [f"{kept['ratio']:.2f}"]
    assert kept["texts_that_differ"] == 0
    assert kept["ratio"] <= kept["aim"]
