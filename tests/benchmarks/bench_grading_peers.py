"""CPU time of judging mathematics: this tree, another checkout of it, and plain Math-Verify, on the same real answers.

    python -m tests.benchmarks.bench_grading_peers [--before CHECKOUT] [--keep]

Each judges in a process of its own, three rounds, interleaved; the medians are printed per 1,000 answers. The answers
are the labelled generations of the mirror (SPOT_EVAL_DATA), else made-up ones. `--keep` writes the JSON beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure

HERE = Path(__file__).resolve()
KEPT = HERE.with_suffix(".json")
ROUNDS = 3
GENERATIONS = ("gsm8k_openai_solutions", "qwen_math_cot_100x8", "verifiers_math_python")
MOST_MEMORY, MOST_SECONDS = 4 << 30, 300  # plain Math-Verify knows no limit of its own
JUDGES = {
    "spot_eval": """
from spot_eval.graders import load_grader
grade = load_grader("maths").judge
judge = lambda gold, text: grade({"answer": gold}, text).score
""",
    "math_verify": """
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify
configs = (LatexExtractionConfig(), ExprExtractionConfig())
def judge(gold, text):
    wanted = parse("$" + gold + "$", configs, parsing_timeout=None)
    return verify(wanted, parse(text, configs, parsing_timeout=None), timeout_seconds=None)
""",
}
PROGRAM = """
import json, os, resource, sys, time, logging
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
logging.disable(logging.CRITICAL)
sys.path.insert(0, sys.argv[2])
{judge}
rows = json.load(open(sys.argv[1]))
judge(*rows[0][:2])
right = failed = agree = 0
before = time.process_time()
for gold, text, label in rows:
    try:
        score = bool(judge(gold, text))
    except Exception:
        score, failed = False, failed + 1
    agree += label is None or score == label
print(json.dumps({{"cpu": time.process_time() - before, "agree": agree, "failed": failed}}))
"""


def answers() -> list[tuple[str, str, bool | None]]:
    """Return (gold, generation, label) of real answers, or made-up ones."""
    data = os.environ.get("SPOT_EVAL_DATA")
    rows: list[tuple[str, str, bool | None]] = []
    for path in [Path(data) / "graders" / f"{name}_open.jsonl" for name in GENERATIONS] if data else ():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            sound = row.get("label_status") == "ok" and row.get("expected") in {0, 1}
            rows.append((row["gold"], row["prediction"], bool(row["expected"]) if sound else None))
    return rows or [(str(n), f"so $\\boxed{{{2 * n}/2}}$.", True) for n in range(1000)]


def measure(kind: str, tree: Path, rows: Path) -> dict[str, float]:
    """Return CPU seconds and agreement of one round in a process of its own."""
    program = PROGRAM.format(judge=JUDGES[kind], memory=MOST_MEMORY)
    done = subprocess.run(
        [sys.executable, "-c", program, str(rows), str(tree)], capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=tree, timeout=MOST_SECONDS,
    )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The grader of this tree beside Math-Verify, and beside that of version 0.1.0."""
    spent = {name: kept[name]["cpu_s_per_1000"] for name in ("now", "before", "Math-Verify")}
    quote = (
        f"{spent['now']:.2f} s now, {spent['before']:.2f} s with the grader of version 0.1.0, "
        f"{spent['Math-Verify']:.2f} s with plain Math-Verify"
    )
    work = "judging mathematics, CPU time"
    return [
        Figure(work, "Math-Verify", spent["now"] / spent["Math-Verify"], page="docs/grading.md", quote=quote),
        Figure(work, "version 0.1.0", spent["now"] / spent["before"]),
    ]


def main() -> None:
    """Measure, print, and keep if asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=Path, help="a checkout of the version to compare with")
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    rows = answers()
    place = HERE.parent / ".bench_grading_rows.json"
    place.write_text(json.dumps(rows))
    here = HERE.parents[2]
    wanted = {"now": ("spot_eval", here), "Math-Verify": ("math_verify", here)}
    if given.before:
        wanted["before"] = ("spot_eval", given.before.resolve())
    found: dict[str, list[dict[str, float]]] = {name: [] for name in wanted}
    try:
        for _ in range(ROUNDS):
            for name, (kind, tree) in wanted.items():
                found[name].append(measure(kind, tree, place))
    finally:
        place.unlink()
    result = {
        name: {
            "cpu_s_per_1000": round(1000 * statistics.median(one["cpu"] for one in rounds) / len(rows), 3),
            "agree": rounds[0]["agree"],
            "failed": rounds[0]["failed"],
        }
        for name, rounds in found.items()
    }
    print(f"{len(rows)} answers")
    for name, one in result.items():
        counts = f"{one['agree']} as labelled; {one['failed']} raised"
        print(f"{name:12s} {one['cpu_s_per_1000']:7.3f} s CPU per 1,000; {counts}")
    if given.keep:
        kept = {"answers": len(rows), "rounds": ROUNDS, **result}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
