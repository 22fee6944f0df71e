r"""Read one letter out of four, as GPQA asks for it.

Read after the thinking, in the first turn (`turns`), in this order:

1. the last line asked for ("Answer: C"; bold, parentheses, \boxed and a dot do no harm; `<answer>C</answer>`,
   `{"answer": "C"}` and a heading above the letter are such lines; an echo of the template, "Answer: X", is not);
2. the last statement ("the answer is (C)", a boxed letter, on the last line "I choose C", "so C"), in any of the
   languages of `choice_phrases`. A denial, a hypothesis ("if the answer is C, then") and a temptation are no statement;
   one under a condition ("if friction is small, the answer is C") counts if there is no other;
3. a reply that begins with its letter, where no other line begins with one, or a last line that is only a letter.

A later correction ("Wait, actually it is D") wins over either. A line asked for that names two letters, or none, is
unparsed: the search does not go on to a place that happens to suit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer
from spot_eval.graders.choice_phrases import (
    ALONE,
    ASKED,
    CHOSEN,
    CORRECTED,
    OPEN_END,
    SAID,
    TAG_OR_JSON,
    TEMPLATE,
)
from spot_eval.graders.suppositions import DENIED_AFTER, standing
from spot_eval.graders.turns import first_turn

_MARKUP = re.compile(
    r"\\(?:text|math)?color ?\{[^{}]{0,20}\}|\\(?:boxed|fbox|framebox|underline|emph|bf|rm|large|Large|huge|Huge"
    r"|text(?:bf|it|rm|sf|tt)?|math(?:bf|it|rm|sf|tt))(?![a-zA-Z])|\\[()\[\]]|[*_`#$>{}]"
)
_QUOTED = re.compile(r"[\"'‘’“”«»「」『』]\s?(\(?[A-Da-d][).]?)\s?[\"'‘’“”«»「」『』]")
_LOOKALIKE = re.compile(r"(?<!\w)[АВСΑΒ](?=\W|$)(?!\s+\w)")
_LATIN = str.maketrans("АВСΑΒ", "ABCAB")
_BOX = re.compile(r"\\(?:boxed|fbox|framebox) ?\{((?:[^{}]|\{(?:[^{}]|\{[^{}]{0,80}\}){0,80}\}){1,200})\}")
_WORD = r"(?:the\s+)?(?:option|choice|letter|answer|alternative|statement|选项|选|opción|letra|lettre|вариант)\s*:?\s*"
_LETTER = re.compile(
    rf"^\W*(?:{_WORD})?\(?\s*([A-D])(?![A-Za-z0-9+]|['’](?!d[ıi]r))\s*(.*)$", re.IGNORECASE | re.DOTALL
)
_SECOND = re.compile(
    r"^\W{0,3}\s*(?:\bor\b|\band\b|/|&|,)\s*(?i:(?:option|choice)\s+)?"
    r"\(?(?P<joined>[A-D](?![A-Za-z0-9'’])|[a-d](?=\W*$))"
    r"|^\W*(?P<bare>[A-D])\W*$"
)
_GOES_ON = re.compile(r"(?:or|and|but|because|since|is|as|which|for|by|due|with|rather|instead|not|over|only|if)\b")
_OPTION = (
    r"(?:(?i:option|choice|(?:the\s)?answer(?:\skey)?|letter|solution|choose|pick|select)(?:\s|\s?[:\]]\s?)"
    r"|(?:我)?(?:选项|选择|选|選擇|選択肢|選)\s?[:：]?\s?)"
)
_ONLY_OPTION = re.compile(rf"\W*{_OPTION}\(?([A-D])(?![A-Za-z0-9'’])(?:\W*|(?:\)|\)?\s?[:.：,，。])\s.*)")
_FIRST_LINE = re.compile(r"\(?([A-D])(?:[).:]{0,2}|[).:]{1,2}\s.{1,200})")  # "B" or "B. 3 km", the reasons below
_LISTED = re.compile(r"\W{0,3}[A-D](?:[).:]|\W*$)")
_ONLY_LETTER = re.compile(r"\W*[A-D]\W*")
_OPTION_LINE = re.compile(r"\W*\(?[A-D](?:\W*|\s*[).:,].*)")
_MAX_LINE = 2_000  # characters; a longer line is a run-away and holds no answer line


class Statement(NamedTuple):
    """A statement of an answer: its line, where it ends there, the letter (None: two letters), and its place."""

    line: int
    end: int
    letter: str | None
    place: str
    conditional: bool = False


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Score 1 if the letter read is `doc["answer"]`; unparsed if no letter can be read."""
    answer = after_thinking(text)
    if answer is None:
        return no_answer("the thinking never ended")
    letter, why = read_letter(answer)
    if letter is None:
        return no_answer(why)
    return Verdict(float(letter == doc["answer"]), letter, why)


