r"""One letter out of four, as GPQA asks for it.

Read in this order, after the thinking, the last match of each: the line asked for ("Answer: C"; bold,
parentheses, \boxed and a dot do no harm), then "the answer is (C)" or a boxed letter anywhere, then a reply
that is one line and begins with its letter. A statement that is found but names two letters, or none, is
unparsed: the search does not go on to a place that happens to suit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from spot_eval.graders.thinking import after_thinking
from spot_eval.graders.verdict import Grader, Verdict, no_answer

_MARKUP = re.compile(r"\\(?:boxed|text|textbf|mathbf|mathrm|bf|rm)(?![a-zA-Z])|\\[()\[\]]|[*_`#$>{}]")
_ASKED = re.compile(r"^\W*(?:(?:the|my|final|correct|best)\s+)*answer\s*[:：]\s*(.*)$", re.IGNORECASE)
_SAID = re.compile(
    r"(?i:\b(?:answer|correct)(?:\s+(?:choice|option|answer))?\s*(?:is|must be|should be|would be|[:：=])"
    r"\s*[:：]?\s*(?:(?:the\s+)?(?:option|choice)\s+)?)(?P<rest>(?:\(?[A-D](?![A-Za-z0-9'’])|\([a-d]\))[^\n]*)"
)
_BOXED = re.compile(r"\\boxed ?\{[ ({]{0,4}(?:\\(?:text|textbf|mathbf|mathrm) ?\{)?[ (]{0,4}([A-D])[ ).}]{0,4}\}")
_LETTER = re.compile(r"^\W*(?:(?:option|choice)\s+)?\(?\s*([A-D])(?![A-Za-z0-9'’])\s*(.*)$", re.IGNORECASE)
_SECOND = re.compile(
    r"^\W{0,3}\s*(?:\bor\b|\band\b|/|&|,)\s*(?i:(?:option|choice)\s+)?"
    r"\(?(?P<joined>[A-D](?![A-Za-z0-9'’])|[a-d](?=\W*$))"
    r"|^\W*(?P<bare>[A-D])\W*$"
)
_GOES_ON = re.compile(r"(?:or|and|because|since|is|as|which|for|by|due|with)\b")


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Score 1 where the letter read is `doc["answer"]`; unparsed where no letter can be read."""
    answer = after_thinking(text)
    if answer is None:
        return no_answer("the thinking never ended")
    letter, why = read_letter(answer)
    if letter is None:
        return no_answer(why)
    return Verdict(float(letter == doc["answer"]), letter, why)


def read_letter(answer: str) -> tuple[str | None, str]:
    """The letter a reply settles on, or None, and where it was found or why not."""
    lines = [" ".join(_MARKUP.sub("", line).split()) for line in answer.splitlines()]
    lines = [line for line in lines if line]
    for i in reversed(range(len(lines))):
        if asked := _ASKED.match(lines[i]):
            rest = asked[1] or (lines[i + 1] if i + 1 < len(lines) else "")
            return _settled(rest, "the line asked for")
    plain = "\n".join(lines)
    said = [(m.start(), m["rest"]) for m in _SAID.finditer(plain)]
    if said:
        return _settled(said[-1][1], "'the answer is'")
    if boxed := _BOXED.findall(" ".join(answer.split())):
        return boxed[-1], "a boxed letter"
    if len(lines) == 1 and re.match(r"\(?[A-D](?:$|\s*[).:,])", lines[0]):
        return _settled(lines[0], "a reply of one line")
    return None, "no answer line, no 'the answer is', and the reply is more than a letter"


def _settled(rest: str, place: str) -> tuple[str | None, str]:
    found = _LETTER.match(rest)
    if not found:
        return None, f"{place} names no letter: {rest[:40]!r}"
    letter, tail = found[1], found[2]
    others = {m["joined"] or m["bare"] for m in _SECOND.finditer(tail)}
    others |= {m["rest"].strip("(")[0] for m in _SAID.finditer(tail)}
    if {other.upper() for other in others} - {letter.upper()}:
        return None, f"{place} names two letters: {rest[:40]!r}"
    # "A strong acid" may be the article, "c ..." may be anything: such a letter needs a mark before more text
    if letter in "Aabcd" and tail[:1].isalpha() and not _GOES_ON.match(tail):
        return None, f"{place} does not set its letter apart: {rest[:40]!r}"
    return letter.upper(), place


def same(a: str, b: str) -> bool:
    """One letter is one answer."""
    return a == b


GRADER = Grader("choice", 1, judge, same)
