"""Builds a base of the miniature from nothing and prints what it can do against the bands; minutes.

    python tests/benchmarks/bench_miniature_base.py [--seed 2] [--out DIR]

Exits with 1 where a family is outside its band, the build took more than 20 CPU-minutes, the checkpoint has more than
4 MB, or a type of mistake does not occur.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from spot_eval.miniature.build import build
from tests.miniature.mistakes import MISTAKES, mistakes
from tests.miniature.profile import answers, exam, judged, outside, scores, table

CPU_LIMIT_S, SIZE_LIMIT = 20 * 60, 4_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--items", type=int, default=1001, help="seed of the test items")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = build(given.out or Path(scratch) / "base", given.seed)
        made = json.loads((model / "miniature.json").read_text())
        size = sum(file.stat().st_size for file in model.iterdir())
        asked = exam(given.items)
        texts = answers(model, asked)
    found = scores(asked, judged(asked, texts))
    print(f"seed {given.seed}: {made['cpu_seconds']} CPU seconds, {size / 1e6:.2f} MB")
    print(table(found))
    counts = {kind: sum(kind in mistakes(*pair) for pair in zip(asked, texts, strict=True)) for kind in MISTAKES}
    print("answers with each mistake:", ", ".join(f"{kind} {count}" for kind, count in counts.items()))
    problems = outside(found)
    problems += [f"no answer has the mistake {kind}" for kind in MISTAKES[:-2] if not counts[kind]]
    problems += [f"more than {CPU_LIMIT_S} CPU seconds"] * (made["cpu_seconds"] > CPU_LIMIT_S)
    problems += [f"more than {SIZE_LIMIT} bytes"] * (size > SIZE_LIMIT)
    print("\n".join(problems) or "within the bands")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
