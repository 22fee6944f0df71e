"""Log-likelihood requests as sequences that vLLM reads, and their scores from the places that it tells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spot_eval.models.base import Refusal
from spot_eval.models.forced import Forced, Places
from spot_eval.models.likelihood import ChoiceScore, LikelihoodRequest, ScoreEmit, Scores, Span

ROOM = 2  # tokens of the context: one that vLLM generates at least, and one that a window may be longer by


class _Window(NamedTuple):
    request: int
    continuation: int
    span: Span


class Scoring:
    """The windows of many requests; a request is handed over when the last of its windows has been read.

    Args:
        requests: what is to be scored.
        emit: takes each request's scores.
    """

    def __init__(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        self.requests, self.emit = requests, emit
        self.windows = [
            _Window(at, number, span)
            for at, request in enumerate(requests)
            for number, one in enumerate(request.continuations)
            for span in one.spans
        ]
        self.left = [sum(len(one.spans) for one in request.continuations) for request in requests]
        self.found: list[list[list[ChoiceScore]]] = [[[] for _ in request.continuations] for request in requests]

    def sequences(self) -> Iterator[Forced]:
        """Yield what is to be read, each under the number of its window."""
        for number, (_, _, span) in enumerate(self.windows):
            yield Forced(str(number), span.ids[: -span.scored], span.ids[-span.scored :])

    def take(self, key: str, places: Places | None, refused: str = "") -> None:
        """Take what was read of one window; None if it was refused, for the reason `refused`."""
        at, continuation, span = self.windows[int(key)]
        request = self.requests[at]
        if self.left[at] < 0:  # refused before
            return
        if places is None:
            self.left[at] = -1
            self.emit(Refusal(request.key, f"vLLM refused it: {refused}"))
            return
        self.found[at][continuation].append(_score(span, places))
        self.left[at] -= 1
        if not self.left[at]:
            self.emit(Scores(request.key, tuple(map(_together, self.found[at]))))


def _score(span: Span, places: Places) -> ChoiceScore:
    tokens = span.ids[-span.scored :]
    own = [place[token] for token, place in zip(tokens, places, strict=True)]
    greedy = all(value >= max(place.values()) for value, place in zip(own, places, strict=True))
    return ChoiceScore(math.fsum(own), span.scored, greedy)


def _together(windows: list[ChoiceScore]) -> ChoiceScore:
    """Return the score of a text that was read in one window or several."""
    return ChoiceScore(
        math.fsum(one.logprob for one in windows),
        sum(one.tokens or 0 for one in windows),
        all(one.greedy for one in windows),
    )
