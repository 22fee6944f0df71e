"""What planning, store and harness cost beside the engine on the same requests, in CPU time; median of rounds.

The engine is a model of 0.1 M parameters, some thousand times faster than those people evaluate; rendering and
tokenising the prompts, which any user of an engine pays, count as its own. Exits 1 above 3 %. `make bench` runs it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure
from tests.made_runs import manifest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

KEPT = Path(__file__).with_suffix(".json")
LIMIT = 0.03
ROUNDS = 5
REQUESTS = 320


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The harness beside its limit."""
    return [Figure("planning, store and harness, share of all CPU time", "limit", kept["share"] / kept["limit"])]


def main() -> int:
    import torch
    from tiny_model import build

    from spot_eval.core.keys import doc_hash
    from spot_eval.core.records import Doc
    from spot_eval.evaluation.generate import generate
    from spot_eval.evaluation.plan import make_plan
    from spot_eval.models.prompts import ChatTokenizer
    from spot_eval.models.registry import Completion, Emit, Refusal, Request, open_engine
    from spot_eval.runs.directory import RunDirectory
    from spot_eval.tasks.docs import LoadedTask
    from spot_eval.tasks.suite import Suite

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        path = build(Path(scratch) / "tiny")
        tokenizer = ChatTokenizer(path)
        engine = open_engine("hf", path, tokenizer, {"device": "cpu", "batch_size": "32"})
        docs = []
        for number in range(REQUESTS):
            messages = [{"role": "user", "content": f"What is {number} + {number}? " * (1 + number % 5)}]
            docs.append(Doc("sums", number, doc_hash(messages, "x"), messages, "x", {}))
        task = LoadedTask("sums", "maths", docs, (), "here", None, "", "1")
        sampling = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "max_new_tokens": 64}
        suite = Suite.model_validate({"name": "b", "version": 1, "sampling": sampling, "families": {"f": {"sums": {}}}})

        class Stopwatch:
            """The engine, with the CPU time that passes inside it and outside `emit`."""

            description = engine.description

            def generate(self, requests: Sequence[Request], emit: Emit) -> None:
                inside = 0.0

                def timed(result: Completion | Refusal) -> None:
                    nonlocal inside
                    entered = time.process_time()
                    emit(result)
                    inside += time.process_time() - entered

                start = time.process_time()
                engine.generate(requests, timed)
                self.seconds = time.process_time() - start - inside

            def close(self) -> None:
                """Nothing of its own."""

        def one_round(number: int) -> float:
            stopwatch = Stopwatch()
            run = RunDirectory.create(Path(scratch) / f"run{number}", manifest())
            start = time.process_time()
            for doc in docs:
                tokenizer.render(doc.messages)
            rendering = time.process_time() - start
            start = time.process_time()
            plan = make_plan([task], suite, tokenizer, fingerprint="f", engine={}, context=8192, run_seed=0)
            planning = time.process_time() - start - rendering
            start = time.process_time()
            generate(run, stopwatch, plan.requests, finished=0, total=REQUESTS)
            run.close()
            storing = time.process_time() - start - stopwatch.seconds
            assert len(run.read_generations()) == REQUESTS
            theirs = rendering + stopwatch.seconds
            print(f"engine {theirs:.2f} s of CPU; planning {planning:.3f} s, store and harness {storing:.3f} s")
            return (planning + storing) / theirs

        one_round(-1)  # warm up
        overhead = statistics.median(one_round(number) for number in range(ROUNDS))
    write_json(KEPT, {"share": round(overhead, 4), "limit": LIMIT, "requests": REQUESTS, "rounds": ROUNDS})
    verdict = "ok" if overhead <= LIMIT else "TOO SLOW"
    print(f"planning, store and harness: {100 * overhead:.2f} % of the engine's (limit {100 * LIMIT:.0f} %): {verdict}")
    return 0 if overhead <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
