"""Give changed files to every reader and hostile answers to every grader.

    python -m tests.fuzz                        100,000 inputs; writes tests/benchmarks/fuzz.json
    python -m tests.fuzz --inputs 2000 --seed 7 --only pairs --no-keep

A reader may answer or raise UserError with one sentence (TrainError, SetError, which the verbs turn into it). Another
exception, more than CPU_S of CPU time, or more than MEMORY_BYTES is a fault, and the script ends with 1. A grader may
give a verdict; what it could not judge within its own limits (pool.CPU_SECONDS, MEMORY_BYTES) is counted, and an
exception inside a grader is a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from connect4.boards.set_files import SetError
from spot_eval.core.cpu_limit import CpuLimitError, cpu_limit
from spot_eval.core.errors import UserError, sentence_of
from spot_eval.graders.pool import Pool
from tests.fuzz.answers import ROWS, jobs
from tests.fuzz.readers import Reader, readers
from trainer.errors import TrainError

KEPT = Path(__file__).parents[1] / "benchmarks" / "fuzz.json"
CPU_S = 20.0
"""For one file; the longest limit of a reader is 5 s, for a chat template."""
MEMORY_BYTES = 2 * 2**30
LONGEST_MESSAGE = 3000
SLOW = (
    "task",
    "inspect",
    "promptfoo",
    "batch: answers",
    "batch: requests",
    "lm-eval",
    "lm-eval: results",
)  # some 20 ms or more each, so fewer of them
EXCEPTION = re.compile(r"^[A-Z]\w*(Error|Exception|Warning|Exit|Iteration|Interrupt): ")


def fuzz(number: int, seed: int, only: str = "") -> dict[str, Any]:
    """Return counts by reader and grader, and the faults with the input that showed them.

    Args:
        number: inputs in all; one in five is for the graders.
        seed: draws the changes.
        only: readers whose name contains this, and no grader.
    """
    logging.disable(logging.CRITICAL)
    from transformers import AutoTokenizer  # noqa: F401 - before the limit of memory, which counts what it maps

    started = time.perf_counter()
    counts: dict[str, Counter[str]] = {}
    faults: list[str] = []
    files = number if only else number * 4 // 5
    if not only:  # first, since a grader that lacks its data says so at once
        graded, faults = _graders(number - files, random.Random(f"{seed} graders"))
        counts |= graded
    with tempfile.TemporaryDirectory() as folder, _memory_limit():
        all_readers = {name: one for name, one in readers(Path(folder)).items() if only in name}
        shares = {name: 0.1 if name in SLOW else 1.0 for name in all_readers}
        for name, reader in all_readers.items():
            draw = random.Random(f"{seed} {name}")
            counts[name] = Counter()
            for _ in range(max(1, round(files * shares[name] / sum(shares.values())))):
                outcome = _try(reader, Path(folder) / "input", draw)
                counts[name][outcome.partition("\n")[0] if outcome in ("read", "refused") else "fault"] += 1
                if outcome not in ("read", "refused"):
                    faults.append(f"{name}: {outcome}")
    return {
        "inputs": sum(sum(one.values()) for one in counts.values()),
        "seed": seed,
        "limits": {"cpu_s": CPU_S, "memory_bytes": MEMORY_BYTES},
        "seconds": round(time.perf_counter() - started),
        "counts": {name: dict(sorted(one.items())) for name, one in counts.items()},
        "faults": faults,
    }


@contextlib.contextmanager
def _memory_limit() -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 4 * MEMORY_BYTES, hard))  # libraries map more than they use
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _try(reader: Reader, folder: Path, draw: random.Random) -> str:
    """Return "read", "refused", or what is at fault."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    content = reader.files[reader.changed]
    with contextlib.suppress(ValueError, UnicodeError, RecursionError):  # a change of what is no JSON any more
        content = draw.choice(reader.ways)(content, draw)
    for name, whole in reader.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if name == reader.changed else whole)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with cpu_limit(CPU_S), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            reader.read(folder)
    except (UserError, TrainError, SetError) as problem:
        if len(sentence_of(problem)) > LONGEST_MESSAGE:
            return f"a message of {len(sentence_of(problem))} characters\n{content[:300]!r}"
        if isinstance(problem.__cause__, CpuLimitError) and "s of CPU time" not in str(problem):
            return f"a limit that the message hides: {problem}"
        outcome = "refused"
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        return "".join(traceback.format_exception(problem)[-4:]) + f"{content[:1500]!r}"
    else:
        outcome = "read"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return outcome if grown < MEMORY_BYTES else f"{grown >> 20} MiB of memory\n{content[:300]!r}"


def _graders(number: int, draw: random.Random) -> tuple[dict[str, Counter[str]], list[str]]:
    counts: dict[str, Counter[str]] = {}
    faults = []
    asked = list(jobs(number, draw))
    with Pool(workers=1, preload=(*ROWS, "connect4")) as pool:
        for at, verdict in pool.run(asked):
            assert not isinstance(verdict, bool)
            name = f"grader: {asked[at].grader}"
            fault = verdict.score is None and EXCEPTION.match(verdict.why)
            kind = "fault" if fault else "not judged" if verdict.score is None else "judged"
            counts.setdefault(name, Counter())[kind] += 1
            if fault:
                faults.append(f"{name}: {verdict.why}\n{asked[at].args!r}"[:2500])
    return counts, faults


def main() -> int:
    """Run and keep the result; return the exit code."""
    parser = argparse.ArgumentParser(description="Changed files for every reader, hostile answers for every grader.")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers whose name contains this")
    parser.add_argument("--no-keep", action="store_true", help="do not write the kept result")
    given = parser.parse_args()
    found = fuzz(given.inputs, given.seed, given.only)
    print("\n\n".join(found["faults"][:60]))
    print(json.dumps({name: value for name, value in found.items() if name != "faults"}, indent=1))
    print("faults:", len(found["faults"]))
    if not given.no_keep and not given.only:
        KEPT.write_text(json.dumps({**found, "faults": len(found["faults"])}, indent=1) + "\n")
    return bool(found["faults"])


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of pyarrow may crash while the interpreter is taken down
