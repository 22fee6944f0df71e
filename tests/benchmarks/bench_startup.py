"""CPU time of the verbs a user waits for: `--help`, `tasks list`, and a run that is finished already.

Exits 1 above the limits. `make bench` runs it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

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
    folder = tempfile.TemporaryDirectory()
    again = ("run", "-o", f"{folder.name}/run")  # the whole miniature
    for arguments, limit in {**LIMITS_S, again: 2.0}.items():
        cpu_seconds(arguments)  # the first call compiles bytecode, or makes the run
        median = statistics.median(cpu_seconds(arguments) for _ in range(ROUNDS))
        verdict = "ok" if median <= limit else "TOO SLOW"
        slow += median > limit
        print(f"spot-eval {' '.join(arguments[:2]):12s} {median:.2f} s of CPU (limit {limit} s): {verdict}")
    folder.cleanup()
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
