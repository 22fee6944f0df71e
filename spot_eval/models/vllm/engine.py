"""The `vllm` engine: vLLM in a process for each GPU (or group of GPUs), requests streamed, each result as it finishes.

    spot-eval run --model ckpt/ --engine vllm --engine-arg tensor_parallel_size=2

vLLM's own crashes and hangs stay in its processes: they end the run with a sentence, and what was finished is on disk.
This side never imports vLLM. It gives token ids, samples with each request's own seed, and makes texts from the tokens
that come back, by the same rule and tokenizer as `hf`: where both choose the same tokens, they give the same records.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spot_eval
from spot_eval.core.errors import UserError
from spot_eval.core.progress import progress
from spot_eval.models.adapter import Adapter
from spot_eval.models.base import Completion, Emit, EngineFacts, Refusal, Request
from spot_eval.models.checkpoint import read_config
from spot_eval.models.forced import Forced, Places
from spot_eval.models.likelihood import LikelihoodRequest, ScoreEmit
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.stop_strings import ended_text
from spot_eval.models.thinking_count import ThinkingCount
from spot_eval.models.vllm.scoring import ROOM, Scoring
from spot_eval.models.vllm.settings import VllmSettings
from spot_eval.models.vllm.shards import Message, Shard, ask, stream

# -P: a folder called vllm where the command is typed is not the package
PROGRAM = ["-P", "-m", "spot_eval.models.vllm.process"]


@dataclass
class Scout:
    """The first engine process. It has told the facts, and may become the engine itself: to import vLLM takes long."""

    what_for: tuple[Any, ...]
    shard: Shard
    told: Message


_waiting: list[Scout] = []
"""At most one, between `facts` and the engine."""


def facts(path: Path, settings: VllmSettings, *, trust_remote_code: bool = False, lora_rank: int = 0) -> EngineFacts:
    """Return `EngineFacts`: ask vLLM, in a process of its own, for its settings of the checkpoint.

    Args:
        path: the checkpoint's folder.
        settings: the engine's arguments.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.
    """
    scout = _scout(path, settings, trust_remote_code, lora_rank)
    _waiting.append(scout)
    _shares(settings, scout.told)
    return EngineFacts(
        identity=settings.identity(), dtype=scout.told["dtype"], context=scout.told["context"], score_room=ROOM
    )


def _scout(path: Path, settings: VllmSettings, trust_remote_code: bool, lora_rank: int) -> Scout:
    what_for = (path, settings, trust_remote_code, lora_rank)
    while _waiting:
        scout = _waiting.pop()
        if scout.what_for == what_for and scout.shard.process.poll() is None:
            return scout
        scout.shard.close()
    shard = _start("the vLLM engine")
    try:
        with progress("asking vLLM about the checkpoint", 1):
            (told,) = ask([shard], _order(path, settings, trust_remote_code, lora_rank))
    except BaseException:
        shard.close()
        raise
    return Scout(what_for, shard, told)


def _order(path: Path, settings: VllmSettings, trust_remote_code: bool, lora_rank: int) -> Message:
    return {
        "lora_rank": lora_rank,
        "model": str(path),
        "arguments": dict(settings.arguments),
        "memory_share": settings.memory_share,
        "trust_remote_code": trust_remote_code,
        "parent": os.getpid(),
    }


def _start(name: str, devices: Mapping[str, str] | None = None) -> Shard:
    ours = str(Path(spot_eval.__file__).resolve().parents[1])
    environment = {
        "VLLM_NO_USAGE_STATS": "1",  # nobody has been asked whether vLLM may report
        **os.environ,
        **(devices or {}),
        "PYTHONPATH": os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")])),
    }
    return Shard([sys.executable, *PROGRAM], environment=environment, name=name)


def _shares(settings: VllmSettings, told: Message) -> list[dict[str, str]]:
    """For each engine process the environment that shows it its devices."""
    devices, each = told["devices"], told["devices_an_engine"]
    if not devices or told["across_nodes"]:
        return [{}] * (settings.processes or 1)
    processes = settings.processes or max(1, len(devices) // each)
    if processes == 1:
        return [{}]
    if processes * each > len(devices):
        raise UserError(
            f"--engine-arg data_parallel_size={processes}: {processes} engines of {each} devices need "
            f"{processes * each}, and {len(devices)} are visible"
        )
    return [
        {told["devices_variable"]: ",".join(devices[number * each : (number + 1) * each])}
        for number in range(processes)
    ]


class VllmEngine:
    """vLLM, ready to answer, in one process or several.

    Args:
        path: the checkpoint's folder.
        tokenizer: the checkpoint's; it decodes answers and names the stop tokens.
        settings: the engine's arguments.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.

    Raises UserError if vLLM cannot load the checkpoint.
    """

    def __init__(
        self,
        path: Path,
        tokenizer: ChatTokenizer,
        settings: VllmSettings,
        *,
        trust_remote_code: bool = False,
        lora_rank: int = 0,
    ) -> None:
        self.tokenizer, self.settings = tokenizer, settings
        self.thinking = ThinkingCount(wanted=tokenizer.thinking)
        self.stop_ids = tokenizer.stop_ids(read_config(path, "generation_config.json"), read_config(path))
        scout = _scout(path, settings, trust_remote_code, lora_rank)
        self.told = scout.told
        self.shards = [scout.shard]
        try:
            shares = _shares(settings, scout.told)
            if shares[0]:
                scout.shard.close()  # it has seen all devices
                self.shards = []
            started = [
                _start(f"the vLLM engine {number + 1} of {len(shares)}", share)
                for number, share in list(enumerate(shares))[len(self.shards) :]
            ]
            self.shards += started
            ask(started, _order(path, settings, trust_remote_code, lora_rank))
            with progress("loading into vLLM", len(shares)) as loaded:
                ask(self.shards, {"stop_ids": sorted(self.stop_ids)}, loaded)
        except BaseException:
            self.close()
            raise

    def description(self) -> dict[str, Any]:
        """Return devices, precision and vLLM's own settings for the session's file, and remarks for the user."""
        remarks = [*self.thinking.remarks(), *self.tokenizer.stop_remarks(self.stop_ids)]
        names = ("device", "dtype", "max_num_seqs", "version")
        return {
            **{name: self.told[name] for name in names},
            "processes": len(self.shards),
            "devices_a_process": self.told["devices_an_engine"],
            "arguments": dict(self.settings.arguments),
            "with_thinking": self.thinking.answers,
            **({"remarks": remarks} if remarks else {}),
        }

    def use(self, adapter: Adapter | None) -> None:
        """Answer with `adapter` from now on, in every process; with the bare base if None.

        Raises UserError if vLLM cannot load it, or would leave a part of it out.
        """
        if adapter and (part := _unknown_part(adapter)):
            raise UserError(f"adapter {adapter.path} {part}, which vLLM would leave out; use --engine hf")
        path = str(adapter.path.resolve()) if adapter else None
        with progress("loading the adapter into vLLM", len(self.shards)) as loaded:
            ask(self.shards, {"adapter": path}, loaded)

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answer all requests; see `Engine.generate`. Raises EngineDiedError if vLLM dies or hangs."""
        emit = self.thinking.counted(requests, emit)
        asked: dict[str, Request] = {}

        def messages() -> Iterator[Message]:
            for request in requests:
                asked[request.key] = request
                yield _message(request)

        stream(
            self.shards,
            messages(),
            window=2 * self.told["max_num_seqs"],  # so that vLLM always has one waiting for a free place
            patience_s=self.settings.step_timeout_s,
            take=lambda answer: emit(self._result(asked.pop(answer["key"]), answer)),
        )

    def _result(self, request: Request, answer: Message) -> Completion | Refusal:
        if reason := answer.get("refused"):
            return Refusal(request.key, f"vLLM refused it: {reason}")
        if answer["reason"] not in {"stop", "length"}:
            return Refusal(request.key, f"vLLM ended it with {answer['reason']!r}")
        tokens = answer["tokens"]
        stopped = bool(tokens) and tokens[-1] in self.stop_ids
        text, cut = ended_text(tokens, stopped=stopped, until=request.until, decode=self.tokenizer.decode)
        if answer["text"] is not None and not cut:  # decoded bit by bit it holds a stop string, as a whole it does not
            text, cut = answer["text"], True
        reason = "stop" if stopped or cut else "length"
        return Completion(request.key, text, reason, len(request.prompt.token_ids), len(tokens))

    def read(self, sequences: Sequence[Forced], top: int) -> tuple[dict[str, Places], dict[str, str]]:
        """Read sequences without generating; return places by key, and reasons by key for those that vLLM refused.

        A place is one token of an answer: token id to log-prob (nats) of the `top` likeliest tokens there and of the
        token itself. Raises EngineDiedError if vLLM dies or hangs.
        """
        found: dict[str, Places] = {}
        refused: dict[str, str] = {}

        def take(answer: Message) -> None:
            if "refused" in answer:
                refused[answer["key"]] = answer["refused"]
            else:
                found[answer["key"]] = _places(answer)

        self._read(sequences, top, take)
        return found, refused

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests; see `ScoringEngine.score`. Raises EngineDiedError if vLLM dies or hangs."""
        scoring = Scoring(requests, emit)

        def take(answer: Message) -> None:
            refused = answer.get("refused")
            scoring.take(answer["key"], None if refused else _places(answer), refused or "")

        self._read(scoring.sequences(), 1, take)

    def _read(self, sequences: Iterable[Forced], top: int, take: Callable[[Message], None]) -> None:
        stream(
            self.shards,
            (
                {"key": one.key, "prompt": [*one.prompt, *one.answer], "read_from": len(one.prompt), "top": top}
                for one in sequences
            ),
            window=2 * self.told["max_num_seqs"],
            patience_s=self.settings.step_timeout_s,
            take=take,
        )

    def close(self) -> None:
        """End the engine processes and all they started."""
        for shard in self.shards:
            shard.hang_up()  # all at once
        for shard in self.shards:
            shard.close()


def _unknown_part(adapter: Adapter) -> str | None:
    """Return what of the adapter vLLM does not apply, and would not say; the rest it refuses by itself."""
    if adapter.config.get("bias", "none") != "none":
        return f"trains biases (bias={adapter.config['bias']})"
    if embedded := [name for name in adapter.tensors if ".lora_embedding_" in name]:
        return f"changes embeddings ({min(embedded)})"
    return f"brings whole weights along ({min(adapter.replaced)})" if adapter.replaced else None


def _places(answer: Message) -> Places:
    return [dict(place) for place in answer["read"]]


def _message(request: Request) -> Message:
    sampling = request.sampling
    return {
        "key": request.key,
        "prompt": request.prompt.token_ids,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": sampling.max_new_tokens,
        "seed": request.seed,
        "until": request.until,
    }
