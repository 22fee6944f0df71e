r"""One letter out of four, as GPQA asks for it.

Read in this order, after the thinking, the last match of each: the line asked for ("Answer: C"; bold,
parentheses, \boxed and a dot do no harm; an echo of the template, "Answer: X", is none), then "the answer is
(C)" or a boxed letter anywhere, then a last line such as "Option C is correct" or "I choose C", then a reply
that is one line and begins with its letter. A statement that is found but names two letters, or none, is
unparsed: the search does not go on to a place that happens to suit. Only what is taken back on the same line
("the answer is A? No, the answer is B") does not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer

_MARKUP = re.compile(r"\\(?:boxed|text|textbf|mathbf|mathrm|bf|rm)(?![a-zA-Z])|\\[()\[\]]|[*_`#$>{}]")
_ASKED = re.compile(
    r"^\W*(?:(?:(?:the|my|final|correct|best)\s+)*answer|(?:最终|正确)?答案)(?:\s*:\s*(?P<rest>.*)|\W*$)", re.IGNORECASE
)
_TEMPLATE = re.compile(r"\W*(?:X|(?:(?:the|your|one)\s+)?letter)\W*", re.IGNORECASE)
_SAID = re.compile(
    r"(?:(?i:\b(?:answer|correct)(?:\s+(?:choice|option|answer))?\s*(?:is|must be|should be|would be|[:=]))"
    r"|答案\s*[是为])"
    r"\s*:?\s*(?i:(?:the\s+)?(?:option|choice)\s+)?(?P<letter>\(?[A-D](?![A-Za-z0-9'’])|\([a-d]\))"
)
_TAKEN_BACK = re.compile(r"\?|\b(?:no|wait|actually|rather|instead|correction)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:neither|nor|not|none|no|if|whether)\b|n['’]t\b", re.IGNORECASE)
_ALONE = r"\(?(?<![A-Za-z0-9'’.-])([A-D])(?![A-Za-z0-9'’])\)?"
_CHOSEN = re.compile(
    r"\b(?i:(?:I|we)(?:\s+(?:will|would)|['’](?:ll|d))?\s+(?:choose|chose|pick|select|go with)\s+)"
    rf"(?i:(?:option|choice|answer)\s+)?{_ALONE}"
    rf"|{_ALONE}\s(?i:is\s(?:the\s)?(?:correct|right|best)\b)"
    rf"|^\W*(?i:therefore|thus|hence|so)\b[,:]?\s(?i:(?:option|choice)\s)?{_ALONE}\W*$"
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
    answer = unicodedata.normalize("NFKC", answer)
    lines = [" ".join(_MARKUP.sub("", line).split()) for line in answer.splitlines()]
    lines = [line for line in lines if line]
    for i in reversed(range(len(lines))):
        if asked := _ASKED.match(lines[i]):
            below = lines[i + 1] if i + 1 < len(lines) else ""
            rest = asked["rest"] or below
            a_heading = asked["rest"] is None and not re.fullmatch(r"\W*[A-Da-d]\W*", below)
            if not a_heading and not _TEMPLATE.fullmatch(rest):
                return _settled(rest, "the line asked for")
    for line in reversed(lines):
        if said := _SAID.search(line):
            return _settled(line[said.start("letter") :], "'the answer is'")
    if boxed := _BOXED.findall(" ".join(answer.split())):
        return boxed[-1], "a boxed letter"
    return _of_last_line(lines)


def _of_last_line(lines: list[str]) -> tuple[str | None, str]:
    chosen = set()
    for m in _CHOSEN.finditer(lines[-1] if lines else ""):
        clause = re.split(r"[.!?;,:]", lines[-1][max(0, m.start() - 60) : m.start()])[-1]
        if not _DENIED.search(clause):
            chosen |= {letter for letter in m.groups() if letter}
    if chosen:
        if len(chosen) > 1:
            return None, f"the last line names two letters: {lines[-1][:40]!r}"
        return chosen.pop(), "the last line"
    if len(lines) == 1 and re.match(r"\(?(?:[A-D](?:$|\s*[).:,])|[a-d]\W*$)", lines[0]):
        return _settled(lines[0], "a reply of one line")
    return None, "no answer line, no 'the answer is', and the reply is more than a letter"


def _settled(rest: str, place: str) -> tuple[str | None, str]:
    said = list(_SAID.finditer(rest))
    start = 0
    if said and not _LETTER.match(rest):  # "Answer: The answer is D"
        start = said.pop(0).start("letter")
    if said:
        before = said[-2].end() if len(said) > 1 else start
        if _TAKEN_BACK.search(rest, before, said[-1].start()):
            start = said[-1].start("letter")
            said = []
    rest = rest[start:]
    found = _LETTER.match(rest)
    if not found:
        return None, f"{place} names no letter: {rest[:40]!r}"
    letter, tail = found[1], found[2]
    others = {m["joined"] or m["bare"] for m in _SECOND.finditer(tail)}
    others |= {m["letter"].strip("()") for m in said}
    if tail[:1] == "?":  # "C? No, D"
        others |= set(re.findall(r"(?<![A-Za-z0-9'’])[A-D](?![A-Za-z0-9'’])", tail))
    if {other.upper() for other in others} - {letter.upper()}:
        return None, f"{place} names two letters: {rest[:40]!r}"
    # "A strong acid" may be the article, "c ..." may be anything: such a letter needs a mark before more text,
    # but no article stands before "CO2"
    a_name = letter == "A" and re.match(r"[A-Z]\S*$|[A-Za-z]*[0-9]", tail)
    if letter in "Aabcd" and tail[:1].isalpha() and not a_name and not _GOES_ON.match(tail):
        return None, f"{place} does not set its letter apart: {rest[:40]!r}"
    return letter.upper(), place


def same(a: str, b: str) -> bool:
    """One letter is one answer."""
    return a == b


def perfect(row: Mapping[str, Any], gold: object) -> str:
    """The line asked for."""
    del gold
    return f"Answer: {row['answer']}"


GRADER = Grader("choice", 1, judge, same, perfect=perfect)
