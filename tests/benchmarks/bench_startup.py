"""CPU time of what a user waits for: `--help`, `tasks list`, a run that is finished already, and `import spot_eval`.

Writes bench_startup.json. Exits 1 above the limits. `make bench` runs it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
IMPORT_S = 0.1
ROUNDS = 5


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """User and system time of one Python, children included."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The verbs beside their limits."""
    quotes = {"import spot_eval": ("docs/python.md", f"`import spot_eval` takes under {IMPORT_S} s of CPU")}
    return [
        Figure(work, "limit", one["cpu_s"] / one["limit_s"], 1.0, *quotes.get(work, ("", "")))
        for work, one in kept.items()
    ]


def main() -> int:
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        command = ("-m", "spot_eval")
        measured = {
            "spot-eval --help": ((*command, "--help"), 0.3),
            "spot-eval tasks list": ((*command, "tasks", "list"), 2.0),
            "spot-eval run, finished already": ((*command, "run", "-o", f"{folder}/run"), 2.0),  # the whole miniature
            "import spot_eval": (("-c", "import spot_eval"), IMPORT_S),
        }
        for work, (arguments, limit) in measured.items():
            cpu_seconds(arguments)  # the first call compiles bytecode, or makes the run
            median = statistics.median(cpu_seconds(arguments) for _ in range(ROUNDS))
            kept[work] = {"cpu_s": round(median, 3), "limit_s": limit}
            print(f"{work:32s} {median:.2f} s of CPU (limit {limit} s): {'ok' if median <= limit else 'TOO SLOW'}")
    write_json(KEPT, kept)
    return int(any(one["cpu_s"] > one["limit_s"] for one in kept.values()))


if __name__ == "__main__":
    sys.exit(main())
