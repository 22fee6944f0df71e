"""Log-probabilities of a prompt from an endpoint: OpenAI's completions with `echo`, as vLLM and its kin serve them.

Token ids are sent, so that context and continuation meet where they do for every other engine. One token is generated
with each, since not every server takes none, and left aside.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from spot_eval.models.api.wire import Dialect, MalformedReplyError
from spot_eval.models.likelihood import ChoiceScore, Span

ROOM = 2  # tokens of the context: the one that is generated, and one that a window may be longer by
NEAR = 1e-6  # nats: a token this close to the likeliest one is it


def score_body(span: Span, dialect: Dialect) -> dict[str, Any]:
    """Return the JSON that asks for the log-probabilities of the tokens of `span`."""
    return {
        "model": dialect.model, "prompt": list(span.ids), "max_tokens": 1, "temperature": 0.0, "echo": True,
        "logprobs": 1,
    }  # fmt: skip


def read_score(payload: Any, span: Span) -> ChoiceScore:
    """Return what a server says of the scored tokens of `span`. Raise MalformedReplyError if it does not say it."""
    choices = payload.get("choices") if isinstance(payload, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    found = choice.get("logprobs") if isinstance(choice, Mapping) else None
    logprobs = found.get("token_logprobs") if isinstance(found, Mapping) else None
    if not isinstance(logprobs, list) or not isinstance(found, Mapping):
        raise MalformedReplyError("it has no token_logprobs")
    if not len(span.ids) <= len(logprobs) <= len(span.ids) + 1:
        raise MalformedReplyError(f"it has {len(logprobs)} token_logprobs for {len(span.ids)} tokens")
    scored = range(len(span.ids) - span.scored, len(span.ids))
    named = found.get("top_logprobs")
    likeliest = named if isinstance(named, list) and len(named) >= len(span.ids) else [None] * len(span.ids)
    total, greedy = 0.0, True
    for at in scored:
        own = logprobs[at]
        if not _is_logprob(own):
            raise MalformedReplyError(f"the log-prob of token {at} is {str(own)[:40]!r}")
        total += own
        greedy = greedy and _is_likeliest(own, likeliest[at])
    return ChoiceScore(total, span.scored, greedy)


def _is_logprob(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -sys.float_info.max <= value <= NEAR


def _is_likeliest(own: float, named: Any) -> bool:
    """Return True if none of the tokens that the server names as the likeliest is more likely than the token itself."""
    others = [value for value in named.values() if _is_logprob(value)] if isinstance(named, Mapping) else []
    return bool(others) and own >= max(others) - NEAR


def together(scores: list[ChoiceScore]) -> ChoiceScore:
    """Return the score of a text that was read in several windows."""
    return ChoiceScore(
        math.fsum(one.logprob for one in scores),
        sum(one.tokens or 0 for one in scores),
        all(one.greedy for one in scores),
    )
