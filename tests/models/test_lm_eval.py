"""Model classes of lm-eval as engines: the same greedy texts, chunks on disk, limits said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import EngineDiedError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.miniature import BASE
from spot_eval.models.adapter import locate_adapter
from spot_eval.models.lm_eval import LmEvalModel
from spot_eval.models.lm_eval_engine import LmEvalEngine
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import Completion, Refusal, Request, open_engine
from spot_eval.tasks.suite import Sampling, load_suite
from tests.models.api.endpoint import Endpoint
from tests.models.lora import make_adapter

GREEDY = Sampling(max_new_tokens=16)
PAPER = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=16)


def found(
    model: str, name: str, *, model_id: str | None = None, said: list[str] | None = None, **arguments: str
) -> Any:
    options = RunOptions(model=model, model_id=model_id, engine=f"lm_eval:{name}", engine_args=arguments)
    return LmEvalModel(options, load_suite("miniature"), (said if said is not None else []).append)


def requests(model: Any, sampling: Sampling, count: int = 12, repeats: int = 1) -> list[Request]:
    prompts = model.render_many([[{"role": "user", "content": "and 2+2? " * (n % 5 + 1)}] for n in range(count)])
    return [
        Request(f"{n}/{repeat}", prompt, sampling, seed=n)
        for n, prompt in enumerate(prompts)
        for repeat in range(repeats)
    ]


def answers(engine: Any, asked: list[Request]) -> dict[str, Completion | Refusal]:
    given: dict[str, Completion | Refusal] = {}
    engine.generate(asked, lambda result: given.update({result.key: result}))
    assert given.keys() == {request.key for request in asked}
    return given


def test_greedy_texts_are_those_of_our_own_engine(tiny: Path) -> None:
    said: list[str] = []
    model = found(str(tiny), "hf", said=said, device="cpu", dtype="float32", batch_size="4")
    assert model.facts.context == 8192
    assert model.fingerprint
    assert "what was truncated is not known" in said[0]
    asked = requests(model, GREEDY)
    own = open_engine("hf", tiny, ChatTokenizer(tiny), {"device": "cpu"})
    expected = {key: getattr(one, "text", None) for key, one in answers(own, asked).items()}
    engine = model.open()
    given = answers(engine, asked)
    assert {key: getattr(one, "text", None) for key, one in given.items()} == expected
    assert {(getattr(one, "finish_reason", ""), getattr(one, "output_tokens", 0)) for one in given.values()} == {
        ("unknown", None)
    }
    sampled = answers(engine, requests(model, PAPER, 3, repeats=2))
    assert sampled["0/0"] != sampled["0/1"]


class Fake:
    """A class of lm-eval in all that this engine asks of one."""

    max_length = 400

    def __init__(self) -> None:
        self.calls: list[list[tuple[Any, dict[str, Any]]]] = []
        self.fails_at: int | None = None

    def generate_until(self, instances: list[Any]) -> list[Any]:
        if len(self.calls) == self.fails_at:
            raise RuntimeError("out of\nmemory")
        print("chatter on stdout")
        self.calls.append([instance.args for instance in instances])
        return [None if "lost" in str(instance.args[0]) else "4" for instance in instances]

    def tok_encode(self, text: str) -> list[int]:
        return [0] * len(text)

    def apply_chat_template(self, messages: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        return f"<{messages[-1]['content']}>" + ("A:" if add_generation_prompt else "")


def fake_requests(texts: list[str], sampling: Sampling = GREEDY) -> list[Request]:
    from spot_eval.models.prompts import Prompt

    return [Request(str(n), Prompt(text), sampling, seed=n) for n, text in enumerate(texts)]


def test_results_come_chunk_by_chunk_and_what_breaks_off_loses_one(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    fake.fails_at = 2
    given: list[Completion | Refusal] = []
    with pytest.raises(EngineDiedError, match=r"lm_eval:fake broke off: RuntimeError: out of memory; what was"):
        LmEvalEngine(fake, "fake", 5).generate(fake_requests([str(n) for n in range(30)]), given.append)
    assert len(given) == 10
    assert capsys.readouterr().out == ""


def test_what_the_class_would_cut_or_lose_is_refused_with_the_reason() -> None:
    fake = Fake()
    given = answers(LmEvalEngine(fake, "fake", 5), fake_requests(["short", "long" * 100, "lost"]))
    assert given["0"] == Completion("0", "4", "unknown", None, None)
    assert "do not fit the class's max_length of 400" in getattr(given["1"], "reason", "")
    assert given["2"] == Refusal("2", "the class gave no text")


def test_repeats_of_a_prompt_are_never_asked_in_one_call() -> None:
    fake = Fake()
    answers(LmEvalEngine(fake, "fake", 50), fake_requests(["a", "a", "b", "a"], PAPER))
    assert [[text for text, _ in call] for call in fake.calls] == [["a", "b"], ["a"], ["a"]]
    assert fake.calls[0][0][1] == {
        "until": [], "max_gen_toks": 16, "do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20,
    }  # fmt: skip


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.stop()


def test_a_class_that_asks_over_http_draws_each_repeat_with_another_seed(endpoint: Endpoint) -> None:
    model = found(
        "org/served", "local-chat-completions", model_id="org/served", base_url=f"{endpoint.url}/chat/completions"
    )
    assert (model.fingerprint, model.identity, model.name) == (None, "id org/served", "org-served")
    given = answers(model.open(), requests(model, PAPER, 2, repeats=3))
    texts = [getattr(given[f"0/{repeat}"], "text", None) for repeat in range(3)]
    assert len(set(texts)) == 3
    assert all(texts)
    assert {body["temperature"] for body in endpoint.asked} == {0.7}


@pytest.mark.parametrize(
    ("model", "name", "arguments", "message"),
    [
        ("TINY", "hff", {}, "lm-eval has no model class 'hff'; the nearest: hf"),
        ("TINY", "", {}, "name one of lm-eval's model classes"),
        ("TINY", "hf", {"chunk": "0"}, "--engine-arg chunk=0: expected a number of requests"),
        ("TINY", "hf", {"api_key": "sk"}, "keys are read from the environment only"),
        ("org/served", "openai-chat-completions", {}, "say so with --model-id"),
        ("http://host/v1", "local-chat-completions", {}, "take a URL by --engine-arg base_url=URL"),
    ],
)
def test_bad_input_is_one_sentence(tiny: Path, model: str, name: str, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        found(model.replace("TINY", str(tiny)), name, **arguments)


def test_the_embedded_model_is_a_checkpoint_here_too() -> None:
    assert found("miniature", "hf").fingerprint == found(str(BASE), "hf").fingerprint


def test_a_class_that_cannot_be_opened_says_why(tiny: Path) -> None:
    model = found(str(tiny), "hf", dtype="float33", device="cpu")
    with pytest.raises(UserError, match=r"lm_eval:hf cannot be opened with dtype=float33.*AttributeError"):
        model.open()


def command(tiny: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "spot_eval", "run", "--model", str(tiny), "--suite", "miniature", "--limit", "8",
        "--engine", "lm_eval:hf", "--engine-arg", "device=cpu", "--engine-arg", "dtype=float32",
        "--engine-arg", "chunk=2", "--out", str(out), "--json",
    ]  # fmt: skip


def records(out: Path) -> dict[str, str]:
    lines = [line for line in (out / "generations.jsonl").read_bytes().splitlines() if line.endswith(b"}")]
    return {one["key"]: one["text"] for one in map(json.loads, lines)}


def test_a_kill_loses_at_most_a_chunk_and_the_same_command_goes_on(tiny: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    out = tmp_path / "run"
    with subprocess.Popen(
        command(tiny, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        while not (out / "generations.jsonl").exists() or len(records(out)) < 6:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finished = records(out)
    assert len(finished) < 32
    done = subprocess.run(command(tiny, out), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    board = json.loads(done.stdout)  # nothing of the class's own chatter is in it
    assert board["tasks"]["mini_bags"]["output_tokens"] is None
    assert f"{32 - len(finished)} of 32 generations to do" in done.stderr
    assert len(records(out)) == 32
    assert {key: text for key, text in records(out).items() if key in finished} == finished


def test_an_adapter_goes_to_the_class_under_its_own_name_for_it(tiny: Path, tmp_path: Path) -> None:
    folder = make_adapter(tiny, tmp_path / "lora")
    plain = found(str(tiny), "hf", device="cpu", dtype="float32")
    options = RunOptions(
        str(tiny), adapter=str(folder), engine="lm_eval:hf", engine_args={"device": "cpu", "dtype": "float32"}
    )
    given = LmEvalModel(options, load_suite("miniature"), lambda _: None)
    assert given.name.startswith("tiny+")
    assert given.name.endswith("-lora")
    assert given.fingerprint != plain.fingerprint
    asked = requests(given, GREEDY)
    own = open_engine("hf", tiny, ChatTokenizer(tiny), {"device": "cpu"})
    bare = answers(own, asked)
    own.use(locate_adapter(str(folder)))
    theirs = {key: getattr(one, "text", None) for key, one in answers(own, asked).items()}
    ours = {key: getattr(one, "text", None) for key, one in answers(given.open(), asked).items()}
    assert ours == theirs
    assert ours != {key: getattr(one, "text", None) for key, one in bare.items()}
    by_argument = found(str(tiny), "hf", device="cpu", dtype="float32", peft=str(folder))
    assert by_argument.fingerprint == given.fingerprint
    assert by_argument.facts.identity == given.facts.identity == plain.facts.identity


def test_an_adapter_that_a_class_cannot_take_is_one_sentence(tiny: Path, tmp_path: Path) -> None:
    folder = make_adapter(tiny, tmp_path / "lora")

    def refusal(engine: str, **changes: Any) -> str:
        with pytest.raises(UserError) as refused:
            LmEvalModel(RunOptions(**{"model": str(tiny), "adapter": str(folder), "engine": engine, **changes}),
                        load_suite("miniature"), lambda _: None)  # fmt: skip
        return str(refused.value)

    assert "lm-eval's class dummy takes no adapters (lm_eval:hf and lm_eval:vllm do)" in refusal("lm_eval:dummy")
    assert "give one of the two" in refusal("lm_eval:hf", engine_args={"peft": "elsewhere"})
    zero = make_adapter(tiny, tmp_path / "zero", scale=0.0)
    assert "changes nothing" in refusal("lm_eval:hf", adapter=None, engine_args={"peft": str(zero)})
