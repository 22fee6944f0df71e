"""Thinking blocks in generated text: find where one opens and ends, and return the answer that is left.

    "<think>2+2, so 4</think>\n\nThe answer is 4."   ->  "The answer is 4."
    "<think>Maybe 4, but let me"                     ->  None: the block never ends, so there is no answer

Knows the marks of the common model families, in any case, and the channels of gpt-oss. Knows nothing of tokenizers or
graders. Every scan is linear in the length of the text.
"""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|thoughts|reasoning|scratchpad|seed:think"
_OPEN = (
    rf"<(?:{_NAMES})>|\[think\]|◁think▷|<\|(?:start_thinking|begin_of_thought|begin_of_thinking|thinking|think)\|>"
    r"|<\|inner_prefix\|>"
)
_CLOSE = (
    rf"</(?:{_NAMES})>|\[/think\]|◁/think▷|<\|(?:end_thinking|end_of_thought|end_of_thinking|/thinking|/think)\|>"
    r"|<\|inner_suffix\|>"
)
_MARK = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
_PLAIN_OPEN = "<think>"
_WRAPPER = re.compile(r"<\|(?:start_response|end_response|begin_of_solution|end_of_solution)\|>", re.IGNORECASE)

_CHANNEL = re.compile(r"<\|channel\|>\s*(?P<name>[a-z]+)[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>", re.I)
_CHANNEL_END = re.compile(r"<\|(?:end|return|start|channel|call)\|>", re.IGNORECASE)
# gpt-oss with its special tokens left out by another program
_GLUED = re.compile(r"\s*analysis(?=[A-Z0-9\"'“$\\(*])")
_GLUED_FINAL = re.compile(r"assistant\s?final(?=\S)|assistant\s?final\s*$")

SPECIAL_MARKS = re.compile(
    rf"{_OPEN}|{_CLOSE}|{_WRAPPER.pattern}|<\|(?:channel|message|start|end|constrain)\|>", re.IGNORECASE
)
"""Tokens that a decoded text keeps although a tokenizer calls them special: without them a thought reads as answer."""


def after_thinking(text: str) -> str | None:
    """Return the part of a generation that is meant as the answer; None if the thinking never ended.

    A closing mark without an opening one ends a block that the prompt opened. Blank lines between a block and the
    answer are dropped; a text without any block is returned as it is.

    >>> after_thinking("<think>2+2, so 4</think>The answer is 4.")
    'The answer is 4.'
    >>> after_thinking("<think>2+2, so") is None
    True
    >>> after_thinking("<|channel|>analysis<|message|>2+2<|end|><|start|>assistant<|channel|>final<|message|>4")
    '4'
    """
    if "<|channel|>" in text.lower():
        return _final_channel(text)
    if _GLUED.match(text):
        final = list(_GLUED_FINAL.finditer(text))
        return text[final[-1].end() :].lstrip() if final else None
    end, opened = 0, False
    for mark in _MARK.finditer(text):
        if mark["close"]:
            end, opened = mark.end(), False
        else:
            opened = opened or _opens(text, mark)
    if opened:
        return None
    answer = text[end:].lstrip() if end else text
    return _WRAPPER.sub("", answer).lstrip() if _WRAPPER.search(answer) else answer


def _opens(text: str, mark: re.Match[str]) -> bool:
    """Return True if an opening mark begins a block: the rarer ones may be mentioned within a line."""
    if mark[0].lower() == _PLAIN_OPEN:
        return True
    return not text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()].strip()


def _final_channel(text: str) -> str | None:
    final = [found for found in _CHANNEL.finditer(text) if found["name"].lower() == "final"]
    if not final:
        return None
    answer = text[final[-1].end() :]
    end = _CHANNEL_END.search(answer)
    return (answer[: end.start()] if end else answer).lstrip()


def opened_by(prompt: str) -> str:
    """Return the mark of the thinking block that `prompt` (its end, from the last question on) leaves open, or "".

    >>> opened_by("<|Assistant|><think>\\n"), opened_by("<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n")
    ('<think>', '')
    """
    channels = list(_CHANNEL.finditer(prompt))
    if channels:
        last = channels[-1]
        still = not _CHANNEL_END.search(prompt, last.end())
        return last[0] if still and last["name"].lower() != "final" else ""
    opened = ""
    for mark in _MARK.finditer(prompt):
        opened = (
            "" if mark["close"] else mark[0] if _opens(prompt, mark) or not prompt[mark.end() :].strip() else opened
        )
    return opened


def has_thinking(text: str) -> bool:
    """Return True if `text` holds thinking, whether it ends or not."""
    answer = after_thinking(text)
    if answer is None:
        return True
    before = text[: len(text) - len(answer)] if text.endswith(answer) else text
    return bool(_CHANNEL_END.search(before) or SPECIAL_MARKS.sub("", before).strip())


def closes_unopened(text: str) -> bool:
    """Return True if `text` ends a thinking block that it did not open, so that its prompt must have."""
    first = _MARK.search(text)
    return bool(first and first["close"])
