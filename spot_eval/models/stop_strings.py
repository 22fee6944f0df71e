"""Find the end of a generated text: before its stop token, and before the first of its stop strings.

One rule for every engine that sees token ids, so that the same tokens are the same text everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def ended_text(
    tokens: Sequence[int], *, stopped: bool, until: Sequence[str], decode: Callable[[list[int]], str]
) -> tuple[str, bool]:
    """The text of `tokens`, and whether a string of `until` ended it; `stopped`: the last token is a stop token.

    Args:
        tokens: generated token ids.
        stopped: True if the last one is a stop token.
        until: stop strings.
        decode: turns token ids into text.
    """
    text = decode(list(tokens[:-1] if stopped else tokens))
    cut = min((at for stop in until if (at := text.find(stop)) >= 0), default=None)
    return text[:cut], cut is not None