def read_letter(answer: str) -> tuple[str | None, str]:
    """Return the letter a reply settles on, or None, and where it was found or why not."""
    turn = first_turn(answer)
    found = _read(turn)
    if found[0] is None and turn != answer and found[1].startswith("no answer line"):
        return _read(answer)
    return found


def _read(answer: str) -> tuple[str | None, str]:
    answer = unicodedata.normalize("NFKC", answer)
    answer = TAG_OR_JSON.sub(lambda found: f"\nAnswer: {next(filter(None, found.groups()), '')}\n", answer)
    boxes = [_box_letter(found[1]) for found in _BOX.finditer(answer)]
    lines = [_plain_line(line) for line in answer.splitlines()]
    lines = _joined([line for line in lines if line])
    asked = _asked_line(lines)
    if asked:
        later = _correction(lines, asked.line, 0)
        return (later, "a correction") if later else (asked.letter, asked.place)
    stated = [*_statements(lines), *_box_statements(lines, boxes, answer)]
    stated.sort(key=lambda one: (one.line, one.end))
    firm = [one for one in stated if not one.conditional] or stated
    if firm:
        last = firm[-1]
        before = firm[-2] if len(firm) > 1 and firm[-2].line == last.line else None
        if before and before.letter is None and not re.search(r"[.!?;]", lines[last.line][before.end : last.end]):
            return None, before.place
        later = _correction(lines, last.line, last.end)
        return (later, "a correction") if later else (last.letter, last.place)
    return _of_last_line(lines)


def _plain_line(line: str) -> str:
    line = " ".join(_MARKUP.sub("", line[:_MAX_LINE]).split())
    line = _QUOTED.sub(r"\1", line)
    return _LOOKALIKE.sub(lambda found: found[0].translate(_LATIN), line)


def _joined(lines: list[str]) -> list[str]:
    """Put a line that ends in "the answer is" together with the letter below it."""
    joined: list[str] = []
    for line in lines:
        if joined and OPEN_END.search(joined[-1]) and _OPTION_LINE.fullmatch(line):
            joined[-1] = f"{joined[-1]} {line}"
        else:
            joined.append(line)
    return joined


def _asked_line(lines: list[str]) -> Statement | None:
    """Return the last line asked for, read or not; None if there is none."""
    for i in reversed(range(len(lines))):
        asked = ASKED.match(lines[i])
        if not asked:
            continue
        below = lines[i + 1] if i + 1 < len(lines) else ""
        rest = asked["rest"] or asked["bare"] or below
        a_heading = asked["rest"] is None and asked["bare"] is None
        if a_heading and not _OPTION_LINE.fullmatch(below) and not re.fullmatch(r"\W*[a-d]\W*", below):
            continue
        if not TEMPLATE.fullmatch(rest):
            letter, place = _settled(rest, "the line asked for")
            return Statement(i, 0, letter, place)
    return None


def _statements(lines: list[str]) -> Iterator[Statement]:
    """Yield what the lines state, in order; what is denied or supposed is left out."""
    for i, line in enumerate(lines):
        for said in SAID.finditer(line):
            status = _standing(line, said)
            if status != "void":
                rest = line[said.start("letter") :]
                letter, place = _settled(rest, "'the answer is'")
                yield Statement(i, said.end(), letter, place, status == "conditional")
    if not lines:
        return
    last = len(lines) - 1
    chosen = {}
    for found in CHOSEN.finditer(lines[-1]):
        status = _standing(lines[-1], found)
        letter = next(filter(None, found.groups()))
        if status != "void" and letter not in chosen:
            chosen[letter] = Statement(last, found.end(), letter, "the last line", status == "conditional")
    firm = {letter: one for letter, one in chosen.items() if not one.conditional} or chosen
    if len(firm) > 1:
        yield Statement(last, _MAX_LINE, None, f"the last line names two letters: {lines[-1][:40]!r}")
    else:
        yield from firm.values()


def _standing(line: str, said: re.Match[str]) -> str:
    """Return how a match stands in its line; punctuation that a match begins with ends the sentence before."""
    return standing(line, said.start() + (2 if said[0][0] in ".;,:!" else 0), said.end())


def _box_statements(lines: list[str], boxes: list[str | None], answer: str) -> Iterator[Statement]:
    """Yield the boxed letters; a box is placed on the line that holds it."""
    for found, letter in zip(_BOX.finditer(answer), boxes, strict=True):
        if letter is None:
            continue
        content = _plain_line(" ".join(found[0].split()))
        at = next((i for i in reversed(range(len(lines))) if content in lines[i]), None)
        line = len(lines) - 1 if at is None else at
        end = lines[line].rfind(content) + len(content) if lines and at is not None else 0
        two = letter == "?"
        yield Statement(
            line,
            end,
            None if two else letter,
            f"the box names two letters: {content[:40]!r}" if two else "a boxed letter",
        )


