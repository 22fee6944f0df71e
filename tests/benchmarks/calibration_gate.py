"""Does the gate keep its word? Simulate every claim of docs/statistics.md, and keep the measured rates.

    make calibrate                                        # minutes of CPU: calibration.json and the tables in the docs
    python -m tests.benchmarks.calibration_gate --quick   # seconds: print only, write nothing

Each cell has a seed of its own, so that cells can be added or run alone without moving the others. A cell whose rate is
above its limit is printed as failing. tests/benchmarks/test_calibration.py compares the docs with the kept result and
runs a short form.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import calibration_cells as cells
from tests.benchmarks import calibration_page
from tests.benchmarks import calibration_worlds as worlds
from tests.benchmarks.calibration_worlds import SMALL, SPOT

SEED = 20261126
CHANGES = (0.03, 0.01, 0.0, -0.005, -0.01, -0.02, -0.03, -0.04, -0.06)

Make = Callable[[int, np.random.Generator], list[cells.Cell]]


def suites() -> dict[str, dict[str, worlds.Task]]:
    """Return the simulated suites by name."""
    return {
        "spot": SPOT,
        "spot, 1 repeat": worlds.altered(SPOT, repeats=1),
        "spot, 2 repeats": worlds.altered(SPOT, repeats=2),
        "spot, base of 4x": cells.with_base(SPOT, 4),
        "spot, 1 repeat, base of 5": worlds.altered(SPOT, repeats=1, base_repeats=5),
        "spot, 10 % of repeats not judged": worlds.altered(SPOT, missing=0.1),
        "spot, greedy": worlds.altered(SPOT, repeats=1, concentration=0.0),
        "four tasks of 150 to 200, 1 repeat": SMALL,
    }


def all_cells() -> dict[str, Make]:
    """Return every cell by its key; each takes a number of simulations and a random generator."""
    made: dict[str, Make] = {}
    of = suites()
    for name, tasks in of.items():
        made[f"unchanged/{name}"] = partial(call, cells.unchanged, name, tasks)
    made["unchanged/redrawn"] = partial(call, cells.unchanged, "spot, 10 % of docs redrawn", SPOT, redrawn=0.1)
    for name in ("spot", "spot, 2 repeats", "spot, base of 4x", "spot, 10 % of repeats not judged", "spot, greedy"):
        for family in worlds.members(of[name]):
            for kind in ("whole",) if name == "spot, greedy" else worlds.KINDS:
                made[f"margin/{name}/{family}/{kind}"] = partial(call, cells.margin, name, of[name], family, kind)
    for family, only in (("in_domain", "math500"), ("ood", "gpqa_diamond")):
        made[f"margin/spot/{family}/{only}"] = partial(call, cells.margin, "spot", SPOT, family, "whole", only=only)
    for docs, drop in ((150, 0.05), (200, 0.05), (200, 0.03), (541, 0.03), (675, 0.03), (1000, 0.02), (1319, 0.03)):
        for gained in (0.0, 0.002, 0.005, 0.01, 0.03):
            made[f"greedy/{docs}/{drop}/{gained}"] = partial(call, cells.greedy, docs, drop, gained)
    for count in (100, 200, 400, 1000):
        for sizes, declared in (
            ("unequal", True), ("unequal, large ones lost", True), ("five docs each", True), ("five docs each", False)
        ):  # fmt: skip
            key = f"clusters/{count}/{sizes}/{declared}"
            made[key] = partial(_fewer, 10, cells.clusters, sizes, declared, count, 0.05)
    for name in ("spot", "spot, base of 4x", "spot, 1 repeat", "spot, 1 repeat, base of 5", "spot, 2 repeats"):
        made[f"shared base/{name}"] = partial(_shared, name, of[name])
    for change in CHANGES:
        made[f"curve/{change}"] = partial(call, cells.curve, "spot", SPOT, change)
    for name in ("spot", "spot, 1 repeat", "spot, base of 4x"):
        for family in worlds.members(SPOT):
            made[f"power/{name}/{family}"] = partial(call, cells.power, name, of[name], family)
    return made


def call(make: Callable[..., list[cells.Cell]], *args: Any, **named: Any) -> list[cells.Cell]:
    """Make a cell whose last two arguments are the number of simulations and the random generator."""
    *given, sims, rng = args
    return make(*given, sims=sims, rng=rng, **named)


def _fewer(times: int, make: Callable[..., list[cells.Cell]], *args: Any) -> list[cells.Cell]:
    *given, sims, rng = args
    return make(*given, sims=max(100, sims // times), rng=rng)


def _shared(name: str, tasks: Mapping[str, worlds.Task], sims: int, rng: np.random.Generator) -> list[cells.Cell]:
    return cells.shared_base(name, tasks, max(10, sims // 100), 200, rng)


def measure(key: str, make: Make, sims: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Return the rows of one cell; its seed depends on its key.

    If the limit of a claim lies within three errors of the rate, on either side, the cell is measured again with four
    times the simulations, and only these count.
    """
    rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
    measured = make(sims, rng)
    if any(cell.near_its_limit for cell in measured):
        measured = [cells.pooled(of) for of in zip(*(make(sims, rng) for _ in range(4)), strict=True)]
    return [{"key": key, **cell.row()} for cell in measured]


def main() -> int:
    """Run all cells; return 0 if every claim holds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sims", type=int, default=20_000, help="simulations per cell")
    options.add_argument("--quick", action="store_true", help="500 simulations per cell, write nothing")
    options.add_argument("--only", default="", help="run the cells whose key starts so, write nothing")
    asked = options.parse_args()
    sims, started, rows = 500 if asked.quick else asked.sims, time.process_time(), []
    commit = commit_of_code()
    for key, make in all_cells().items():
        if key.startswith(asked.only):
            rows += measure(key, make, sims)
            print(f"{time.process_time() - started:5.0f} s  {line_of(rows[-1])}", file=sys.stderr, flush=True)
    result = {"commit": commit, "sims": sims, "seed": SEED, "cells": rows}
    if not (asked.quick or asked.only):
        head = json.dumps({**result, "cells": []}, indent=1).removesuffix("[]\n}")
        body = ",\n  ".join(json.dumps(row) for row in rows)
        calibration_page.RESULT.write_text(f"{head}[\n  {body}\n ]\n}}\n", encoding="utf-8")
        calibration_page.write_docs(result)
    failing = [line_of(row) for row in rows if row["holds"] is False]
    print(f"{time.process_time() - started:.0f} s of CPU")
    print("every claim holds" if not failing else "\n".join(["these claims fail:", *failing]))
    return 1 if failing else 0


def line_of(row: Mapping[str, Any]) -> str:
    """Return a row as one line of text."""
    more = "".join(f", {name} {value}" for name, value in (row["extra"] or {}).items())
    return f"{row['key']}: {100 * row['rate']:.2f} ± {100 * row['error']:.2f} %{more}"


def commit_of_code() -> str:
    """Return the commit of the code in use, marked if files differ from it."""
    found = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=-changed"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
