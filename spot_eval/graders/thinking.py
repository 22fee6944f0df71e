"""What a model says after it has finished thinking."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def after_thinking(text: str) -> str | None:
    """The part of a generation that is meant as the answer; None when the thinking never ended.

    A chat template may already have opened the block in the prompt, so a closing tag alone ends one.

    >>> after_thinking("<think>2+2, so 4</think>The answer is 4.")
    'The answer is 4.'
    >>> after_thinking("<think>2+2, so") is None
    True
    """
    answer = text.rpartition(CLOSE)[2]
    return None if OPEN in answer else answer
