"""Our side of the vllm engine, with a fake engine process instead of vLLM: what runs in the ordinary environment."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spot_eval.core.errors import EngineDiedError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.run import run
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import ENGINES, Completion, Refusal, Request
from spot_eval.models.vllm import engine as module
from spot_eval.models.vllm.arguments import RefusedArgumentError, parsed
from spot_eval.models.vllm.engine import VllmEngine, VllmSettings
from spot_eval.tasks.suite import Sampling

SAMPLING = Sampling(temperature=0.7, max_new_tokens=3)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "PROGRAM", [str(Path(__file__).parent / "fake_engine.py")])
    yield
    while module._waiting:
        module._waiting.pop().shard.close()


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> ChatTokenizer:
    return ChatTokenizer(tiny)


def behave(monkeypatch: pytest.MonkeyPatch, **faults: Any) -> None:
    monkeypatch.setenv("FAKE_ENGINE", json.dumps(faults))


def requests(tokenizer: ChatTokenizer, count: int) -> list[Request]:
    prompt = tokenizer.render([{"role": "user", "content": "2+2?"}])
    return [Request(f"k{n}", prompt, SAMPLING, seed=n) for n in range(count)]


def answers(engine: VllmEngine, asked: Sequence[Request]) -> dict[str, Completion | Refusal]:
    found: dict[str, Completion | Refusal] = {}
    engine.generate(asked, lambda result: found.update({result.key: result}))
    return found


def test_the_process_that_told_the_facts_becomes_the_engine(
    tiny: Path, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, refuse_seed=2)
    settings = VllmSettings.parse({"max_num_seqs": "4"})
    facts = module.facts(tiny, settings)
    assert (facts.context, facts.dtype, facts.identity) == (4096, "float32", {"name": "vllm"})
    (scout,) = module._waiting
    engine = VllmEngine(tiny, tokenizer, settings)
    assert [shard.process.pid for shard in engine.shards] == [scout.shard.process.pid]
    assert engine.told["arguments"] == {"max_num_seqs": "4"}
    found = answers(engine, requests(tokenizer, 5))
    assert found.pop("k2") == Refusal("k2", "vLLM refused it: no such token")
    prompt_tokens = len(requests(tokenizer, 1)[0].prompt.token_ids)
    assert found == {
        f"k{n}": Completion(f"k{n}", tokenizer.decode([5 + n] * 3), "length", prompt_tokens, 3) for n in (0, 1, 3, 4)
    }
    engine.close()
    assert scout.shard.process.poll() is not None


def test_other_facts_end_the_process_that_waited(tiny: Path) -> None:
    module.facts(tiny, VllmSettings.parse({}))
    (first,) = module._waiting
    module.facts(tiny, VllmSettings.parse({"max_num_seqs": "4"}))
    (second,) = module._waiting
    assert first.shard.process.poll() is not None
    assert second.shard.process.poll() is None


def test_one_process_for_each_group_of_devices(
    tiny: Path, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, devices=["2", "3", "5", "7"], each=2, delay=0.002)
    settings = VllmSettings.parse({"tensor_parallel_size": "2"})
    module.facts(tiny, settings)
    engine = VllmEngine(tiny, tokenizer, settings)
    shown: set[str] = set()
    result = engine._result
    monkeypatch.setattr(engine, "_result", lambda one, answer: shown.add(answer["visible"]) or result(one, answer))
    assert len(answers(engine, requests(tokenizer, 40))) == 40
    assert shown == {"2,3", "5,7"}
    assert engine.description()["processes"] == 2
    engine.close()


@pytest.mark.parametrize(
    ("devices", "each", "asked", "shares"),
    [
        ([], 1, None, [{}]),
        ([], 1, "3", [{}, {}, {}]),
        (["0"], 1, None, [{}]),
        (["0", "1", "2"], 1, None, [{"D": "0"}, {"D": "1"}, {"D": "2"}]),
        (["0", "1", "2"], 1, "1", [{}]),
        (["GPU-a", "GPU-b", "GPU-c"], 2, None, [{}]),
        (["0", "1", "2", "3"], 2, "2", [{"D": "0,1"}, {"D": "2,3"}]),
        (["0"], 4, None, [{}]),  # too few: vLLM says so itself
    ],
)
def test_devices_are_shared_out(devices: list[str], each: int, asked: str | None, shares: list[dict[str, str]]) -> None:
    told = {"devices": devices, "devices_an_engine": each, "devices_variable": "D", "across_nodes": False}
    settings = VllmSettings.parse({"data_parallel_size": asked} if asked else {})
    assert module._shares(settings, told) == shares
    assert module._shares(VllmSettings(), {**told, "across_nodes": True}) == [{}]


def test_more_engines_than_devices_are_refused_before_anything_is_loaded(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, devices=["0", "1", "2"], each=2)
    with pytest.raises(UserError, match="data_parallel_size=2: 2 engines of 2 devices need 4, and 3 are visible"):
        module.facts(tiny, VllmSettings.parse({"data_parallel_size": "2", "tensor_parallel_size": "2"}))


def test_a_death_takes_the_other_processes_along(
    tiny: Path, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, devices=["0", "1"], die_after=3, where=["1"], delay=0.002)
    engine = VllmEngine(tiny, tokenizer, VllmSettings())
    with pytest.raises(EngineDiedError, match="the vLLM engine 2 of 2 is dead .*CUDA out of memory") as death:
        answers(engine, requests(tokenizer, 50))
    assert death.value.exit_code == 1
    engine.close()
    assert all(shard.process.poll() is not None for shard in engine.shards)
    Path(str(death.value).rpartition("all it said: ")[2]).unlink()


def test_a_run_whose_engine_dies_goes_on_where_it_was(
    tiny: Path, boards: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before the first record, after some, and then to the end: the records of an uninterrupted run."""
    monkeypatch.setitem(ENGINES, "vllm", ENGINES["vllm"]._replace(needs=()))  # it is not installed here
    suite = tmp_path / "small.yaml"
    suite.write_text("{name: s, version: 1, sampling: {max_new_tokens: 3}, families: {f: {connect4: {repeats: 2}}}}")

    def go(name: str, **faults: Any) -> list[dict[str, Any]]:
        behave(monkeypatch, **faults)
        options = RunOptions(
            model=str(tiny),
            suite=str(suite),
            engine="vllm",
            data_files={"connect4": boards},
            out=tmp_path / name,
            workers=1,
        )
        try:
            run(options, lambda _: None)
        except EngineDiedError as death:
            Path(str(death).rpartition("all it said: ")[2]).unlink()
        file = tmp_path / name / "generations.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return sorted((json.loads(line) for line in lines), key=lambda record: record["key"])

    assert len(go("run", die_after=0)) == 0
    some = go("run", die_after=7)
    assert len(some) == 7
    assert not (tmp_path / "run" / "scoreboard.json").exists()
    whole = go("run")
    assert len(whole) == 48
    assert all(record in whole for record in some)
    assert go("elsewhere/run") == whole
    assert json.loads((tmp_path / "run" / "scoreboard.json").read_text())["cost"]["sessions"] == 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (("abc", "length", None), ("abc", "length", 3)),
        (("abc<|im_end|>", "stop", None), ("abc", "stop", 4)),
        (("abXcd", "stop", "ab"), ("ab", "stop", 5)),  # a stop string
        (("abc", "stop", "a"), ("a", "stop", 3)),  # one that only shows bit by bit
        (("<|im_end|>", "stop", None), ("", "stop", 1)),
        (("abX<|im_end|>", "stop", None), ("ab", "stop", 4)),
    ],
)
def test_texts_reasons_and_counts_are_made_of_tokens(
    tokenizer: ChatTokenizer, answer: tuple[str, str, str | None], expected: tuple[str, str, int]
) -> None:
    engine = object.__new__(VllmEngine)
    engine.tokenizer = tokenizer
    engine.stop_ids = tokenizer.stop_ids({}, {})
    ids = tokenizer.tokenizer
    tokens = [
        token
        for piece in answer[0].replace("<|im_end|>", "\0")
        for token in (ids("<|im_end|>" if piece == "\0" else piece, add_special_tokens=False)["input_ids"])
    ]
    request = Request("k", tokenizer.render([{"role": "user", "content": "?"}]), SAMPLING, seed=1, until=("X",))
    result = engine._result(request, {"key": "k", "tokens": tokens, "reason": answer[1], "text": answer[2]})
    assert isinstance(result, Completion)
    assert (result.text, result.finish_reason, result.output_tokens) == expected
    aborted = engine._result(request, {"key": "k", "tokens": tokens, "reason": "abort", "text": None})
    assert aborted == Refusal("k", "vLLM ended it with 'abort'")


