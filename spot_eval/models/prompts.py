"""Prompts as a model reads them: the chat template, or plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spot_eval.core.cpu_limit import CpuLimitError, cpu_limit
from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.thinking import SPECIAL_MARKS, opened_by

NO_TEMPLATE = "none"  # the value of --chat-template that asks for plain text prompts
TEMPLATE_CPU_S = 5.0  # for one prompt; a template takes milliseconds
LONGEST_PROMPT = 50_000_000  # characters


@dataclass(frozen=True)
class Prompt:
    """A prompt as the model reads it: `text` is what the token ids spell.

    If the chat template is applied elsewhere, there are `messages` and no token ids; `text` is their JSON, and
    `counted` the number of tokens if it was requested. `thinking_open` is the mark of the thinking block that the
    prompt leaves open (`<think>`), "" if it leaves none open, None if the rendered prompt cannot be seen here.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    messages: tuple[Mapping[str, str], ...] = ()
    counted: int | None = None
    thinking_open: str | None = None

    @property
    def length(self) -> int | None:
        """Return the number of tokens; None if nobody here can count them."""
        return len(self.token_ids) or self.counted


def chat_prompt(messages: list[dict[str, str]], thinking: bool) -> Prompt:
    """Return a prompt whose template is applied elsewhere; its text holds whatever could change the answer."""
    text = json.dumps({"messages": messages, "thinking": thinking}, ensure_ascii=False, sort_keys=True)
    started = opened_by(messages[-1]["content"]) if messages[-1]["role"] == "assistant" else ""
    return Prompt(text, messages=tuple(messages), thinking_open=started or None)


def plain_prompt(messages: list[dict[str, str]]) -> Prompt:
    """Return the prompt of a base model that is not tokenised here."""
    text = _plain(messages)
    return Prompt(text, thinking_open=_opened_by_plain(text))


def _opened_by_plain(text: str) -> str:
    """Return the mark that the last line of a prompt without a template ends in; the rest is the task's own text."""
    return opened_by(text.rstrip().rpartition("\n")[2])


def _plain(messages: list[dict[str, str]]) -> str:
    return "\n\n".join(message["content"] for message in messages)


def _after_question(text: str, messages: Sequence[Mapping[str, str]]) -> str:
    """Return the end of a rendered prompt, from the last user message on: what the question says opens no block."""
    asked = next((message["content"].strip() for message in reversed(messages) if message["role"] == "user"), "")
    found = text.rfind(asked) if asked else -1
    return text[found + len(asked) :] if found >= 0 else text.rstrip().rpartition("\n")[2]


