"""The api engine against `vllm serve` on loopback: the same texts as vLLM offline, and a server that dies.

The server's checkpoint recommends a sampling of its own, which must not leak into ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.options import RunOptions
from spot_eval.models.api.model import ServedModel
from spot_eval.models.registry import Completion, Refusal, Request
from spot_eval.tasks.suite import Sampling, load_suite
from tests.models.vllm.vllm_server import CPU, ID, Server

pytestmark = pytest.mark.vllm

LEAKY = {"repetition_penalty": 1.7, "temperature": 5.0, "top_k": 3, "top_p": 0.3, "min_p": 0.2, "do_sample": True}
PAPER = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=48)
FREE = Sampling(temperature=1.0, max_new_tokens=48)
GREEDY = Sampling(max_new_tokens=48)


@pytest.fixture(scope="module")
def leaky(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("served") / "leaky"))
    config = json.loads((path / "generation_config.json").read_text())
    (path / "generation_config.json").write_text(json.dumps({**config, **LEAKY}))
    return path


@pytest.fixture(scope="module")
def server(leaky: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(leaky, tmp_path_factory.mktemp("logs"))
    yield made
    made.kill()


def served(server: Server, **arguments: Any) -> ServedModel:
    said: list[str] = []
    options = RunOptions(
        model=server.url, model_id=ID, engine="api", engine_args={name: str(value) for name, value in arguments.items()}
    )
    model = ServedModel(options, load_suite("miniature"), said.append)
    assert said == []  # vLLM takes all that is sent
    return model


def requests(model: ServedModel, sampling: Sampling, count: int = 60) -> list[Request]:
    conversations = [[{"role": "user", "content": f"What is {n} + {n}? " * (1 + n % 9)}] for n in range(count)]
    prompts = model.render_many(conversations)
    return [Request(str(n), prompt, sampling, seed=7919 * (n + 1)) for n, prompt in enumerate(prompts)]


def answers(model: ServedModel, asked: list[Request]) -> dict[str, Completion]:
    found: dict[str, Completion | Refusal] = {}
    engine = model.open()
    try:
        engine.generate(asked, lambda result: found.update({result.key: result}))
    finally:
        engine.close()
    assert engine.description()["seeds"] == ("honoured" if asked[0].sampling.temperature else "not asked")
    completions = {key: one for key, one in found.items() if isinstance(one, Completion)}
    assert completions.keys() == {request.key for request in asked}
    return completions


@pytest.fixture(scope="module")
def offline(tiny: Path) -> Any:
    os.environ.update({**CPU, "VLLM_ENABLE_V1_MULTIPROCESSING": "0"})
    from vllm import LLM

    return LLM(
        str(tiny), dtype="float32", enforce_eager=True, max_model_len=2048, max_num_batched_tokens=4096,
        max_num_seqs=64, enable_chunked_prefill=False, generation_config="vllm",
    )  # fmt: skip


@pytest.mark.parametrize("sampling", [GREEDY, PAPER, FREE], ids=["greedy", "the paper's", "free"])
def test_served_texts_are_those_of_vllm_offline_request_by_request(
    server: Server, offline: Any, tiny: Path, sampling: Sampling
) -> None:
    from vllm import SamplingParams, TokensPrompt

    model = served(server, tokenizer=tiny)
    asked = requests(model, sampling)
    outputs = offline.generate(
        [TokensPrompt(prompt_token_ids=list(request.prompt.token_ids)) for request in asked],
        [
            SamplingParams(
                temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k or -1,
                max_tokens=sampling.max_new_tokens, seed=request.seed, stop_token_ids=list(model.dialect.stop_ids),
            )
            for request in asked
        ],
        use_tqdm=False,
    )  # fmt: skip
    expected = {
        request.key: Completion(
            request.key, one.outputs[0].text, one.outputs[0].finish_reason, len(one.prompt_token_ids),
            len(one.outputs[0].token_ids),
        )
        for request, one in zip(asked, outputs, strict=True)
    }  # fmt: skip
    assert answers(model, asked) == expected


def test_chat_reads_the_same_prompts_as_token_ids_and_says_the_same(server: Server, tiny: Path) -> None:
    chat, ids = served(server), served(server, tokenizer=tiny)
    assert answers(chat, requests(chat, GREEDY)) == answers(ids, requests(ids, GREEDY))


def test_prompts_are_counted_before_any_generation(server: Server, tiny: Path) -> None:
    chat, ids = served(server), served(server, tokenizer=tiny)
    assert chat.facts.context == ids.facts.context == 2048
    conversations = [[{"role": "user", "content": "What is 2 + 2? " * n}] for n in (1, 150, 400)]
    counted, known = ([prompt.length for prompt in model.render_many(conversations)] for model in (chat, ids))
    assert counted == known
    assert known[2] is not None
    assert known[2] > 2048


def run(server: Server, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "spot_eval", "run", "--model", server.url, "--model-id", ID, "--suite", "miniature",
        "--limit", "40", "--out", str(out), "--engine-arg", "retries=3", "--engine-arg", "in_flight=8", *more,
    ]  # fmt: skip


def texts(out: Path) -> dict[str, tuple[str, str, int]]:
    lines = [line for line in (out / "generations.jsonl").read_bytes().splitlines() if line.endswith(b"}")]
    return {one["key"]: (one["text"], one["finish_reason"], one["output_tokens"]) for one in map(json.loads, lines)}


def test_a_prompt_beyond_the_context_is_refused_by_the_run(server: Server, tmp_path: Path) -> None:
    small = ["--engine-arg", "max_model_len=60"]
    done = subprocess.run(run(server, tmp_path / "run", *small), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "prompts do not fit the model's context of 60 tokens" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_server_killed_on_the_way_costs_nothing_that_was_finished(
    server: Server, leaky: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scratch = tmp_path_factory.mktemp("killed")
    whole, out = scratch / "whole", scratch / "run"
    subprocess.run(run(server, whole), check=True, capture_output=True)
    with subprocess.Popen(run(server, out), stderr=subprocess.PIPE, text=True) as process:
        while not (out / "generations.jsonl").exists() or len(texts(out)) < 20:
            assert process.poll() is None
            time.sleep(0.02)
        server.kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("error:") == 1
    assert "no longer serves" in said
    finished = texts(out)
    assert 20 <= len(finished) < 160
    assert not (out / "failures.jsonl").exists()
    again = Server(leaky, scratch)
    try:
        done = subprocess.run(run(again, out), capture_output=True, text=True, check=False)
    finally:
        again.kill()
    assert done.returncode == 0, done.stderr
    assert f"{160 - len(finished)} of 160 generations to do" in done.stderr
    assert texts(out) == texts(whole)
