r"""Boxes in a generation: where they are, and which of them are one answer. Strings in, strings out.

A worked example: of ``so $x=\boxed{2}$ or $x=\boxed{-3}$.`` the answer is ``2, -3``. Answers that are only stated are
`stated`'s. Knows nothing of mathematics or equality (`maths` does) and never raises; every scan is linear in the length
of the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Box(NamedTuple):
    r"""A box: `text[start:end]` is the whole command, `text[inner:close]` its content."""

    start: int
    inner: int
    close: int
    end: int


# Two backslashes before the word are JSON escaping gone wrong, not a LaTeX newline followed by "boxed".
_TOKEN = re.compile(
    r"(?:\\{1,2}(?P<box>boxed|fbox|framebox(?:\[[^\[\]{}]{0,12}\]){0,2})[ \t\n]{0,8}"
    r"|(?:(?<![A-Za-z\\])b|\x08)(?P<lost>oxed)[ \t\n]{0,8})\{"  # the backslash is lost, or was read as an escape
    r"|\\{1,2}boxed[ \t]{0,8}(?P<bare>-?[0-9](?:[0-9.,]{0,38}[0-9])?|[A-Za-z](?![A-Za-z]))"
    r"|\\.|[{}]",
    re.DOTALL,
)
_BOX_WORD = re.compile(r"\\{1,2}(?:boxed|fbox|framebox)[ \t\n]{0,8}(?=\{)")
_GAP_MARKUP = re.compile(r"\\[()\[\]]|\\q?quad(?![a-z])|\\[,;:! ]|[$~&\s]")
_GAP_TEXT = re.compile(r"\\(?:text|mbox|mathrm)\s{0,3}\{([^{}]{0,20})\}")
_GAP = re.compile(r"(?=[,;ao])[,;]?(?:and|or)?(?:[A-Za-z](?:_\{?\w{1,3}\}?)?'?(?:\(\w\))?(?:=|:|\\in))?", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:not|rather than|instead of|as opposed to)[ \t]{1,3}(?:\$|\\\(|\*\*)?[ \t]{0,3}\Z", re.IGNORECASE
)
_MAX_GAP = 80
_MAX_JOINED = 60


def boxes(text: str) -> list[Box]:
    r"""The outermost closed boxes of `text`, in order; one that is never closed is none.

    >>> [text[b.inner:b.close] for text in [r"\boxed{\frac{1}{2}} \boxed 7 \boxed{4"] for b in boxes(text)]
    ['\\frac{1}{2}', '7']
    """
    found: list[Box] = []
    opened: list[tuple[int, int] | None] = []
    for token in _TOKEN.finditer(text):
        if token["box"] or token["lost"]:
            opened.append((token.start(), token.end()))
        elif token["bare"]:
            found.append(Box(token.start(), token.start("bare"), token.end(), token.end()))
        elif token[0] == "{":
            opened.append(None)
        elif token[0] == "}" and opened:
            box = opened.pop()
            if box is not None:
                while found and found[-1].start > box[0]:
                    found.pop()
                found.append(Box(box[0], box[1], token.start(), token.end()))
    return found


def joins(gap: str) -> bool:
    r"""Return True if boxes with `gap` between them are one answer: a comma, "and" or "or", perhaps a name.

    >>> joins(r"$ and $y = "), joins(", "), joins(" and then "), joins(" ")
    (True, True, False, False)
    """
    if len(gap) > _MAX_GAP or "\n\n" in gap:
        return False
    return bool(_GAP.fullmatch(_GAP_MARKUP.sub("", _GAP_TEXT.sub(r"\1", gap))))


def boxed_answer(text: str) -> tuple[str, int] | None:
    r"""The last answer given in boxes and where it ends, or None; joined boxes come as one, with commas.

    >>> boxed_answer(r"\boxed{1}? No: $\boxed{2}$ and $\boxed{3}$.")[0]
    '2, 3'
    """
    found = [box for box in boxes(text) if text[box.inner : box.close].strip()]
    while len(found) > 1 and _DENIED.search(text, max(0, found[-1].start - 30), found[-1].start):
        found.pop()
    if not found:
        return None
    first = len(found) - 1
    while first and len(found) - first < _MAX_JOINED and joins(text[found[first - 1].end : found[first].start]):
        first -= 1
    return ", ".join(_content(text[box.inner : box.close]) for box in found[first:]), found[-1].end


def _content(inner: str) -> str:
    inner, nested = _BOX_WORD.subn("", inner.strip())
    while nested and inner[:1] == "{" and inner[-1:] == "}" and len(inner) > 2:
        inner, nested = inner[1:-1].strip(), nested - 1
    return inner
