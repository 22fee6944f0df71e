"""How fast answers are graded: two workers against one, in the same run, and the CPU time of one answer.

    python tests/benchmarks/bench_grading.py

On the graded generations of the mirror where SPOT_EVAL_DATA names one, else on answers made up here.
Exits with 1 where two workers are not 1.8 times as fast as one.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from pathlib import Path

from spot_eval.graders.pool import Job, Pool

AT_LEAST = 1.8
ROUNDS = 5
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


def wall_seconds(jobs: list[Job], workers: int) -> float:
    with Pool(workers) as pool:
        list(pool.run(jobs[: 4 * workers]))  # the nursery and the workers are there
        started = time.perf_counter()
        for _ in pool.run(jobs):
            pass
        return time.perf_counter() - started


def cpu_seconds(jobs: list[Job]) -> list[float]:
    from spot_eval.graders.maths import judge, warm_up

    warm_up()
    sys.set_int_max_str_digits(0)
    spent = []
    for job in jobs:
        started = time.process_time()
        judge(*job.args)
        spent.append(time.process_time() - started)
    return sorted(spent)


def main() -> int:
    data = os.environ.get("SPOT_EVAL_DATA")
    jobs = real(Path(data)) if data and (Path(data) / "graders").is_dir() else made_up()
    print(f"{len(jobs)} answers, {os.cpu_count()} cores")
    spent = cpu_seconds(jobs)
    quantiles = {"median": 0.5, "90 %": 0.9, "99 %": 0.99}
    shown = ", ".join(f"{name} {1e3 * spent[int(q * len(spent))]:.2f}" for name, q in quantiles.items())
    print(f"CPU ms an answer: mean {1e3 * statistics.mean(spent):.2f}, {shown}, most {1e3 * spent[-1]:.0f}")
    ratios = []
    for _ in range(ROUNDS):
        one, two = wall_seconds(jobs, 1), wall_seconds(jobs, 2)
        ratios.append(one / two)
        print(f"1 worker {one:.2f} s, 2 workers {two:.2f} s ({len(jobs) / two:.0f} answers/s): {ratios[-1]:.2f}x")
    ratio = statistics.median(ratios)
    print(f"2 workers over 1: {ratio:.2f}x, wanted {AT_LEAST}x: {'ok' if ratio >= AT_LEAST else 'MISSED'}")
    return 0 if ratio >= AT_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
