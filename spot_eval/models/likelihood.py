"""Log-likelihood requests: continuations to score after their contexts, as texts and as tokens.

    Pair("Question: 2+2?\\nAnswer:", " 4")      # how likely is " 4" after the question
    Pair(None, "A whole document.")            # a rolling request: every token of the text is scored

Tokens are those of lm-eval (0.4.13, api/model.py): context and continuation are encoded as one text and split after the
context's tokens; spaces at the end of a context belong to the continuation; an empty context is the BOS token (EOS if
the tokenizer has none). Knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.models.base import Refusal, Request
from spot_eval.models.prompts import Prompt
from spot_eval.tasks.suite import Sampling

UNKNOWN_CONTEXT = 2048  # tokens a model is taken to read if its configuration does not say; lm-eval's number


@dataclass(frozen=True)
class Pair:
    """A continuation and the text before it; `context` is None for a rolling request."""

    context: str | None
    continuation: str


@dataclass(frozen=True)
class Span:
    """Tokens to read, of which the last `scored` are scored. `ids` fit the model: at most its context and one."""

    ids: tuple[int, ...]
    scored: int


@dataclass(frozen=True)
class Continuation:
    """A pair, ready to score.

    `spans` are its tokens: one span, or one per window of a rolling request; empty if the engine tokenises texts
    itself. `cut` tokens were left out at the left of the context to make it fit.
    """

    pair: Pair
    spans: tuple[Span, ...] = ()
    cut: int = 0

    @property
    def tokens(self) -> int | None:
        """Return the number of scored tokens; None if the engine tokenises."""
        return sum(span.scored for span in self.spans) if self.spans else None


@dataclass(frozen=True)
class LikelihoodRequest(Request):
    """All continuations of one doc. `prompt` is the first context, for people; nothing is generated."""

    continuations: tuple[Continuation, ...] = ()


@dataclass(frozen=True)
class ChoiceScore:
    """The summed natural log-probability of one continuation; `greedy`: each of its tokens was the most likely one."""

    logprob: float
    tokens: int | None
    greedy: bool


@dataclass(frozen=True)
class Scores:
    """The answer to one `LikelihoodRequest`, in the order of its continuations."""

    key: str
    choices: tuple[ChoiceScore, ...]


ScoreEmit = Callable[[Scores | Refusal], None]


class ScoringEngine(Protocol):
    """An engine that can tell log-probabilities of given tokens."""

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests, calling `emit` once for each as it is finished, in any order."""
        ...


def unable(who: str, what_to_do: str) -> UserError:
    """Return the error for a likelihood task on a model that gives no log-probabilities of its prompt."""
    return UserError(f"{who} gives no log-probabilities of a prompt, which likelihood tasks need; {what_to_do}")


def likelihood_request(
    key: str, continuations: Sequence[Continuation], context: str, seed: int = 0
) -> LikelihoodRequest:
    """Return the request called `key`; `context` is shown to people.

    Args:
        key: name of the request, as in its record.
        continuations: pairs of context and continuation, as token ids.
        context: the context as text, shown to people.
        seed: seed of the request.
    """
    tokens = [sum(len(span.ids) for span in one.spans) for one in continuations]
    prompt = Prompt(context, counted=max(tokens, default=0) or None)
    nothing = Sampling().model_copy(update={"max_new_tokens": 0})
    return LikelihoodRequest(key, prompt, nothing, seed, (), tuple(continuations))


class PairEncoder:
    """Tokens of pairs, by a checkpoint's tokenizer and for its context of `context` tokens less `room`."""

    def __init__(self, tokenizer: Any, context: int | None, room: int = 0) -> None:
        self._tokenizer = tokenizer
        self._context = (context or UNKNOWN_CONTEXT) - room
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        self._first: int | None = first
        self._first_text: str | None = None if first is None else tokenizer.decode(first)

    def encode(self, pairs: Sequence[Pair]) -> list[Continuation]:
        """Return the pairs with their tokens, in order.

        Raises UserError if a continuation has no token, or is longer than the model's context.
        """
        wanted: dict[str, None] = {}
        for pair in pairs:
            if pair.context:
                context, continuation = _trailing_spaces_moved(pair)
                wanted[context] = wanted[context + continuation] = None
            elif pair.context is None:
                wanted[pair.continuation] = None
        tokens = self._encode_all(list(wanted))
        return [self._continuation(pair, tokens) for pair in pairs]

    def _continuation(self, pair: Pair, tokens: Mapping[str, list[int]]) -> Continuation:
        if pair.context is None:
            return Continuation(pair, tuple(self._windows(tokens[pair.continuation], pair)))
        if pair.context:
            context, continuation = _trailing_spaces_moved(pair)
            before = tokens[context]
            scored = tokens[context + continuation][len(before) :]
        else:
            scored = self._tokenizer.encode(pair.continuation, add_special_tokens=False)
            if scored and scored[0] == self._first:
                before, scored = scored[:1], scored[1:]
            else:
                before = [self._prefix()]
        if not scored or not before:
            raise UserError(f"a continuation has no token of its own after its context: {pair.continuation[:60]!r}")
        if len(scored) > self._context:
            raise UserError(
                f"a continuation of {len(scored)} tokens does not fit the model's context of {self._context} tokens"
            )
        whole = [*before, *scored]
        kept = whole[-(self._context + 1) :]
        return Continuation(pair, (Span(tuple(kept), len(scored)),), len(whole) - len(kept))

    def _windows(self, ids: list[int], pair: Pair) -> list[Span]:
        """Return the windows in which a long text is read, each token scored once with the most text before it."""
        from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

        if not ids:
            raise UserError(f"a text to score has no token: {pair.continuation[:60]!r}")
        windows = get_rolling_token_windows(ids, self._prefix(), self._context, 1)
        spans = []
        for window in windows:
            before, scored = make_disjoint_window(window)
            spans.append(Span((*before, *scored), len(scored)))
        return spans

    def _prefix(self) -> int:
        if self._first is None:
            raise UserError("the tokenizer has neither a BOS nor an EOS token, one of which an empty context needs")
        return self._first

    def _encode_all(self, texts: list[str]) -> dict[str, list[int]]:
        """Return the tokens of each text, special tokens as the tokenizer adds them, but no second BOS."""
        begun = [bool(self._first_text) and text.startswith(str(self._first_text)) for text in texts]
        found: dict[str, list[int]] = {}
        for special in (True, False):
            chosen = [text for text, has_first in zip(texts, begun, strict=True) if has_first is not special]
            if chosen:
                ids = self._tokenizer(chosen, add_special_tokens=special)["input_ids"]
                found.update(zip(chosen, ids, strict=True))
        return found


def _trailing_spaces_moved(pair: Pair) -> tuple[str, str]:
    context = str(pair.context)
    bare = context.rstrip()
    return (bare, context[len(bare) :] + pair.continuation) if bare else (context, pair.continuation)