def _box_letter(content: str) -> str | None:
    """Return the letter of a box's content, "?" for several, None if it is no letter."""
    plain = _plain_line(content)
    found = re.match(rf"\W*(?i:{_WORD})?\(?([A-D])(?:\W*$|\s*[).:,]\s*(.*)$)", plain)
    if not found:
        return None
    second = re.match(r"\W*(?:or|and|,|/|&)?\s*\(?([A-D])\W*$", found[2] or "")
    return "?" if second and second[1] != found[1] else found[1]


def _correction(lines: list[str], line: int, end: int) -> str | None:
    """Return the letter that the text after a statement puts in its place, if any."""
    rest = "\n".join([lines[line][end:], *lines[line + 1 :]])
    found = [one for one in CORRECTED.finditer(rest) if not DENIED_AFTER.match(rest, one.end())]
    return found[-1]["letter"].upper() if found else None


def _of_last_line(lines: list[str]) -> tuple[str | None, str]:
    if len(lines) == 1 and re.match(r"\(?(?:[A-D](?:$|\s*[).:,])|[a-d]\W*$)", lines[0]):
        return _settled(lines[0], "a reply of one line")
    if len(lines) == 1 and (option := _ONLY_OPTION.fullmatch(lines[0])):
        return _settled(lines[0][option.start(1) :], "a reply of one line")
    if len(lines) > 1 and (first := _FIRST_LINE.fullmatch(lines[0])) and not any(map(_LISTED.match, lines[1:])):
        return _correction(lines, 0, len(lines[0])) or first[1], "the first line"
    if lines and _ONLY_LETTER.fullmatch(lines[-1]) and "?" not in lines[-1]:
        return re.sub(r"\W", "", lines[-1]), "the last line"
    return None, "no answer line, no 'the answer is', and the reply is more than a letter"


def _settled(rest: str, place: str) -> tuple[str | None, str]:
    """Return the one letter that `rest`, the words after a mark, settles on; None, and why, if it names none or two."""
    corrected = [one for one in CORRECTED.finditer(rest) if not DENIED_AFTER.match(rest, one.end())]
    if corrected:
        return corrected[-1]["letter"].upper(), place
    said = [one for one in SAID.finditer(rest) if _standing(rest, one) != "void"]
    found = _LETTER.match(rest)
    if found and DENIED_AFTER.match(rest[found.end(1) :].lstrip(") ")):  # "C is wrong, D is correct"
        rest, found = rest[found.end(1) :], None
    if not found:
        start = said[0].start("letter") if said else _chosen_at(rest)
        if start is None:
            return None, f"{place} names no letter: {rest[:40]!r}"
        said, rest = said[1:], rest[start:]
        found = _LETTER.match(rest)
        if not found:
            return None, f"{place} names no letter: {rest[:40]!r}"
    letter, tail = found[1], found[2]
    others = {m["joined"] or m["bare"] for m in _SECOND.finditer(tail)}
    others |= {m["letter"].strip("()") for m in said}
    if tail[:1] == "?":  # "C? D"
        others |= set(re.findall(r"(?<![A-Za-z0-9'’])[A-D](?![A-Za-z0-9'’])", tail))
    if {other.upper() for other in others} - {letter.upper()}:
        return None, f"{place} names two letters: {rest[:40]!r}"
    # "A strong acid" may be the article, "c ..." may be anything: such a letter needs a mark before more text,
    # but no article stands before "CO2"
    a_name = letter == "A" and re.match(r"[A-Z]\S*$|[A-Za-z]*[0-9]", tail)
    ascii_word = tail[:1].isalpha() and tail[:1].isascii()
    if letter in "Aabcd" and ascii_word and not a_name and not _GOES_ON.match(tail):
        return None, f"{place} does not set its letter apart: {rest[:40]!r}"
    return letter.upper(), place


def _chosen_at(rest: str) -> int | None:
    """Return where `rest` begins to name the letter it calls right ("I would say C at first, but D is correct")."""
    chosen = [one for one in CHOSEN.finditer(rest) if _standing(rest, one) != "void"]
    if len({next(filter(None, one.groups())) for one in chosen}) != 1:
        return None
    where = re.search(ALONE, rest[chosen[-1].start() :])
    return chosen[-1].start() + where.start(1) if where else None


def same(a: str, b: str) -> bool:
    """Return True if two letters are one answer."""
    return a == b


def perfect(row: Mapping[str, Any], gold: object) -> str:
    """Return the line asked for."""
    del gold
    return f"Answer: {row['answer']}"


GRADER = Grader("choice", 4, judge, same, perfect=perfect, beside=True)
