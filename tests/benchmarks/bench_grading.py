"""How fast answers are graded: two workers against one, in the same run, and the CPU time of one answer.

    python tests/benchmarks/bench_grading.py

On the graded generations of the mirror where SPOT_EVAL_DATA names one, else on answers made up here.
A round in which other programs needed the cores is not counted.
Exits with 1 where two workers are not 1.8 times as fast as one.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from spot_eval.core.files import write_json
from spot_eval.graders.pool import Job, Pool
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
AT_LEAST = 1.8
ROUNDS = 5
QUIET = 0.1  # of one core: what others may take of two for a round to count
MADE_UP = 1_500


def real(data: Path) -> list[Job]:
    jobs = []
    for path in sorted((data / "graders").glob("*_open.jsonl")):
        with path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        if "gold" in rows[0] and "mcq" not in path.name:
            jobs += [Job("maths", "judge", ({"answer": row["gold"]}, row["prediction"])) for row in rows]
    random.Random(0).shuffle(jobs)  # as in a run, not all long ones at the end
    return jobs


def made_up() -> list[Job]:
    chance = random.Random(0)
    jobs = []
    for _ in range(MADE_UP):
        a, b = chance.randint(2, 999), chance.randint(2, 999)
        jobs.append(Job("maths", "judge", ({"answer": rf"\frac{{{a}}}{{{b}}}x"}, rf"so $\boxed{{{a}x/{b}}}$.")))
    return jobs


def busy_seconds() -> tuple[float, float]:
    """CPU seconds spent so far by the whole machine, and by this process and its ended children."""
    spent = psutil.cpu_times()
    ours = os.times()
    return sum(spent) - spent.idle - getattr(spent, "iowait", 0.0), sum(ours[:4])


def wall_seconds(jobs: list[Job], workers: int) -> tuple[float, float]:
    """How long the jobs take, and which share of one core other programs took meanwhile."""
    machine, ours, opened = *busy_seconds(), time.perf_counter()
    with Pool(workers) as pool:
        list(pool.run(jobs[: 4 * workers]))  # the nursery and the workers are there
        started = time.perf_counter()
        for _ in pool.run(jobs):
            pass
        seconds = time.perf_counter() - started
    machine_after, ours_after = busy_seconds()
    others = (machine_after - machine) - (ours_after - ours)
    return seconds, max(0.0, others) / (time.perf_counter() - opened)


def cpu_seconds(jobs: list[Job]) -> list[float]:
    from spot_eval.graders.maths.grader import judge, warm_up

    warm_up()
    sys.set_int_max_str_digits(0)
    spent = []
    for job in jobs:
        started = time.process_time()
        judge(*job.args)
        spent.append(time.process_time() - started)
    return sorted(spent)


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Two grading processes beside one, in wall time."""
    work = "grading with two processes, wall time"
    return [Figure(work, "one process", 1 / kept["times_faster"], 1 / kept["wanted"])]


def main() -> int:
    data = os.environ.get("SPOT_EVAL_DATA")
    jobs = real(Path(data)) if data and (Path(data) / "graders").is_dir() else made_up()
    print(f"{len(jobs)} answers, {os.cpu_count()} cores")
    spent = cpu_seconds(jobs)
    quantiles = {"median": 0.5, "90 %": 0.9, "99 %": 0.99}
    shown = ", ".join(f"{name} {1e3 * spent[int(q * len(spent))]:.2f}" for name, q in quantiles.items())
    print(f"CPU ms an answer: mean {1e3 * statistics.mean(spent):.2f}, {shown}, most {1e3 * spent[-1]:.0f}")
    ratios: list[float] = []
    for _ in range(4 * ROUNDS):
        (one, other), (two, another) = wall_seconds(jobs, 1), wall_seconds(jobs, 2)
        disturbed = max(other, another) > QUIET
        rate, note = len(jobs) / two, f" (others took {max(other, another):.0%} of a core: not counted)" * disturbed
        print(f"1 worker {one:.2f} s, 2 workers {two:.2f} s, {rate:.0f} answers/s: {one / two:.2f}x{note}", flush=True)
        ratios += [] if disturbed else [one / two]
        if len(ratios) == ROUNDS:
            break
    if len(ratios) < 3:
        print("Nothing measured: the machine is busy with other things. Run it again when it is not.")
        return 1
    ratio = statistics.median(ratios)
    write_json(KEPT, {"answers": len(jobs), "rounds": len(ratios), "times_faster": round(ratio, 2), "wanted": AT_LEAST})
    print(f"2 workers over 1: {ratio:.2f}x, wanted {AT_LEAST}x: {'ok' if ratio >= AT_LEAST else 'MISSED'}")
    return 0 if ratio >= AT_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
