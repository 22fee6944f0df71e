r"""The answer a generation ends with, as text; where none is boxed or stated, Math-Verify's search in prose.

A worked example: of ``So x = 2, I say.`` the answer is ``2``, of ``The answer is not 2.`` there is none.
"""

from __future__ import annotations

import logging
import re

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

from spot_eval.graders.maths import boxed, normalize, safety, stated
from spot_eval.graders.maths.formatting import answers_in_lines, plain_answer
from spot_eval.graders.maths.number_words import is_number_phrase
from spot_eval.graders.turns import first_turn

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns that its own time limits are off: pool has ours
logging.getLogger("latex2sympy2_extended").setLevel(logging.CRITICAL)

_ANY = (LatexExtractionConfig(), ExprExtractionConfig())
_SEARCHED = 1_500  # characters of prose; Math-Verify's patterns are quadratic in it
_SHORT = 40
_SENTENCE = re.compile(r"\b(?:is|are|was|were|be|has|have|answer)\b|\Bn['’]t\b", re.IGNORECASE)

_HEDGE_TERM = r"(\$[^$\n]{1,60}\$|-?[0-9][0-9,./]{0,40})"
_HEDGE = re.compile(
    rf"{_HEDGE_TERM}\s{{0,3}},?\s{{0,3}}\(?\b(?:or|and/or)\s(?:\w{{1,12}}\s){{0,3}}{_HEDGE_TERM}",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\W{0,8}(?:thus|therefore|hence|so|consequently|it follows|this gives|which gives|we (?:get|have|find|obtain))\b"
    r"[^\n]{0,200}[=\u2248]",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\b(?:is|are|was|were|be|equals|get|has|have)\s(?:only\s|exactly\s)?([a-z][a-z -]{1,60})\.?$", re.IGNORECASE
)
_RUNAWAY = re.compile(r"[0-9]{200}|[-+*/^()0-9. ]{300}")
_GLUED = re.compile(r"(?<=[^\W\d_a-zA-Z])(?=-?[0-9])")  # digits after a letter of a script without spaces


def final_answer(text: str) -> str | None:
    r"""The answer a generation (thinking taken off) ends with, or None.

    In order: an answer stated after the last box, if it can stand against it (`stated.correction`); the last
    box, or joined boxes; the last stated answer; a last line in bold; the whole text, where it is one
    expression; what Math-Verify finds in the last 1,500 characters; the whole text, if it is a few words. A
    box that is never closed is no answer, nor is what stands around it, unless it is stated.

    >>> [final_answer(text) for text in (r"$\boxed{3}$? No, the answer is 4.", "so x = 2, I say", "East")]
    ['4', '2', 'East']
    """
    turn = first_turn(text)
    answer = _of_turn(turn) if turn != text else None
    if answer is None or (turn != text and not _is_settled(turn)):
        answer = _of_turn(text)
    return plain_answer(answer) if answer else None


def _is_settled(turn: str) -> bool:
    """Return True if a turn gives an answer by itself, and does not only quote numbers."""
    last = turn.rstrip().rpartition("\n")[2]
    return bool(boxed.boxed_answer(turn) or stated.stated_answer(answers_in_lines(turn)) or _CONCLUDES.match(last))


def _of_turn(text: str) -> str | None:
    text = answers_in_lines(text)
    box = boxed.boxed_answer(text)
    if box:
        return stated.correction(stated.without_denials(text[box[1] :]), box[0]) or box[0]
    text = stated.without_denials(text)
    said = stated.stated_answer(text) or stated.bold_line(text)
    if said:
        return _read_prose(said) or said
    return None if "boxed" in text else _unstated(text)


def _unstated(text: str) -> str | None:
    """Return the answer of a text that neither boxes nor states one."""
    last = text.rstrip().rpartition("\n")[2].strip()
    if last != text.strip() and stated.is_value(last):
        return stated.bare(last)
    if stated.is_expression(text) or normalize.plain(text).lstrip("-").isdigit():
        return stated.bare(text)
    in_words = stated.bare(text.replace("**", "")) if _is_few_words(text) else None
    if counted := _COUNTED.search(last):
        if is_number_phrase(counted[1]):
            return counted[1]
    return stated.last_group(text) or _read_prose(text) or in_words or None


def _is_few_words(text: str) -> bool:
    text = text.strip()
    return len(text) <= _SHORT and "\n" not in text and text.count(" ") < 4 and not _SENTENCE.search(text)


def _read_prose(text: str) -> str | None:
    """`text` if it is an expression, else the one Math-Verify finds in it, or None."""
    if stated.is_expression(text):
        return text
    if safety.is_code(text):
        return None
    text = text[-_SEARCHED:]
    if _RUNAWAY.search(text):  # what Math-Verify's patterns are slowest on, and no model's idea of an answer
        return None
    text = _GLUED.sub(" ", text)
    parsed = parse(text, _ANY, parsing_timeout=None)
    if parsed and not stated.is_expression(str(parsed[-1])):
        # The string Math-Verify hands back is of its first match, which it may have failed to parse.
        parsed = parse(text, (ExprExtractionConfig(),), parsing_timeout=None) or parsed
    answer = str(parsed[-1]).strip("*_ ").rstrip("*_.,; ") if parsed else ""
    if not answer:
        return None
    for hedge in _HEDGE.finditer(text):  # of "3 or 4" Math-Verify takes the 4
        terms = [term.strip("$").rstrip(".,") for term in hedge.groups()]
        if answer in terms:
            return ", ".join(terms)
    if re.search(re.escape(answer) + r"\$?(?:\s|\\\)|\\)?(?:%|percent|pct)", text):
        answer += r"\%"
    return answer
