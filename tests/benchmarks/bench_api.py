"""A served model through the api engine, 128 requests in flight, beside vLLM offline on the same requests.

Needs vLLM (`make test-vllm` makes its environment). Both have one thread and the same limits; rounds take turns, the
median of their ratios counts. CPU time is that of all processes on each side. Exits 1 above 1.5x of the wall time.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

for folder in ("examples", ""):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))

from spot_eval.core.files import write_json  # noqa: E402
from tests.benchmarks.figures import Figure  # noqa: E402

KEPT = Path(__file__).with_suffix(".json")
LIMIT = 1.5
ROUNDS = 3
REQUESTS = 600


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """A served model beside vLLM offline."""
    quote = f"with 128 in flight the `api` engine takes {kept['wall']:.2f} times vLLM offline"
    work = "api: 600 requests, wall time"
    return [Figure(work, "vLLM offline", kept["wall"], kept["limit"], "docs/engines.md", quote)]


def main() -> int:
    import psutil

    from tests.models.vllm.vllm_server import CPU, ID, Server

    # before torch is imported, which reads them then: otherwise only the server has one thread
    os.environ.update({**CPU, "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends with us
    from tiny_model import build
    from vllm import LLM, SamplingParams, TokensPrompt

    from spot_eval.core.options import RunOptions
    from spot_eval.models.api.model import ServedModel
    from spot_eval.models.registry import Completion, Refusal, Request
    from spot_eval.tasks.suite import Sampling, load_suite

    with tempfile.TemporaryDirectory() as scratch:
        path = build(Path(scratch) / "tiny", context=2048)
        server = Server(path, Path(scratch))
        try:
            offline = LLM(
                str(path), dtype="float32", enforce_eager=True, max_model_len=2048, max_num_batched_tokens=4096,
                max_num_seqs=64, enable_chunked_prefill=False, generation_config="vllm",
                enable_prefix_caching=True,
            )  # fmt: skip
            arguments = {"tokenizer": str(path), "in_flight": "128"}
            model = ServedModel(
                RunOptions(model=server.url, model_id=ID, engine="api", engine_args=arguments),
                load_suite("miniature"),
                print,
            )
            asked = [{"role": "user", "content": f"What is {n} + {n}? " * (1 + n % 5)} for n in range(REQUESTS)]
            budgets = [16 + 41 * n % 385 for n in range(REQUESTS)]  # 16 to 400 tokens
            requests = [
                Request(str(n), prompt, Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=budget), seed=n)
                for n, (prompt, budget) in enumerate(
                    zip(model.render_many([[turn] for turn in asked]), budgets, strict=True)
                )
            ]
            requests.sort(key=lambda request: -request.sampling.max_new_tokens)

            def through_llm() -> dict[str, str]:
                outputs = offline.generate(
                    [TokensPrompt(prompt_token_ids=list(request.prompt.token_ids)) for request in requests],
                    [
                        SamplingParams(
                            temperature=0.7, top_p=0.8, top_k=20, max_tokens=request.sampling.max_new_tokens,
                            seed=request.seed, stop_token_ids=list(model.dialect.stop_ids),
                        )
                        for request in requests
                    ],
                    use_tqdm=False,
                )  # fmt: skip
                return {request.key: one.outputs[0].text for request, one in zip(requests, outputs, strict=True)}

            def through_api() -> dict[str, str]:
                texts: dict[str, str] = {}

                def emit(result: Completion | Refusal) -> None:
                    assert isinstance(result, Completion), result
                    texts[result.key] = result.text

                engine = model.open()
                engine.generate(requests, emit)
                engine.close()
                return texts

            here, there = psutil.Process(), psutil.Process(server.process.pid)

            def cpu() -> tuple[float, float]:
                """Of all processes, and of this one: the client, while the server works."""
                served = [there, *there.children(recursive=True)]
                times = [here.cpu_times(), *(process.cpu_times() for process in served)]
                spent = [one.user + one.system for one in times]
                return sum(spent), spent[0]

            def timed(work: Callable[[], dict[str, str]]) -> tuple[dict[str, str], float, float, float]:
                wall, before = time.perf_counter(), cpu()
                texts = work()
                wall, after = time.perf_counter() - wall, cpu()
                return texts, wall, after[0] - before[0], after[1] - before[1]

            def one_round(number: int) -> tuple[float, float]:
                sides: dict[str, Any] = {"llm": through_llm, "api": through_api}
                order = sorted(sides, reverse=bool(number % 2))
                measured = {name: timed(sides[name]) for name in order}
                (expected, wall, spent, _), (texts, api_wall, api_spent, own) = measured["llm"], measured["api"]
                same = sum(texts[key] == text for key, text in expected.items())
                print(
                    f"offline {wall:.1f} s ({spent:.1f} s of CPU), api {api_wall:.1f} s ({api_spent:.1f} s of CPU, "
                    f"{own:.1f} s of it the client's), "
                    f"{same} of {REQUESTS} texts equal"
                )
                return api_wall / wall, api_spent / spent

            one_round(-1)  # warm up
            ratios = [one_round(number) for number in range(ROUNDS)]
        finally:
            server.kill()
    wall, spent = (statistics.median(side) for side in zip(*ratios, strict=True))
    write_json(KEPT, {"wall": round(wall, 2), "cpu": round(spent, 2), "limit": LIMIT, "requests": REQUESTS})
    verdict = "ok" if wall <= LIMIT else "TOO SLOW"
    print(f"api with 128 in flight: {wall:.2f}x the wall time of vLLM offline (limit {LIMIT}x): {verdict}")
    print(f"its CPU time is {spent:.2f}x, vLLM offline having all of it in one process")
    return 0 if wall <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
