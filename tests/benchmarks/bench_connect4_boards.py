"""CPU time of fresh Connect4 sets as a user makes them, and of labels in batch; exits 1 above a limit."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from connect4 import STANDARD, winning_drops
from connect4.boards.playouts import walks

LIMITS_S = {1: 2.0, 2: 2.0}  # 500 boards with their manifest, start of Python included
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


def main() -> int:
    slow = 0
    with tempfile.TemporaryDirectory() as name:
        for level, limit in LIMITS_S.items():
            cpu_seconds(level, Path(name), 0)  # the first call may compile
            median = statistics.median(cpu_seconds(level, Path(name), number + 1) for number in range(ROUNDS))
            slow += median > limit
            verdict = "ok" if median <= limit else "TOO SLOW"
            print(f"500 boards of level {level} with manifest: {median:.2f} s of CPU (limit {limit} s): {verdict}")
    speed = labels_per_second()
    slow += speed < LABELS_PER_S
    print(
        f"level-1 labels in batch: {speed / 1e6:.1f} M boards/s of CPU: {'ok' if speed >= LABELS_PER_S else 'TOO SLOW'}"
    )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
