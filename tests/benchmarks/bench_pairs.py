"""CPU time of the edit distance between y- and y+: 10,000 pairs of 1,500 tokens, half of them replaced.

    python -m tests.benchmarks.bench_pairs        # writes bench_pairs.json

Exits with 1 above the limit.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure
from trainer.pairs.edit_filter import lcs_length

KEPT = Path(__file__).with_suffix(".json")
PAIRS, TOKENS, VOCABULARY = 10_000, 1_500, 30_000
LIMIT_S = 10.0
ROUNDS = 3


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The edit distances beside their limit."""
    quote = (
        "`lcs_length` on 10,000 pairs of 1,500 tokens with half of them replaced: "
        f"{kept['cpu_s']:.1f} s of CPU on one core"
    )
    ratio = kept["cpu_s"] / kept["limit_s"]
    return [Figure("10,000 edit distances, CPU time", "limit", ratio, page="docs/pairs.md", quote=quote)]


def main() -> int:
    draw = random.Random(0)
    wrong = [[draw.randrange(VOCABULARY) for _ in range(TOKENS)] for _ in range(100)]
    pairs = [
        (one, [token if draw.random() < 0.5 else draw.randrange(VOCABULARY) for token in one])
        for one in (wrong[number % len(wrong)] for number in range(PAIRS))
    ]
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for one, other in pairs:
            lcs_length(one, other)
        taken.append(time.process_time() - began)
    spent = statistics.median(taken)
    write_json(KEPT, {"cpu_s": round(spent, 1), "limit_s": LIMIT_S, "rounds": ROUNDS})
    verdict = "ok" if spent <= LIMIT_S else "TOO SLOW"
    print(f"{PAIRS:,} edit distances: {spent:.1f} s of CPU (limit {LIMIT_S:g} s): {verdict}")
    return int(spent > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
