"""From pairs of text to examples of token ids: the prompt as evaluation renders it, the answer, the end of the turn.

The prompt is the chat template with its generation prompt and thinking off, so it carries the BOS that the template
writes and no second one. An answer is its text's tokens and the end token. Nothing is ever cut: a pair that does not
fit, or holds a control token inside an answer, is dropped, and counted with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trainer.errors import TrainError
from trainer.pairs.pair_files import Messages, Pair


class Example(NamedTuple):
    """A pair in token ids. `rejected` is empty if the objective looks at y+ alone."""

    id: str
    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...] = ()


@dataclass
class Examples:
    """The examples to train on, and those that were dropped: reason to ids."""

    kept: list[Example] = field(default_factory=list)
    dropped: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, reason: str, pair: str) -> None:
        """Counts `pair` as dropped."""
        self.dropped.setdefault(reason, []).append(pair)


def tokenize(
    pairs: Sequence[Pair], tokenizer: Any, *, max_tokens: int, rejected: bool = True, chat: bool = True
) -> Examples:
    """Return the examples of at most `max_tokens` tokens a side (prompt and answer together), in the order of `pairs`.

    Raises TrainError if the tokenizer has no end token, the template refuses a prompt, or no example is left.

    Args:
        pairs: prompts, y+ and y- as texts.
        tokenizer: a transformers tokenizer.
        max_tokens: most tokens of prompt and answer together.
        rejected: False if y- is not read.
        chat: False takes prompts as plain text, for a base model.
    """
    end = end_token(tokenizer, chat=chat)
    special = set(tokenizer.all_special_ids)
    found = Examples()
    for pair in pairs:
        prompt = prompt_ids(tokenizer, pair.prompt, chat=chat)
        sides = [_answer(tokenizer, text, end) for text in (pair.chosen, pair.rejected if rejected else "") if text]
        if any(special & set(side[:-1]) for side in sides):
            found.drop("a control token inside an answer", pair.id)
        elif max(len(prompt) + len(side) for side in sides) > max_tokens:
            found.drop(f"longer than {max_tokens} tokens", pair.id)
        elif len(sides) == 2 and sides[0] == sides[1]:
            found.drop("y+ and y- are the same tokens", pair.id)
        else:
            found.kept.append(Example(pair.id, prompt, *sides))
    if not found.kept:
        why = "; ".join(f"{len(ids)} {reason}" for reason, ids in found.dropped.items())
        raise TrainError(f"no pair is left of {len(pairs)}: {why}; raise --max-tokens or look at the pairs")
    return found


def prompt_ids(tokenizer: Any, messages: Messages, *, chat: bool = True) -> tuple[int, ...]:
    """The tokens a model reads before it answers `messages`; TrainError where there are none."""
    if not chat:
        ids = tokenizer("\n\n".join(message["content"] for message in messages))["input_ids"]
    else:
        ids = tokenizer(_render(tokenizer, messages, answer=True), add_special_tokens=False)["input_ids"]
    if not ids:
        raise TrainError("a prompt has no tokens at all, so there is nothing the first token could be predicted from")
    return tuple(ids)


def end_token(tokenizer: Any, *, chat: bool = True) -> int:
    """The token that ends an answer: what the chat template writes after one, else the tokenizer's end token."""
    if chat:
        if not tokenizer.chat_template:
            raise TrainError("the tokenizer has no chat template; for plain text prompts say --plain")
        probe = "spot"
        turns = [{"role": "user", "content": probe}, {"role": "assistant", "content": probe}]
        after = _render(tokenizer, turns, answer=False).rpartition(probe)[2]
        written = tokenizer(after, add_special_tokens=False)["input_ids"]
        if written and written[0] in tokenizer.all_special_ids:
            return int(written[0])
    if tokenizer.eos_token_id is None:
        raise TrainError("the tokenizer has no end token, so answers would never learn to stop; set its eos_token")
    return int(tokenizer.eos_token_id)


def _answer(tokenizer: Any, text: str, end: int) -> tuple[int, ...]:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return (*(ids[:-1] if ids and ids[-1] == end else ids), end)


def _render(tokenizer: Any, messages: Messages, *, answer: bool) -> str:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=answer, enable_thinking=False, thinking=False
        )
    except (TemplateError, TypeError, ValueError, LookupError) as problem:
        raise TrainError(f"the chat template refused a prompt ({problem})") from problem
