"""Our vllm path, records on disk included, beside one `LLM.generate` over the same requests; median of rounds.

600 sampled requests of 16 to 400 tokens, the same seeds, a model of 0.1 M parameters on a CPU: thousands of times
smaller than what people evaluate, so what a request costs beside the model shows. Both engines live through the whole
benchmark and take turns. CPU time counts every process of each side. Exits 1 above 1.03x in CPU or wall time, or where
the first record takes more than 3 % of a run. `make bench-vllm` runs it. vLLM's core has no process of
its own on either side; $VLLM_ENABLE_V1_MULTIPROCESSING=1 gives it one on both.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure
from tests.made_runs import manifest

KEPT = Path(__file__).with_suffix(".json")
LIMIT, FIRST_LIMIT = 1.03, 0.03
ROUNDS = 5
REQUESTS = 600
BATCH = 64
for name, value in {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}.items():
    os.environ.setdefault(name, value)


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """A run, records included, beside `LLM.generate`."""
    quote = f"take {kept['wall']:.2f} times one `LLM.generate`, records on disk included"
    return [
        Figure("vllm: 600 requests, wall time", "LLM.generate", kept["wall"], kept["limit"], "docs/engines.md", quote),
        Figure("vllm: 600 requests, CPU time", "LLM.generate", kept["cpu"], kept["limit"]),
        Figure("vllm: share of a run before its first record", "limit", kept["first"] / kept["first_limit"]),
    ]


def main() -> int:
    import psutil
    from tiny_model import build
    from vllm import LLM, SamplingParams

    from spot_eval.core.records import Doc
    from spot_eval.evaluation.generate import generate
    from spot_eval.evaluation.plan import Planned
    from spot_eval.models.prompts import ChatTokenizer
    from spot_eval.models.registry import Request
    from spot_eval.models.vllm.engine import VllmEngine, VllmSettings
    from spot_eval.runs.directory import RunDirectory
    from spot_eval.tasks.suite import Sampling

    def seconds(processes: list[psutil.Process]) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    draw = random.Random(20261124)
    with tempfile.TemporaryDirectory() as scratch:
        path = build(Path(scratch) / "tiny")
        tokenizer = ChatTokenizer(path)
        here = psutil.Process()
        llm = LLM(
            str(path), dtype="float32", enforce_eager=True, enable_chunked_prefill=False, generation_config="vllm",
            max_num_seqs=BATCH, disable_log_stats=True,
        )  # fmt: skip
        theirs = [here, *here.children(recursive=True)]
        engine = VllmEngine(path, tokenizer, VllmSettings.parse({"max_num_seqs": str(BATCH)}))
        ours = [here, *(child for child in here.children(recursive=True) if child not in theirs)]

        planned = []
        for number in range(REQUESTS):
            prompt = tokenizer.render(
                [{"role": "user", "content": f"What is {number} + {number}? " * (1 + number % 5)}]
            )
            budget = draw.randint(16, 400)
            sampling = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=budget)
            request = Request(str(number), prompt, sampling, seed=draw.getrandbits(31))
            planned.append(Planned(request, Doc("sums", number, str(number), [], "", {}), 0))
        planned.sort(key=lambda one: -one.request.sampling.max_new_tokens)

        def one_llm_generate() -> tuple[float, float, dict[str, str]]:
            began, cpu = time.monotonic(), seconds(theirs)
            parameters = [
                SamplingParams(
                    temperature=0.7, top_p=0.8, top_k=20, seed=one.request.seed,
                    max_tokens=one.request.sampling.max_new_tokens, stop_token_ids=sorted(engine.stop_ids),
                )
                for one in planned
            ]  # fmt: skip
            prompts = [{"prompt_token_ids": list(one.request.prompt.token_ids)} for one in planned]
            outputs = llm.generate(prompts, parameters, use_tqdm=False)
            wall, used = time.monotonic() - began, seconds(theirs) - cpu
            # decoded bit by bit, as vLLM does, bytes that are no text come out otherwise; this model says many
            texts = {
                one.request.key: tokenizer.decode(list(output.outputs[0].token_ids))
                for one, output in zip(planned, outputs, strict=True)
            }
            return wall, used, texts

        def one_run(number: int) -> tuple[float, float, float, dict[str, str]]:
            run = RunDirectory.create(Path(scratch) / f"run{number}", manifest())
            append, first = run.generations.append, 0.0

            def timed(record: object) -> None:
                nonlocal first
                append(record)
                first = first or time.monotonic()

            run.generations.append = timed  # type: ignore[method-assign]
            began, cpu = time.monotonic(), seconds(ours)
            generate(run, engine, planned, finished=0, total=REQUESTS)
            run.close()
            wall, used = time.monotonic() - began, seconds(ours) - cpu
            texts = {key: record.text for key, record in run.read_generations().items()}
            return wall, used, (first - began) / wall, texts

        walls, cpus, firsts = [], [], []
        for number in range(-1, ROUNDS):
            their_wall, their_cpu, their_texts = one_llm_generate()
            wall, cpu, first, texts = one_run(number)
            same = sum(texts[key] == text for key, text in their_texts.items())
            print(
                f"LLM.generate {their_wall:.2f} s, {their_cpu:.2f} s of CPU; ours {wall:.2f} s, {cpu:.2f} s of CPU, "
                f"first record after {100 * first:.1f} %; {same} of {REQUESTS} texts equal"
            )
            if number >= 0:  # the one before warms up
                walls.append(wall / their_wall)
                cpus.append(cpu / their_cpu)
                firsts.append(first)
        engine.close()
    wall, cpu, first = map(statistics.median, (walls, cpus, firsts))
    write_json(KEPT, {"wall": round(wall, 3), "cpu": round(cpu, 3), "first": round(first, 4), "limit": LIMIT,
                      "first_limit": FIRST_LIMIT, "requests": REQUESTS, "rounds": ROUNDS})  # fmt: skip
    good = wall <= LIMIT and cpu <= LIMIT and first <= FIRST_LIMIT
    print(
        f"wall {wall:.3f}x, CPU {cpu:.3f}x of LLM.generate (limit {LIMIT}x); first record after {100 * first:.1f} % "
        f"(limit {100 * FIRST_LIMIT:.0f} %): {'ok' if good else 'MISSED'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
