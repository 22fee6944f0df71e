"""CPU time of judging programs in the sandbox: HumanEval's 164 solutions, and as many that return None.

    SPOT_EVAL_DATA=… python -m tests.benchmarks.bench_code        # writes bench_code.json

Two grading processes; what the sandboxes take counts. Exits with 1 if a verdict is wrong, or above the limit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from spot_eval.graders.pool import Pool
from spot_eval.graders.worker import Job
from spot_eval.tasks.data.rows import load_rows
from spot_eval.tasks.data.sources import ALL_SOURCES
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
LIMIT_S = 30.0


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The programs beside their limit."""
    quote = f"take {kept['cpu_s']:.0f} s of CPU (two workers); all {kept['programs']} verdicts are right"
    work = f"{kept['programs']} programs judged, CPU time"
    return [Figure(work, "limit", kept["cpu_s"] / kept["limit_s"], page="docs/code.md", quote=quote)]


def main() -> int:
    rows = load_rows(ALL_SOURCES["humaneval"]).rows
    solved = [f"```python\n{row['prompt']}{row['canonical_solution']}\n```" for row in rows]
    replies = [*solved, *["```python\n    return None\n```"] * len(rows)]
    before = os.times()
    with Pool(2, preload=("code",)) as pool:
        found = dict(pool.run([Job("code", "judge", pair) for pair in zip(rows * 2, replies, strict=True)]))
    spent = sum(os.times()[:4]) - sum(before[:4])
    wanted = [1.0] * len(rows) + [0.0] * len(rows)
    wrong = sum(getattr(found[at], "score", None) != right for at, right in enumerate(wanted))
    if not wrong:
        write_json(KEPT, {"programs": len(replies), "cpu_s": round(spent, 1), "limit_s": LIMIT_S})
    print(f"{len(replies)} programs: {spent:.1f} s of CPU (limit {LIMIT_S:g} s); {wrong} wrong verdicts")
    return int(wrong > 0 or spent > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
