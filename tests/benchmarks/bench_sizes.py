"""CPU time and peak memory of the verbs that read whole runs, at 10,000 to a million records.

    python -m tests.benchmarks.bench_sizes 10000 100000 -o tests/benchmarks/sizes.json

    100,000 records  compare            6.1 s   260 MB
    100,000 records  report            14.0 s   480 MB   13.2 MB written

Two made-up runs of eight tasks and five repeats, short answers; each verb is a process of its own. Time is user and
system time, memory the largest resident set of the process (of grading processes, the largest single one), both as
the kernel counts them. `grade` judges all answers again, in one process, and scores them. Figures of sizes that are not
measured again are kept in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from spot_eval.graders import load_grader
from tests.report.made_up_runs import write_run

TASKS = {"in_domain": ("sums", "products"), "general": ("orders", "words", "dates", "names", "maps", "logic")}
REPEATS = 5


def made_up(path: Path, records: int, seed: int) -> Path:
    """A run of `records` records, three in four of them right."""
    docs = records // (REPEATS * sum(map(len, TASKS.values())))
    suite = {family: dict.fromkeys(tasks, (docs, REPEATS)) for family, tasks in TASKS.items()}
    draw = random.Random(seed)

    def answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
        del task, repeat
        return {"text": f"It is {doc_id}, I think.", "score": 0.0} if draw.random() < 0.25 else {}

    write_run(path, answer, suite=suite, model=path.name, seed=seed)
    samples = path / "samples.jsonl"  # by the grader of today: `grade` judges only one of the two again
    samples.write_bytes(samples.read_bytes().replace(b"maths/1", f"maths/{load_grader('maths').version}".encode()))
    return path


def measured(arguments: list[str], log: Path) -> dict[str, Any]:
    """CPU seconds and peak megabytes of one verb, its exit code beside them."""
    with log.open("wb") as out:
        process = os.posix_spawn(
            sys.executable, [sys.executable, "-m", "spot_eval", *arguments], os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)],
        )  # fmt: skip
        _, status, usage = os.wait4(process, 0)
    kilo = 1 if platform.system() == "Darwin" else 1024
    return {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss * kilo / 1e6),
        "exit": os.waitstatus_to_exitcode(status),
    }


def verbs(new: Path, base: Path, out: Path) -> dict[str, tuple[list[str], Path | None]]:
    """Verb to its arguments and what it writes."""
    return {
        "grade": (["grade", str(new), "--workers", "1"], None),
        "compare": (["compare", str(new), str(base)], None),
        "gate": (["gate", str(new), "--baseline", str(base)], None),
        "report": (["report", str(new), str(base), "-o", str(out / "report.html")], out / "report.html"),
        "export lm-eval": (["export", str(new), "--to", "lm-eval", "-o", str(out / "lm-eval")], None),
        "export inspect": (["export", str(new), "--to", "inspect", "-o", str(out / "inspect")], None),
        "export model-card": (["export", str(new), "--to", "model-card", "-o", str(out / "card.md")], None),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="+", metavar="RECORDS")
    parser.add_argument("-o", "--out", type=Path, help="JSON file to put the figures into")
    parser.add_argument("--runs", type=Path, help="folder of made-up runs to use, or to make and keep there")
    parser.add_argument("--verbs", help="comma-separated; all by default")
    asked = parser.parse_args()
    for size in asked.sizes:
        figures: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            runs = asked.runs / str(size) if asked.runs else place
            new, base = (
                run if (run := runs / name).exists() else made_up(run, size, seed)
                for name, seed in (("new", 1), ("base", 2))
            )
            for name, (arguments, written) in verbs(new, base, place).items():
                if asked.verbs and name not in asked.verbs.split(","):
                    continue
                found = figures[name] = measured(arguments, place / "log")
                if written and written.exists():
                    found["written_mb"] = round(written.stat().st_size / 1e6, 1)
                wrote = f"{found['written_mb']:8.1f} MB written" if "written_mb" in found else ""
                print(
                    f"{size:9,} records  {name:18} {found['cpu_s']:8.1f} s {found['peak_mb']:7,} MB{wrote}", flush=True
                )
                if found["exit"] not in {0, 3, 4}:
                    print((place / "log").read_text()[-2000:])
                    return 1
        if asked.out:
            kept = json.loads(asked.out.read_text()) if asked.out.exists() else {}
            kept[str(size)] = {**kept.get(str(size), {}), **figures}
            write_json(asked.out, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