def test_settings_are_ours_or_left_to_vllm() -> None:
    settings = VllmSettings.parse(
        {"data-parallel-size": "2", "step_timeout": "30", "max-num-seqs": "8", "dtype": "half"}
    )
    assert (settings.processes, settings.step_timeout_s) == (2, 30.0)
    assert settings.arguments == {"max_num_seqs": "8", "dtype": "half"}
    assert settings.identity() == {"name": "vllm"}
    assert VllmSettings.parse({"quantization": "fp8"}).identity()["arguments"] == {"quantization": "fp8"}
    for name, value, sentence in [
        ("data_parallel_size", "0", "data_parallel_size=0: expected a number above 0"),
        ("data_parallel_size", "two", "data_parallel_size=two: expected a number"),
        ("step_timeout", "nan", "step_timeout=nan: expected a number"),
        ("seed", "1", "seed=1: not to be set here; each request has a seed of its own"),
        ("generation_config", "auto", "not to be set here; a suite says how to sample"),
        ("data-parallel-rank", "1", "data_parallel_rank=1: .* data_parallel_size=N says among how many"),
    ]:
        with pytest.raises(UserError, match=sentence):
            VllmSettings.parse({name: value})


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of vLLM's modules as the parsing of arguments touches."""

    class EngineArgs:
        @staticmethod
        def add_cli_args(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("--max-num-seqs", type=int)
            parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
            parser.add_argument("--compilation-config", "-cc", type=json.loads)
            parser.add_argument("--dtype", choices=["auto", "float32"])

    package, utils, arguments = ModuleType("vllm"), ModuleType("vllm.utils"), ModuleType("vllm.utils.argparse_utils")
    package.EngineArgs = EngineArgs  # type: ignore[attr-defined]
    arguments.FlexibleArgumentParser = argparse.ArgumentParser  # type: ignore[attr-defined]
    for one in (package, utils, arguments):
        monkeypatch.setitem(sys.modules, one.__name__, one)


@pytest.mark.usefixtures("stub")
def test_values_are_read_as_on_vllms_own_command_line() -> None:
    given = {"max-num-seqs": "8", "enforce_eager": "false", "compilation_config": '{"level": 3}', "dtype": "float32"}
    assert parsed(given) == {
        "max_num_seqs": 8, "enforce_eager": False, "compilation_config": {"level": 3}, "dtype": "float32",
    }  # fmt: skip
    for name, value, sentence in [
        ("max_num_seq", "8", "max_num_seq=8: vLLM has no 'max_num_seq'; the nearest: max_num_seqs"),
        ("max_num_seqs", "many", "max_num_seqs=many: invalid int value: 'many'"),
        ("enforce_eager", "yes", "enforce_eager=yes: expected true or false"),
        ("compilation_config", "{", "compilation_config={: invalid loads value"),
        ("dtype", "float13", "dtype=float13: invalid choice: 'float13' .choose from"),
    ]:
        with pytest.raises(RefusedArgumentError, match=f"^--engine-arg {sentence}"):
            parsed({name: value})
