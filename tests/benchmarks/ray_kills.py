"""Kill nodes, engines and drivers of runs on a Ray cluster of this machine, and compare the records with one process's.

    python -m tests.benchmarks.ray_kills --out tests/benchmarks/ray_kills.json

Seeded: which kind dies, and after how many records. Exits with 1 if a run ends otherwise than the run of one process.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from tests.command_line import records
from tests.models.cluster.nodes import SUITE, cluster, kill_actor, kill_node, start, wait_for_records, words

NODES = 3
KINDS = ("engine", "node", "driver")
KILLS_A_RUN = 5
SECONDS_A_RUN = 300


def one_run(nodes: Any, suite: Path, out: Path, rng: random.Random, wanted: int) -> tuple[Counter[str], int, float]:
    """Run on the cluster with kills in between; return the kills by kind, how often it was started, and seconds."""
    began, killed, starts = time.monotonic(), Counter[str](), 1
    command = words(nodes, suite, out)
    process = start(command)
    last = 0
    for _ in range(KILLS_A_RUN):
        last += rng.randint(20, max(21, wanted // (KILLS_A_RUN + 1)))
        wait_for_records(out, last, process)
        if process.poll() is not None:
            break
        kind = rng.choice(KINDS)
        if kind == "driver":
            process.kill()
            process.communicate()
            process = start(command)
            starts += 1
        elif kind == "node":
            kill_node(nodes, rng)
        elif not kill_actor(rng):
            continue
        killed[kind] += 1
    _, said = process.communicate(timeout=SECONDS_A_RUN)
    if process.returncode:
        raise RuntimeError(said)
    return killed, starts, time.monotonic() - began


def main() -> int:
    """Run until the wanted number of kills, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=20)
    told = parser.parse_args()
    rng = random.Random(told.seed)
    killed, runs, differ, starts = Counter[str](), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder, cluster(NODES) as nodes:
        suite = Path(folder) / "few.yaml"
        suite.write_text(SUITE)
        alone = Path(folder) / "alone" / "run"
        subprocess.run(words(None, suite, alone), check=True, capture_output=True)
        wanted = records(alone)
        while killed.total() < told.kills:
            out = Path(folder) / str(runs) / "run"
            kills, started, seconds = one_run(nodes, suite, out, rng, len(wanted))
            same = records(out) == wanted
            killed, runs, differ, starts = killed + kills, runs + 1, differ + (not same), starts + started
            print(
                f"run {runs}: {dict(kills)}, {seconds:.0f} s, {'the same records' if same else 'OTHER RECORDS'}",
                flush=True,
            )
    found = {"seed": told.seed, "nodes": NODES, "runs": runs, "starts": starts, "kills": dict(sorted(killed.items())),
             "records_a_run": len(wanted), "runs_with_other_records": differ}  # fmt: skip
    print(json.dumps(found))
    if told.out:
        write_json(told.out, found)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
