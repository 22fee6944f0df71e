"""Words around an answer: what introduces it, hedges it or remarks on it is set aside; numbers in words become digits.

``the answer is approximately 24 people`` is read as 24 with a unit. What is prose and nothing else is no answer.
"""

from __future__ import annotations

from fractions import Fraction

from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.tokens import Token

OPEN = frozenset(["(", "[", "{", "\\{", "langle", "lfloor", "lceil", "begin"])
CLOSE = frozenset([")", "]", "}", "\\}", "rangle", "rfloor", "rceil", "end"])
LEAD = frozenset(
    [
        "the",
        "answer",
        "is",
        "are",
        "value",
        "of",
        "equals",
        "equal",
        "to",
        "be",
        "approximately",
        "about",
        "approx",
        "exactly",
        "roughly",
        "around",
        "therefore",
        "so",
        "thus",
        "hence",
        "simply",
        "final",
        "result",
        "total",
        "both",
        "either",
        "all",
        "real",
        "numbers",
        "solution",
        "solutions",
        "only",
        "we",
        "get",
        "have",
    ]
)
QUALIFIERS = frozenset(["for", "where", "with", "such", "given", "because", "since", "assuming", "whenever", "as"])
HEDGES = frozenset(["or", "and", "maybe", "perhaps", "possibly", "either", "but", "if", "when", "unless"])
REMARKS = frozenset(
    [
        "base",
        "mod",
        "modulo",
        "but",
        "not",
        "units",
        "approximately",
        "approx",
        "about",
        "exactly",
        "rounded",
        "since",
        "because",
    ]
)
_ARTICLES = frozenset({"a", "an", "the"})
_ONES = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {
    word: 10 * number
    for number, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def only_words(tokens: list[Token]) -> bool:
    """Return True if the tokens are words and nothing that could be computed."""
    if not any(t.kind in ("word", "letters") for t in tokens):
        return False
    allowed = ("word", "letters", "join", ",", "(", ")", "'", "-", "&", ":", "/")
    prose = all(t.kind in allowed or (t.kind == "name" and t.prose) for t in tokens)
    if not prose:
        return False
    return any(t.kind == "word" for t in tokens) or (len(tokens) == 1 and len(tokens[0].text) > 2)


def words(tokens: list[Token]) -> Node:
    """Return the node of an answer in words."""
    said = [t.text.lower() for t in tokens if t.kind in ("word", "letters", "join", "name")]
    return ("words", " ".join(said[1:] if len(said) > 1 and said[0] in _ARTICLES else said))


def in_digits(tokens: list[Token]) -> list[Token]:
    """Return `tokens` with number words ("twenty-one") as numbers, "minus" and "negative" as signs."""
    if not any(t.kind in ("word", "letters") for t in tokens):
        return tokens
    out: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.kind not in ("word", "letters"):
            out.append(token)
            i += 1
            continue
        total, current, end = 0, None, i
        while end < len(tokens) and tokens[end].kind in ("word", "letters"):
            parts = tokens[end].text.lower().split("-")
            if not all(part in _ONES or part in _SCALES for part in parts):
                break
            for part in parts:
                if part in _ONES:
                    current = (current or 0) + _ONES[part]
                elif part == "hundred":
                    current = (current or 1) * 100
                else:
                    total, current = total + (current or 1) * _SCALES[part], 0
            end += 1
        starts = tokens[i].text.lower().split("-")[0]
        if end > i and (starts in _ONES or (out and out[-1].kind != "number")) and starts not in _SCALES:
            value = Fraction(total + (current or 0))
            out.append(Token("number", str(value), token.gap, True, value, 0))
            i = end
        elif token.text.lower() in ("minus", "negative"):
            out.append(Token("-", "-", token.gap))
            i += 1
        elif token.text.lower() in ("infinity", "infinite"):
            out.append(Token("infty", "infty", token.gap))
            i += 1
        else:
            out.append(token)
            i += 1
    return out


def named(tokens: list[Token]) -> bool:
    """Return True if the tokens are a name of one or two parts."""
    return len(tokens) <= 2 and all(t.kind in ("name", "letters") for t in tokens)


def all_prose(tokens: list[Token]) -> bool:
    """Return True if every token is a word."""
    return all(t.kind in ("word", "letters") for t in tokens)


def depth_of(tokens: list[Token]) -> int:
    """Return how many brackets the tokens leave open."""
    return sum((t.kind in OPEN) - (t.kind in CLOSE) for t in tokens)


def trim(tokens: list[Token]) -> list[Token]:
    """Return the tokens without commas, semicolons and full stops at their end."""
    while tokens and tokens[-1].kind in (",", ";", "."):
        tokens = tokens[:-1]
    return tokens
