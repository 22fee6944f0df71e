"""LoRA adapters in vLLM itself, on a CPU: `make test-vllm` runs these; elsewhere they are skipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.miniature import BASE
from spot_eval.models.adapter import locate_adapter
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import CheckpointEngine, Completion, Refusal, Request, open_engine
from spot_eval.models.vllm.arguments import RefusedArgumentError, room_for
from spot_eval.tasks.suite import Sampling
from tests.models.vllm.test_engine import IN_PROCESS

pytestmark = pytest.mark.vllm

GREEDY = Sampling(max_new_tokens=24)
SUITE = """
name: few
version: 1
sampling: {temperature: 0.0, max_new_tokens: 24}
families: {general: {mini_instructions: {}}}
"""


@pytest.fixture(scope="module", autouse=True)
def in_process() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(IN_PROCESS)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from tests.models.lora import make_adapter

    folder = tmp_path_factory.mktemp("adapters")
    return [
        make_adapter(tiny, folder / "all"),
        make_adapter(tiny, folder / "some", seed=1, target_modules=["q_proj", "down_proj"], r=8, use_rslora=True),
    ]


@pytest.fixture(scope="module")
def engine(tiny: Path) -> Iterator[CheckpointEngine]:
    made = open_engine("vllm", tiny, ChatTokenizer(tiny), {"max_num_seqs": "32"}, lora_rank=8)
    yield made
    made.close()


def answers(engine: CheckpointEngine, tiny: Path, count: int = 60) -> dict[str, str]:
    tokenizer = ChatTokenizer(tiny)
    prompts = [tokenizer.render([{"role": "user", "content": f"{n} and 2+2? " * (n % 7 + 1)}]) for n in range(count)]
    found: dict[str, str] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion), result
        found[result.key] = result.text

    engine.generate([Request(str(n), prompt, GREEDY, seed=n) for n, prompt in enumerate(prompts)], emit)
    assert len(found) == count
    return found


def agreement(ours: dict[str, str], theirs: dict[str, str]) -> float:
    return sum(ours[key] == theirs[key] for key in theirs) / len(theirs)


def test_each_adapter_answers_as_in_hf_and_the_base_is_left_alone(
    engine: CheckpointEngine, tiny: Path, adapters: list[Path]
) -> None:
    hf = open_engine("hf", tiny, ChatTokenizer(tiny), {"device": "cpu", "dtype": "float32"})
    bare = answers(hf, tiny)
    for path in (adapters[0], None, adapters[1], adapters[0], None):
        adapter = locate_adapter(str(path)) if path else None
        engine.use(adapter)
        hf.use(adapter)
        theirs = answers(hf, tiny)
        assert agreement(answers(engine, tiny), theirs) >= 0.99, path
        assert (agreement(bare, theirs) == 1.0) == (path is None)


def test_what_vllm_cannot_load_is_one_sentence(engine: CheckpointEngine, tiny: Path, tmp_path: Path) -> None:
    from tests.models.lora import make_adapter

    with pytest.raises(RefusedArgumentError, match=r"vLLM takes LoRA adapters up to rank \d+, not 100000"):
        room_for(100_000)
    with pytest.raises(UserError, match=r"vLLM cannot load the adapter .*DoRA"):
        engine.use(locate_adapter(str(make_adapter(tiny, tmp_path / "dora", use_dora=True))))


def test_a_command_with_two_adapters_and_two_processes(tmp_path: Path) -> None:
    """One command on the miniature: a process for each half of the requests, and a run for each adapter."""
    from tests.models.lora import make_adapter

    (tmp_path / "few.yaml").write_text(SUITE)
    for seed, name in enumerate(["one", "two"]):
        make_adapter(BASE, tmp_path / name, seed=seed, scale=0.15)
    found: dict[str, dict[str, Any]] = {}
    for engine, more in (("vllm", ["--engine-arg", "data_parallel_size=2"]), ("hf", [])):
        given = ["run", "--model", str(BASE), "--adapter", "one", "--adapter", "two", "--suite", "few.yaml",
                 "--limit", "40", "--engine", engine, "-o", engine, "--json", *more]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "spot_eval", *given], cwd=tmp_path, capture_output=True, text=True, timeout=300,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])},
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["runs"]) == 2
        found[engine] = {
            f"{run.name.partition('-few')[0]} {record['doc_id']}": record["text"]
            for run in (tmp_path / engine).iterdir()
            for record in map(json.loads, (run / "generations.jsonl").open())
        }
    assert len(found["hf"]) == 80
    assert agreement(found["vllm"], found["hf"]) >= 0.97
