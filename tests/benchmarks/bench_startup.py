"""CPU time of the verbs a user waits for: `--help` and `tasks list`. Exits 1 above the limits. `make bench` runs it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

LIMITS_S = {("--help",): 0.3, ("tasks", "list"): 2.0}
ROUNDS = 5


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """User and system time of one call, children included."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "spot_eval", *arguments], check=True, capture_output=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main() -> int:
    slow = 0
    for arguments, limit in LIMITS_S.items():
        cpu_seconds(arguments)  # the first call compiles bytecode
        median = statistics.median(cpu_seconds(arguments) for _ in range(ROUNDS))
        verdict = "ok" if median <= limit else "TOO SLOW"
        slow += median > limit
        print(f"spot-eval {' '.join(arguments):12s} {median:.2f} s of CPU (limit {limit} s): {verdict}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
