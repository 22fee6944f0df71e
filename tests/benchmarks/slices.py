"""How often `compare --by` names the slice that was harmed, and how often it names one where nothing was.

    python -m tests.benchmarks.slices [RUNS]

Runs of made-up docs in 20 slices of 100, each doc with a chance of its own to be right, two repeats; in half of them
one slice loses 25 points. Prints the rates; exits 1 if the harmed slice comes first in fewer than 95 %
of its runs, or more than 5 % (and three errors) of the others name any.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import numpy as np

from spot_eval.comparison.slices import slices
from tests.comparison.sliced_runs import sliced

SLICES, DOCS, REPEATS, LOSS = 20, 100, 2, 0.25


def rates(runs: int, folder: Path, *, seed: int = 0) -> tuple[float, float, float]:
    """(harmed slice first, harmed slice named, a slice named where nothing was lost), shares of `runs` each."""
    rng = np.random.default_rng(seed)
    first = named = false = 0
    for _ in range(runs):
        for harmed in (True, False):
            base, candidate = sliced(rng, folder, SLICES, DOCS, REPEATS, LOSS if harmed else 0.0)
            rows = slices(candidate, base, "subject")["slices"]
            if harmed:
                first += rows[0]["value"] == "subject 0"
                named += any(row["named"] for row in rows if row["value"] == "subject 0")
            else:
                false += any(row["named"] for row in rows)
    return first / runs, named / runs, false / runs


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        first, named, false = rates(runs, Path(folder))
    error = math.sqrt(0.05 * 0.95 / runs)
    for what, rate in (("harmed slice first", first), ("harmed slice named", named), ("false name", false)):
        print(f"{what}: {100 * rate:.1f} % of {runs} runs")
    return int(first < 0.95 or false > 0.05 + 3 * error)


if __name__ == "__main__":
    sys.exit(main())
