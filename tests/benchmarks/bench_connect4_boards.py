"""CPU time of fresh Connect4 sets as a user makes them, and of labels in batch; exits 1 above a limit."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from connect4 import STANDARD, winning_drops
from connect4.boards.playouts import walks
from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
LIMITS_S = {1: 2.0, 2: 2.0, 3: 4.0}  # 500 boards with their manifest, start of Python included
LABELS_PER_S = 1e6
ROUNDS = 5


def cpu_seconds(level: int, folder: Path, number: int) -> float:
    """User and system time of one `connect4 generate`."""
    out = folder / f"{level}-{number}.jsonl"
    command = [sys.executable, "-m", "spot_eval", "connect4", "generate", "-n", "500", "-o", str(out)]
    before = os.times()
    subprocess.run([*command, "--level", str(level)], check=True, capture_output=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def labels_per_second() -> float:
    """Boards whose immediate wins of both sides are found in a second of CPU, a million at a time."""
    batch = walks(STANDARD, (1,), range(20_000), 7, 36, careful=False)
    mover, stones = (np.tile(bits, 50) for bits in (batch.mover, batch.stones))
    speeds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for start in range(0, len(mover), 8192):
            winning_drops(mover[start : start + 8192], stones[start : start + 8192])
        speeds.append(len(mover) / (time.process_time() - before))
    return statistics.median(speeds)


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Sets of boards beside their limits."""
    one, two, three = (kept["cpu_s"][level] for level in "123")
    quote = f"take {one:.1f} s of CPU at level 1, {two:.1f} s at level 2 and {three:.1f} s at level 3"
    found = [
        Figure(f"500 Connect4 boards of level {level}, CPU time", "limit", spent / kept["limits_s"][level])
        for level, spent in kept["cpu_s"].items()
    ]
    return [replace(found[0], page="docs/connect4.md", quote=quote), *found[1:]]


def main() -> int:
    slow, spent = 0, {}
    with tempfile.TemporaryDirectory() as name:
        for level, limit in LIMITS_S.items():
            cpu_seconds(level, Path(name), 0)  # the first call may compile
            median = statistics.median(cpu_seconds(level, Path(name), number + 1) for number in range(ROUNDS))
            slow += median > limit
            spent[str(level)] = round(median, 2)
            verdict = "ok" if median <= limit else "TOO SLOW"
            print(f"500 boards of level {level} with manifest: {median:.2f} s of CPU (limit {limit} s): {verdict}")
    speed = labels_per_second()
    slow += speed < LABELS_PER_S
    write_json(KEPT, {
        "cpu_s": spent, "limits_s": {str(level): limit for level, limit in LIMITS_S.items()},
        "labels_per_cpu_s": round(speed, -4), "wanted_labels_per_cpu_s": LABELS_PER_S,
    })  # fmt: skip
    print(
        f"level-1 labels in batch: {speed / 1e6:.1f} M boards/s of CPU: {'ok' if speed >= LABELS_PER_S else 'TOO SLOW'}"
    )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
