"""Does a run until a verdict keep its word? Simulate it, and keep the measured rates.

    make calibrate                                              # calibration_sequential.json and docs/sequential.md
    python -m tests.benchmarks.calibration_sequential --quick   # seconds: print only, write nothing

tests/benchmarks/test_sequential_calibration.py compares the page with the kept result and runs a short form.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_atomically
from tests.benchmarks import calibration_worlds as worlds
from tests.benchmarks import sequential_cells as cells
from tests.benchmarks.calibration_cells import with_base
from tests.benchmarks.calibration_gate import SEED, Make, call, commit_of_code, line_of, measure
from tests.benchmarks.calibration_worlds import SPOT

RESULT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[2] / "docs" / "sequential.md"
START = "<!-- calibration: made by `make calibrate`, do not edit -->"
END = "<!-- end of calibration -->"
CHANGES = (-0.01, -0.03, -0.06, 0.03)
SUITES = {
    "spot": SPOT,
    "spot, base of 4x": with_base(SPOT, 4),
    "spot, 2 repeats": worlds.altered(SPOT, repeats=2),
    "spot, 1 repeat": worlds.altered(SPOT, repeats=1),
    "spot, 1 repeat, base of 5": worlds.altered(SPOT, repeats=1, base_repeats=5),
}
GREEDY = worlds.altered(SPOT, repeats=1, concentration=0.0)


def all_cells() -> dict[str, Make]:
    """Return every cell by its key; each takes a number of simulations and a random generator."""
    made: dict[str, Make] = {}
    for name, tasks in SUITES.items():
        made[f"unchanged/{name}"] = partial(call, cells.unchanged, name, tasks)
    made["unchanged/redrawn"] = partial(call, cells.unchanged, "spot, 10 % of docs redrawn", SPOT, redrawn=0.1)
    for name in ("spot", "spot, base of 4x"):
        for change in CHANGES:
            made[f"curve/{name}/{change}"] = partial(call, cells.curve, name, SUITES[name], change)
    for name, tasks in SUITES.items():
        for family in worlds.members(tasks):
            for kind in worlds.KINDS:
                made[f"margin/{name}/{family}/{kind}"] = partial(call, cells.margin, name, tasks, family, kind)
    for family in worlds.members(GREEDY):
        made[f"margin/greedy/{family}"] = partial(call, cells.margin, "spot, greedy", GREEDY, family, "whole")
    return made


def load() -> dict[str, Any]:
    """Return the kept result."""
    return json.loads(RESULT.read_text(encoding="utf-8"))


def page(result: Mapping[str, Any]) -> str:
    """The tables of docs/sequential.md."""
    rows = result["cells"]
    claims = [row for row in rows if row["limit"] is not None]
    held = sum(row["holds"] for row in claims)
    lines = [
        f"{result['sims']:,} simulations per cell, four times as many if the limit lies within three errors of the "
        f"rate; seed {result['seed']}, code of commit {result['commit'][:12]}. {held} of {len(claims)} claims hold: "
        "each is at or below its limit, as measured.",
        "",
        "**False FAIL, and what is saved.** Every family changes alike by so many points. Claim for 0: the whole gate "
        "fails at most 5 %. *fixed*: the gate of the whole protocol on the same draws. *answers*: the share of the "
        "protocol's answers that were asked for; *foretold*: the share that `power` states.",
        "",
        "| suite | points | PASS | FAIL | claim | fixed PASS | fixed FAIL | answers | foretold |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_whole(row) for row in rows if row["section"] in {"unchanged", "curve"}),
        "",
        "**False PASS.** A family lost exactly its margin of 3 points. Claim: it passes at most 5.5 % of the time, at "
        "any of its looks.",
        "",
        *_margins(rows, _rate),
        "",
        "The same for the fixed gate, on the same draws:",
        "",
        *_margins(rows, lambda row: _percent(row["extra"]["fixed"])),
    ]
    return "\n".join(lines)


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.1f}"


def _rate(row: Mapping[str, Any]) -> str:
    failing = " **fails**" if row["holds"] is False else ""
    return f"{100 * row['rate']:.2f} ± {100 * row['error']:.2f}{failing}"


def _whole(row: Mapping[str, Any]) -> str:
    extra = row["extra"]
    name, _, change = row["name"].rpartition(": ")
    claim = {True: "holds", False: "**fails**", None: ""}[row["holds"]]
    cells = [
        name or row["name"], change if name else "0", _percent(extra["pass"]),
        f"{100 * row['rate']:.2f} ± {100 * row['error']:.2f}", claim, _percent(extra["fixed_pass"]),
        _percent(extra["fixed_fail"]), _percent(extra["share"]), _percent(extra["foretold_share"]),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _margins(rows: Sequence[Mapping[str, Any]], shown: Any) -> list[str]:
    found = {row["name"]: shown(row) for row in rows if row["section"] == "margin"}
    names = list(dict.fromkeys(name.rpartition(": ")[0] for name in found))
    return [
        f"| suite, family | {' | '.join(worlds.KINDS)} |",
        "|---|" + "---:|" * len(worlds.KINDS),
        *(f"| {name} | {' | '.join(found.get(f'{name}: {kind}', '') for kind in worlds.KINDS)} |" for name in names),
    ]


def write_page(result: Mapping[str, Any]) -> None:
    """Put the tables into docs/sequential.md."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    text = f"{before}{START}\n\n{page(result)}\n\n{END}{rest.partition(END)[2]}"
    write_atomically(PAGE, [text.encode()])


def main() -> int:
    """Run all cells; return 0 if every claim holds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sims", type=int, default=20_000, help="simulations per cell")
    options.add_argument("--quick", action="store_true", help="500 simulations per cell, write nothing")
    asked = options.parse_args()
    sims, started, rows = 500 if asked.quick else asked.sims, time.process_time(), []
    commit = commit_of_code()
    for key, make in all_cells().items():
        rows += measure(key, make, sims)
        print(f"{time.process_time() - started:5.0f} s  {line_of(rows[-1])}", file=sys.stderr, flush=True)
    result = {"commit": commit, "sims": sims, "seed": SEED, "cells": rows}
    if not asked.quick:
        head = json.dumps({**result, "cells": []}, indent=1).removesuffix("[]\n}")
        body = ",\n  ".join(json.dumps(row) for row in rows)
        RESULT.write_text(f"{head}[\n  {body}\n ]\n}}\n", encoding="utf-8")
        write_page(result)
    failing = [line_of(row) for row in rows if row["holds"] is False]
    print("every claim holds" if not failing else "\n".join(["these claims fail:", *failing]))
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
