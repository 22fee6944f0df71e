"""An engine on each node of a Ray cluster, as one engine. Texts are those of the engine alone, wherever they are made.

    spot-eval run --model /shared/ckpt --engine vllm --engine-arg cluster=ray

Ray places the engines and notices what dies; requests are handed out from one queue in this process, and results come
back into the one store. The checkpoint must lie under the same path on every node.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.progress import progress
from spot_eval.models.adapter import Adapter
from spot_eval.models.base import Emit, EngineFacts, Request
from spot_eval.models.checkpoint import read_config
from spot_eval.models.cluster.fleet import Fleet
from spot_eval.models.cluster.settings import ClusterSettings
from spot_eval.models.likelihood import LikelihoodRequest, ScoreEmit
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.thinking_count import ThinkingCount

LEAST = {"hf": 64, "vllm": 512}
"""Requests in a chunk that keep one engine's batch full."""

_waiting: dict[Any, Fleet] = {}
"""At most one fleet, whose first engine has told the facts and has not loaded yet."""


def facts(path: Path, settings: ClusterSettings, *, trust_remote_code: bool = False, lora_rank: int = 0) -> EngineFacts:
    """Return `EngineFacts`, asked on a node of the cluster, since this machine may have no GPU.

    Args:
        path: the checkpoint's folder, the same on every node.
        settings: cluster and engine.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.
    """
    key = _key(path, settings, trust_remote_code, lora_rank)
    fleet = _fleet(path, settings, trust_remote_code, lora_rank)
    try:
        with progress("asking the cluster about the checkpoint", 1):
            found = fleet.facts()
    except BaseException:
        fleet.close()
        raise
    _waiting[key] = fleet
    return found


def _key(path: Path, settings: ClusterSettings, trust_remote_code: bool, lora_rank: int) -> tuple[Any, ...]:
    return (path, settings.engine, tuple(sorted(settings.arguments.items())), trust_remote_code, lora_rank)


def _fleet(path: Path, settings: ClusterSettings, trust_remote_code: bool, lora_rank: int) -> Fleet:
    """Return the fleet that waits for this checkpoint, or a new one; end one that waits for another."""
    key = _key(path, settings, trust_remote_code, lora_rank)
    found = _waiting.pop(key, None)
    while _waiting:
        _waiting.popitem()[1].close()
    order = {"engine": settings.engine, "path": str(path.resolve()), "arguments": dict(settings.arguments),
             "trust_remote_code": trust_remote_code, "lora_rank": lora_rank}  # fmt: skip
    return found or Fleet(order, settings)


class ClusterEngine:
    """The engines of a cluster, ready to answer.

    Args:
        path: the checkpoint's folder, the same on every node.
        tokenizer: the checkpoint's; it decodes answers and names the stop tokens.
        settings: cluster and engine.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.

    Raises UserError if none can load the checkpoint.
    """

    def __init__(
        self,
        path: Path,
        tokenizer: ChatTokenizer,
        settings: ClusterSettings,
        *,
        trust_remote_code: bool = False,
        lora_rank: int = 0,
    ) -> None:
        self._settings, self._tokenizer = settings, tokenizer
        self._thinking = ThinkingCount(wanted=tokenizer.thinking)
        self._stop_ids = tokenizer.stop_ids(read_config(path, "generation_config.json"), read_config(path))
        self._fleet = _fleet(path, settings, trust_remote_code, lora_rank)
        try:
            with progress("loading on the cluster", 1):
                self._fleet.load(tokenizer)
        except BaseException:
            self._fleet.close()
            raise

    def description(self) -> dict[str, Any]:
        """Return what one engine says of itself, with the cluster's part, for the session's file."""
        lost = self._fleet.lost
        remarks = [*self._thinking.remarks(), *self._tokenizer.stop_remarks(self._stop_ids)]
        if lost:
            one = lost == 1
            remarks.append(
                f"{lost} {'engine' if one else 'engines'} of the cluster died; {'its' if one else 'their'} open "
                "requests went to others"
            )
        return {
            **{name: value for name, value in self._fleet.told.items() if name != "remarks"},
            "with_thinking": self._thinking.answers,
            "cluster": "ray",
            "engines": len(self._fleet),
            "nodes": sorted(self._fleet.nodes),
            "engines_lost": lost,
            **({"remarks": remarks} if remarks else {}),
        }

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answer all requests; see `Engine.generate`. Raises EngineDiedError if engines keep dying."""
        emit = self._thinking.counted(requests, emit)
        self._fleet.work("generate", requests, emit, LEAST[self._settings.engine])

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests; see `ScoringEngine.score`."""
        self._fleet.work("score", requests, emit, LEAST[self._settings.engine])

    def use(self, adapter: Adapter | None) -> None:
        """Answer with `adapter` from now on; with the bare base if None. Raises UserError if it cannot be loaded."""
        self._fleet.use(adapter)

    def close(self) -> None:
        """End the engines; the cluster stays."""
        self._fleet.close()
