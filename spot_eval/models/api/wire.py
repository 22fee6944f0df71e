"""The messages to and from an endpoint: OpenAI's protocol, and what vLLM and its kin add to it.

Pure functions over JSON values. Everything that comes back is untrusted: a reply of another shape is a
`MalformedReplyError`, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from spot_eval.core.kinds import token_count
from spot_eval.models.base import Request
from spot_eval.models.prompts import Prompt
from spot_eval.tasks.suite import Sampling

OPTIONAL = ("chat_template_kwargs", "top_k", "min_p", "repetition_penalty", "stop_token_ids", "seed")
"""What a server may refuse to take; the run goes on without it, and says so."""

NEUTRAL = {"min_p": 0.0, "repetition_penalty": 1.0}
"""Sent so that the sampling a checkpoint recommends, which servers take for a default, does not leak in."""

FINISHED = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop",
    "tool_calls": "stop", "function_call": "stop", "length": "length", "max_tokens": "length",
}  # fmt: skip


class Form(StrEnum):
    """The form in which prompts are sent."""

    CHAT = "chat"
    """Messages; the server applies the chat template."""
    TOKEN_IDS = "token_ids"  # noqa: S105
    """Rendered and tokenised here."""
    TEXT = "text"
    """Plain text, for a base model."""

    @property
    def path(self) -> str:
        """Return the path of the operation, behind the base URL."""
        return "chat/completions" if self is Form.CHAT else "completions"


class MalformedReplyError(Exception):
    """A reply that does not say what was asked."""


@dataclass(frozen=True)
class Dialect:
    """The dialect in which a server wants to be asked."""

    model: str
    form: Form
    thinking: bool = False
    stop_ids: tuple[int, ...] = ()
    not_taken: frozenset[str] = frozenset()
    budget: str = "max_tokens"
    """What the token budget is called."""


@dataclass(frozen=True)
class Reply:
    """A text from a server; token counts are None if it does not tell them."""

    text: str
    finish_reason: str
    prompt_tokens: int | None
    output_tokens: int | None
    thought: bool = False


def body(request: Request, dialect: Dialect) -> dict[str, Any]:
    """The JSON that asks for `request`."""
    fields: dict[str, Any] = {"model": dialect.model, **asked(request.prompt, dialect)}
    fields |= drawing(request.sampling, dialect)
    fields["seed"] = request.seed
    if request.until:
        fields["stop"] = list(request.until)
    if dialect.stop_ids:
        fields["stop_token_ids"] = list(dialect.stop_ids)
    return {name: value for name, value in fields.items() if name not in dialect.not_taken}


def asked(prompt: Prompt, dialect: Dialect) -> dict[str, Any]:
    """The prompt, and how the server is to render it."""
    if dialect.form is not Form.CHAT:
        return {"prompt": list(prompt.token_ids) if dialect.form is Form.TOKEN_IDS else prompt.text}
    # Qwen's name for it, then DeepSeek's and Granite's
    thinking = {"enable_thinking": dialect.thinking, "thinking": dialect.thinking}
    fields: dict[str, Any] = {"messages": list(prompt.messages), "chat_template_kwargs": thinking}
    if prompt.messages[-1]["role"] == "assistant":
        fields |= {"add_generation_prompt": False, "continue_final_message": True}
    return fields


def drawing(sampling: Sampling, dialect: Dialect) -> dict[str, Any]:
    """Return all settings of sampling: what is left out a server fills in as it likes."""
    return {
        dialect.budget: sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k or -1,
        **NEUTRAL,
    }


def read_reply(payload: Any, request: Request, form: Form) -> Reply:
    """The text in a server's answer to `request`. Raises MalformedReplyError if there is none."""
    choices = payload.get("choices") if isinstance(payload, Mapping) else None
    if not isinstance(choices, list):
        raise MalformedReplyError("it has no choices")
    if not choices:
        raise MalformedReplyError("its choices are empty")
    choice = choices[0]
    if not isinstance(choice, Mapping):
        raise MalformedReplyError("its choice is not an object")
    said, thought = chat_text(choice.get("message")) if form is Form.CHAT else (choice.get("text"), False)
    if not isinstance(said, str):
        raise MalformedReplyError("its choice holds no text")
    cut = min((at for stop in request.until if (at := said.find(stop)) >= 0), default=None)
    usage = payload.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    return Reply(
        text=said[:cut],
        finish_reason=_finish_reason(choice.get("finish_reason")) if cut is None else "stop",
        prompt_tokens=token_count(counts.get("prompt_tokens")),
        output_tokens=token_count(counts.get("completion_tokens")),
        thought=thought,
    )


def chat_text(message: Any) -> tuple[Any, bool]:
    """Return what the model wrote, its thinking put back where a server has taken it out; and whether there was any."""
    if not isinstance(message, Mapping):
        return None, False
    content = message.get("content")
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if not isinstance(reasoning, str) or not reasoning:
        return content, False
    # without content the thinking never ended, and an open block says so
    return f"<think>{reasoning}</think>{content}" if content else f"<think>{reasoning}", True


def _finish_reason(said: Any) -> str:
    if not isinstance(said, str):
        return "unknown"
    if said in {"content_filter", "abort", "error"}:
        raise MalformedReplyError(f"it ended with {said!r}")
    return FINISHED.get(said, "unknown")


def error_text(payload: Any) -> tuple[str, str]:
    """Return a server's error message and code, whichever of the shapes in use it sent."""
    error = payload.get("error", payload) if isinstance(payload, Mapping) else payload
    if isinstance(error, Mapping):
        said = next((error[name] for name in ("message", "detail", "error", "msg") if error.get(name)), "")
        return (said if isinstance(said, str) else json.dumps(said)), str(error.get("code") or error.get("type") or "")
    return (error if isinstance(error, str) else json.dumps(error)), ""


def named_in(message: str, fields: Collection[str]) -> set[str]:
    """Return those of `fields` that an error message names."""
    return {field for field in fields if field in message}
