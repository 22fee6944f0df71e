"""The interface of engines: token ids in, texts out, each handed over as soon as it is finished.

An engine knows a model and nothing of tasks, files or grading. To add one, write a class with the members of `Engine`
and name it in `engines/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from spot_eval.models.adapter import Adapter
from spot_eval.models.prompts import Prompt
from spot_eval.tasks.suite import Sampling


@dataclass(frozen=True)
class Request:
    """A text to generate.

    `seed` (below 2**31) decides its sampling alone: neither batch nor order may. `sampling.max_new_tokens` is the
    budget; `until` are strings that end the text (not part of it).
    """

    key: str
    prompt: Prompt
    sampling: Sampling
    seed: int
    until: tuple[str, ...] = ()


@dataclass(frozen=True)
class Completion:
    """A finished text.

    `finish_reason`: "stop" (the model, or a stop string, ended it), "length", or "unknown" where the engine is not
    told. Token counts are None if it is not told them.
    """

    key: str
    text: str
    finish_reason: str
    prompt_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Refusal:
    """A request the engine could not answer, with the reason; the others go on."""

    key: str
    reason: str


Emit = Callable[[Completion | Refusal], None]


@dataclass(frozen=True)
class EngineFacts:
    """The facts about an engine before it loads a single weight, so that a wrong run is refused at once.

    `identity` decides texts and is part of every record's key; `dtype` is what the checkpoint would be loaded in (part
    of its fingerprint), None if it is loaded elsewhere; `context` counts tokens of prompt and answer together, None
    where unknown; `score_room` is the part of it that scoring a given text needs beside the text.
    """

    identity: Mapping[str, Any]
    dtype: str | None
    context: int | None
    score_room: int = 0


class Engine(Protocol):
    """A model ready to answer."""

    def description(self) -> Mapping[str, Any]:
        """Return settings and hardware that should not decide texts, and its use of them, for the session's file.

        Where tokens have a price, `cost` is what they have cost so far; `remarks` are sentences for the user.
        """
        ...

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answers all requests, calling `emit` once for each as it finishes, in any order.

        Requests come longest budgets first, then longest prompts. Every prompt of known length fits the context with
        its budget.
        """
        ...

    def close(self) -> None:
        """Free memory and end processes."""
        ...


class CheckpointEngine(Engine, Protocol):
    """An engine that has loaded a checkpoint, and takes LoRA adapters on top of it."""

    def use(self, adapter: Adapter | None) -> None:
        """Answer with `adapter` from now on; with the bare base if None. Raises UserError if it cannot be loaded."""
        ...