class ChatTokenizer:
    """The checkpoint's tokenizer with its chat template.

    Args:
        path: the checkpoint's folder.
        chat_template: Jinja text to use instead of the checkpoint's own; NO_TEMPLATE for plain text; None for its own.
        thinking: let the template open a thinking block; otherwise it is asked to switch thinking off.
        trust_remote_code: allow Python code that comes with the tokenizer.

    Raises UserError if there is no tokenizer, or no chat template and none was given.
    """

    def __init__(
        self,
        path: Path,
        *,
        chat_template: str | None = None,
        thinking: bool = False,
        trust_remote_code: bool = False,
    ) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            raise UserError(f"{path}: its tokenizer cannot be loaded ({first})") from problem
        if not self.tokenizer("spot")["input_ids"]:
            raise UserError(f"{path} has no tokenizer files (tokenizer.json or the like); copy those of its base model")
        self.thinking = thinking
        self.plain = chat_template == NO_TEMPLATE
        if chat_template is not None and not self.plain:
            self.tokenizer.chat_template = chat_template
        if not self.plain:
            _refuse_powers(self.tokenizer.chat_template, path)
        if not self.plain and not self.tokenizer.chat_template:
            raise UserError(
                f"{path}: its tokenizer has no chat template; give one with --chat-template FILE.jinja, "
                "or --chat-template none for plain text prompts (a base model)"
            )
        probe = "Is the question in the prompt?"
        if probe not in self.render([{"role": "user", "content": probe}]).text:
            raise UserError(
                f"{path}: its chat template leaves the user's message out; give another: --chat-template FILE"
            )

    def render(self, messages: list[dict[str, str]]) -> Prompt:
        """The prompt for `messages`; a last assistant turn is left open for the model to go on with."""
        if self.plain:
            text = _plain(messages)
            return Prompt(text, tuple(self.tokenizer(text)["input_ids"]), thinking_open=_opened_by_plain(text))
        open_turn = messages[-1]["role"] == "assistant"
        text = self._apply(messages, add_generation_prompt=not open_turn, continue_final_message=open_turn)
        # the template has written the special tokens (BOS among them) into the text already
        ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        return Prompt(text, ids, thinking_open=opened_by(_after_question(text, messages)))

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """The prompt of each conversation."""
        return [self.render(messages) for messages in conversations]

    def _apply(self, messages: list[dict[str, str]], **options: bool) -> str:
        from jinja2 import TemplateError

        try:
            with cpu_limit(TEMPLATE_CPU_S):
                text = self.tokenizer.apply_chat_template(
                    messages,
                    tokenize=False,
                    enable_thinking=self.thinking,  # Qwen's name for it
                    thinking=self.thinking,  # DeepSeek's and Granite's
                    **options,
                )
        except (
            TemplateError,
            TypeError,
            ValueError,
            AttributeError,
            LookupError,
            ArithmeticError,
            RecursionError,
            MemoryError,
            CpuLimitError,
        ) as problem:
            line = getattr(problem, "lineno", None)
            where = f", line {line}" if line else ""
            reason = f"{type(problem).__name__}: {problem}" if isinstance(problem, ArithmeticError) else str(problem)
            raise UserError(
                f"the chat template{where} refused a prompt ({reason or type(problem).__name__}); give another with "
                "--chat-template FILE"
            ) from problem
        if not isinstance(text, str) or len(text) > LONGEST_PROMPT:
            raise UserError(
                f"the chat template makes a prompt of more than {LONGEST_PROMPT:,} characters; give another with "
                "--chat-template FILE"
            )
        return text

    def stop_ids(self, generation_config: dict[str, Any], config: dict[str, Any]) -> frozenset[int]:
        """Tokens that end an answer: those the checkpoint names, and what its template writes after a turn."""
        named = [
            generation_config.get("eos_token_id"),
            config.get("eos_token_id"),
            self.tokenizer.eos_token_id,
        ]
        ids = {token for entry in named for token in (entry if isinstance(entry, list) else [entry])}
        return frozenset({token for token in ids if isinstance(token, int)} | set(self._turn_end()))

    def stop_remarks(self, stop_ids: Iterable[int]) -> list[str]:
        """Return a warning for each stop token that is ordinary text: answers are cut where it comes up."""
        ordinary = sorted(token for token in stop_ids if token not in self._marks)
        named = [(token, self.tokenizer.decode([token])) for token in ordinary]
        return [
            f"the checkpoint names {text!r} (token {token}) as its end of text, which is an ordinary word: answers end "
            "at it; correct eos_token_id in generation_config.json if that is not meant"
            for token, text in named
            if any(c.isalnum() for c in text) and not re.fullmatch(r"\W.*\W", text.strip())
        ]

    @cached_property
    def _marks(self) -> frozenset[int]:
        """Tokens that are no text: the special ones, and those added to the vocabulary beside it."""
        return frozenset({*self.tokenizer.all_special_ids, *getattr(self.tokenizer, "added_tokens_decoder", {})})

    @cached_property
    def _special(self) -> frozenset[int]:
        """Tokens that a decoded text leaves out."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {})
        return frozenset({*self.tokenizer.all_special_ids, *(id_ for id_, token in added.items() if token.special)})

    @cached_property
    def _kept(self) -> frozenset[int]:
        """Special tokens that a decoded text keeps: the marks of thinking."""
        return frozenset(id_ for id_ in self._special if SPECIAL_MARKS.fullmatch(self._spelling(id_)))

    def _spelling(self, token: int) -> str:
        return str(self.tokenizer.convert_ids_to_tokens(token))

    def _turn_end(self) -> Iterator[int]:
        if self.plain:
            return
        probe = "spot"
        turns = [{"role": "user", "content": probe}, {"role": "assistant", "content": probe}]
        try:
            after = self._apply(turns).rpartition(probe)[2]
        except UserError:  # a template that refuses answered turns; the configuration names its end token
            return
        # tokenizer.json may know the token although the tokenizer does not list it as special, or not call it special
        ids = self.tokenizer(after.lstrip(), add_special_tokens=False)["input_ids"]
        if ids and ids[0] in self._marks:
            yield ids[0]

    def decode(self, token_ids: list[int]) -> str:
        """Return the text of generated tokens without special ones, but with the marks of thinking."""
        if self._kept.isdisjoint(token_ids):
            return self.tokenizer.decode(token_ids, skip_special_tokens=True)
        shown = [token for token in token_ids if token not in self._special or token in self._kept]
        return self.tokenizer.decode(shown, skip_special_tokens=False)


def _refuse_powers(template: Any, path: Path) -> None:
    """Raise UserError if a chat template raises to a power: no prompt needs that, and nothing can interrupt it."""
    from jinja2 import Environment, TemplateError, nodes

    for source in template.values() if isinstance(template, dict) else [template]:
        try:
            parsed = Environment(autoescape=True, extensions=["jinja2.ext.loopcontrols"]).parse(str(source))
        except (TemplateError, RecursionError):  # a tag of transformers' own, or no template: rendering says so
            continue
        if any(parsed.find_all(nodes.Pow)):
            raise UserError(f"{path}: its chat template computes powers (**), which a prompt does not need; correct it")


def read_template(given: str | None) -> str | None:
    """The text of a `--chat-template FILE`; `none` stays what it is. Raises UserError if it cannot be read."""
    if given is None or given == NO_TEMPLATE:
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"--chat-template {given}: cannot be read ({problem}); give a file, or `none`") from problem


def template_name(template: str | None, default: str = "checkpoint") -> str:
    """Return the name of the template in force, for a manifest."""
    if template is None:
        return default
    return NO_TEMPLATE if template == NO_TEMPLATE else digest("template", template)
