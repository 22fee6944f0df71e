"""LoRA adapters through our side of the vllm engine, with a fake engine process instead of vLLM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.several import options_of_each, run_adapters
from spot_eval.models.adapter import locate_adapter
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import ENGINES, Completion, Refusal, Request
from spot_eval.models.vllm import engine as module
from spot_eval.models.vllm.engine import VllmEngine, VllmSettings
from spot_eval.tasks.suite import Sampling
from tests.models.lora import make_adapter

SAMPLING = Sampling(temperature=0.7, max_new_tokens=3)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "PROGRAM", [str(Path(__file__).parent / "fake_engine.py")])
    monkeypatch.setitem(ENGINES, "vllm", ENGINES["vllm"]._replace(needs=()))  # it is not installed here
    yield
    while module._waiting:
        module._waiting.pop().shard.close()


@pytest.fixture(scope="module")
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [make_adapter(tiny, folder / name, seed=seed) for seed, name in enumerate(["one", "three"])]


def behave(monkeypatch: pytest.MonkeyPatch, **faults: Any) -> None:
    monkeypatch.setenv("FAKE_ENGINE", json.dumps(faults))


def answers(engine: VllmEngine, tiny: Path, count: int = 24) -> dict[str, str]:
    prompt = ChatTokenizer(tiny).render([{"role": "user", "content": "2+2?"}])
    found: dict[str, str] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion)
        found[result.key] = result.text

    engine.generate([Request(f"k{n}", prompt, SAMPLING, seed=n) for n in range(count)], emit)
    assert len(found) == count
    return found


def test_every_process_answers_with_the_adapter_in_use(
    tiny: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, devices=["0", "1"], delay=0.002)
    engine = VllmEngine(tiny, ChatTokenizer(tiny), VllmSettings(), lora_rank=4)
    assert engine.description()["processes"] == 2
    bare = answers(engine, tiny)
    one, three = map(locate_adapter, map(str, adapters))
    found = []
    for adapter in (one, three, None, one):
        engine.use(adapter)
        found.append(answers(engine, tiny))
    engine.close()
    assert found[2] == bare
    assert found[0] == found[3]
    assert all(not (found[0].items() & other.items()) for other in (bare, found[1]))


def test_a_refused_adapter_is_one_sentence(tiny: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    behave(monkeypatch, refuse_adapter="three")
    engine = VllmEngine(tiny, ChatTokenizer(tiny), VllmSettings(), lora_rank=4)
    with pytest.raises(UserError, match="vLLM cannot load the adapter .*three: no"):
        engine.use(locate_adapter(str(adapters[1])))
    engine.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bias": "lora_only"}, "trains biases .*vLLM would leave out; use --engine hf"),
        ({"modules_to_save": ["embed_tokens"]}, "brings whole weights along .*embed_tokens"),
        ({"target_modules": ["embed_tokens"]}, "changes embeddings"),
    ],
)
def test_what_vllm_would_leave_out_is_refused(
    tiny: Path, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    engine = VllmEngine(tiny, ChatTokenizer(tiny), VllmSettings(), lora_rank=4)
    with pytest.raises(UserError, match=message):
        engine.use(locate_adapter(str(make_adapter(tiny, tmp_path / "lora", **settings))))
    engine.close()


def test_two_adapters_and_the_base_share_one_engine_and_a_refusal_stops_no_other(
    tiny: Path, adapters: list[Path], boards: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    suite = tmp_path / "small.yaml"
    suite.write_text("{name: s, version: 1, sampling: {max_new_tokens: 3}, families: {f: {connect4: {repeats: 1}}}}")
    options = RunOptions(
        model=str(tiny), suite=str(suite), engine="vllm", data_files={"connect4": boards}, out=tmp_path, workers=1
    )
    started: list[str] = []
    start = module._start
    monkeypatch.setattr(module, "_start", lambda name, *more: started.append(name) or start(name, *more))
    said: list[str] = []
    each = options_of_each(options, [str(tiny)], said.append, [str(adapters[0]), "none", str(adapters[1])])
    outcomes = run_adapters(each, said.append)
    assert [one.exit_code for one in outcomes] == [0, 0, 0]
    assert started == ["the vLLM engine"]
    texts = [
        {record["doc_id"]: record["text"] for record in map(json.loads, (one.path / "generations.jsonl").open())}
        for one in outcomes
        if one.path
    ]
    assert len({json.dumps(each, sort_keys=True) for each in texts}) == 3
    manifests = [json.loads((one.path / "manifest.json").read_text()) for one in outcomes if one.path]
    assert len({manifest["config"]["model"]["fingerprint"] for manifest in manifests}) == 3

    behave(monkeypatch, refuse_adapter="one")
    moved = options_of_each(options, [str(tiny)], said.append, [str(adapters[0]), str(adapters[1])])
    again = run_adapters([RunOptions(**{**vars(one), "parent": tmp_path / "again"}) for one in moved], said.append)
    assert [one.exit_code for one in again] == [2, 0]
    assert any("error" in sentence and "vLLM cannot load the adapter" in sentence for sentence in said)
