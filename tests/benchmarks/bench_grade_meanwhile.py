"""Seconds from the last answer to the scoreboard, with grading beside generation and with grading after it.

    python -m tests.benchmarks.bench_grade_meanwhile 10000 -o tests/benchmarks/grade_meanwhile.json

The engine is a made-up one. `paced` appends answers at a steady rate for `--seconds` and takes no processor; `busy`
multiplies matrices on all cores before each answer, the same number of times both ways. Five repeats per doc; two of
five answers are right in a spelling that needs sympy. Each way is a process of its own, with the same texts and the
same grading processes, and the files are compared byte for byte. `after_s` is wall clock, from the last answer to the
written scoreboard; `cpu_s` user and system time of all processes, without that of the engine; `peak_mb` the largest
resident set of the main process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spot_eval.core.files import write_json
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Generation
from spot_eval.evaluation.grade import grade
from spot_eval.evaluation.grade_meanwhile import grading_meanwhile
from spot_eval.evaluation.score import score
from spot_eval.runs.directory import RunDirectory
from tests.benchmarks.figures import Figure
from tests.report.made_up_runs import write_run

KEPT = Path(__file__).with_name("grade_meanwhile.json")
REPEATS = 5
SIDE = 512  # of the busy engine's matrices
FILES = ("generations.jsonl", "samples.jsonl")


def answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
    """Two of five answers in another spelling, one of five wrong."""
    del task
    said = [
        f"{doc_id + 1}",
        f"\\frac{{{4 * doc_id + 4}}}{{4}}",
        f"{doc_id + 1}",
        f"\\sqrt{{{(doc_id + 1) ** 2}}}",
        "-5",
    ]
    return {"text": f"So it is \\boxed{{{said[(repeat + doc_id) % 5]}}}."}


def cpu_s() -> float:
    """CPU seconds of this process and those it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def paced(count: int, seconds: float) -> Callable[[int], None]:
    """Return what waits until answer `number` of `count` is due."""
    started = time.monotonic()
    return lambda number: time.sleep(max(0.0, started + seconds * (number + 1) / count - time.monotonic()))


def busy(products: int) -> Callable[[int], None]:
    """Return what multiplies matrices that many times."""
    matrix = np.random.default_rng(0).random((SIDE, SIDE))

    def work(number: int) -> None:
        del number
        for _ in range(products):
            np.matmul(matrix, matrix)

    return work


def play(run: Path, source: Path, *, engine: str, seconds: float, beside: bool) -> dict[str, float]:
    """Play a generation into a run; return its time and that from its last answer to the scoreboard.

    Args:
        run: the run directory, without answers.
        source: generations.jsonl of the answers.
        engine: "paced" or "busy".
        seconds: of a paced generation.
        beside: grade beside it.
    """
    store = RunDirectory.at(run)
    answers = list(read_records(source, Generation))
    used = 0.0
    began = cpu_s()

    def generated() -> float:
        nonlocal used
        work = busy(2) if engine == "busy" else paced(len(answers), seconds)
        for number, one in enumerate(answers):
            store.generations.append(one)
            before = time.thread_time()
            work(number)
            used += time.thread_time() - before
        return time.monotonic()

    started = time.monotonic()
    if beside:
        with grading_meanwhile(store, None) as meanwhile:
            last = generated()
            samples = grade(store, meanwhile=meanwhile)
    else:
        last = generated()
        samples = grade(store)
    score(store, samples, None)
    found = {"generation_s": last - started, "after_s": time.monotonic() - last}
    if engine == "paced":  # the threads of a matrix product are not told apart
        found["cpu_s"] = cpu_s() - began - used
    kilo = 1 if sys.platform == "darwin" else 1024
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo / 1e6
    return {name: round(value, 2) for name, value in found.items()}


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Grading beside generation, beside grading after it."""
    paced, slower = kept["paced 10000"], kept["busy 3000"]
    quotes = (
        f"after {paced['beside']['after_s']:.1f} s instead of {paced['afterwards']['after_s']:.1f} s",
        f"take {paced['beside']['cpu_s']:.1f} s of CPU instead of {paced['afterwards']['cpu_s']:.1f} s",
        f"took {slower['beside']['generation_s']:.0f} s instead of {slower['afterwards']['generation_s']:.0f} s",
    )
    ratios = (
        paced["beside"]["after_s"] / paced["afterwards"]["after_s"],
        paced["beside"]["cpu_s"] / paced["afterwards"]["cpu_s"],
        slower["beside"]["generation_s"] / slower["afterwards"]["generation_s"],
    )
    works = (
        "10,000 answers: scoreboard after the last one, wall time",
        "10,000 answers: all processes, CPU time",
        "3,000 answers of an engine on all cores: generation, wall time",
    )
    return [
        Figure(work, "grading afterwards", ratio, page="docs/grading.md", quote=quote)
        for work, ratio, quote in zip(works, ratios, quotes, strict=True)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("answers", type=int)
    parser.add_argument("--engine", choices=("paced", "busy"), default="paced")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a paced generation takes")
    parser.add_argument("-o", "--out", type=Path, help="JSON file to put the figures into")
    parser.add_argument("--play", nargs=2, type=Path, metavar=("RUN", "ANSWERS"), help=argparse.SUPPRESS)
    parser.add_argument("--beside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.play:
        print(json.dumps(play(*asked.play, engine=asked.engine, seconds=asked.seconds, beside=asked.beside)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        suite = {"in_domain": {"sums": (asked.answers // REPEATS, REPEATS)}}
        made = write_run(Path(folder) / "made", answer, suite=suite)
        source = (made / "generations.jsonl").rename(Path(folder) / "answers.jsonl")
        for name in ("samples.jsonl", "scoreboard.json"):
            (made / name).unlink()
        found: dict[str, Any] = {"cpus": os.cpu_count()}
        files = []
        for name in ("afterwards", "beside"):
            run = Path(shutil.copytree(made, Path(folder) / name))
            command = [sys.executable, "-m", "tests.benchmarks.bench_grade_meanwhile", str(asked.answers)]
            command += ["--engine", asked.engine, "--seconds", str(asked.seconds), "--play", str(run), str(source)]
            command += ["--beside"] * (name == "beside")
            found[name] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            files.append([(run / file).read_bytes() for file in FILES])
        found["same_files"] = files[0] == files[1]
    print(json.dumps(found))
    if asked.out:
        kept = json.loads(asked.out.read_text()) if asked.out.exists() else {}
        write_json(asked.out, {**kept, f"{asked.engine} {asked.answers}": found})
    return 0 if found["same_files"] else 1


if __name__ == "__main__":
    sys.exit(main())
