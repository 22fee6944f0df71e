"""Where an answer of the `hf` engine ends: at a stop token, a stop string or its budget; it is emitted there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spot_eval.models.base import Completion, Emit, Refusal, Request
from spot_eval.models.stop_strings import ended_text

TAIL_TOKENS = 64  # more than any stop string has
BROKEN = "the model's logits are NaN: its weights are broken, or too large for the dtype it runs in"


@dataclass(frozen=True)
class Endings:
    """Stop tokens and stop strings, and the receiver of answers that end.

    Args:
        stop_ids: tokens that end a turn.
        until: strings that end an answer.
        decode: turns token ids into text.
        emit: takes a finished answer.
    """

    stop_ids: frozenset[int]
    until: tuple[str, ...]
    decode: Callable[[list[int]], str]
    emit: Emit

    def ends(self, request: Request, tokens: list[int]) -> bool:
        """Return True if the last of `tokens` ends the answer, which is then emitted."""
        stopped = tokens[-1] in self.stop_ids
        ended = stopped or len(tokens) >= request.sampling.max_new_tokens
        # a stop string is in the newest tokens or it was found before
        if not ended and not any(stop in self.decode(tokens[-TAIL_TOKENS:]) for stop in self.until):
            return False
        text, cut = ended_text(tokens, stopped=stopped, until=self.until, decode=self.decode)
        if not cut and not ended:
            return False
        reason = "stop" if stopped or cut else "length"
        self.emit(Completion(request.key, text, reason, len(request.prompt.token_ids), len(tokens)))
        return True

    def broken(self, request: Request) -> None:
        """Emit that a request cannot be answered, since its logits are NaN."""
        self.emit(Refusal(request.key, BROKEN))
