r"""Numbers as people group and repeat their digits: ``12{,}500``, ``12\,500``, ``0.\overline{3}``, ``0.(3)``.

Each becomes a token with its exact value: ``0.(3)`` is 1/3.
"""

from __future__ import annotations

import re
from fractions import Fraction

from spot_eval.graders.maths import safety
from spot_eval.graders.maths.tokens import Token, UnreadableError

SPACE = re.compile(
    r"(?:\s|\\[,;:! ]|~|\$|\\(?:left|right)\s?\.|\\(?:q?quad|left|right|middle|displaystyle|textstyle|scriptstyle"
    r"|limits|nolimits|thinspace|negthinspace|enspace|hfill|[bB]igg?[lrm]?|tiny|small|normalsize|large|Large|LARGE|huge"
    r"|Huge|bf|rm|it|boldmath|bold|mathstrut|nonumber|notag|hline)(?![A-Za-z])|\\[()\[\]](?![0-9.]+(?:pt|em|ex)))+"
)
_SEPARATED = r"[0-9]{1,3}(?:(?:,?\\[,;:! ]\s?|\{,\}\s?)[0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
_COMMAS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})(?![0-9]|,[0-9])(?:\.[0-9]+)?"
_PLAIN = r"[0-9]+\.[0-9]+|[0-9]+\.(?=\s*(?:[-+*/)},]|$))|[0-9]+|\.[0-9]+"
GROUPED_NUMBER = re.compile(f"{_SEPARATED}|{_COMMAS}|{_PLAIN}")
NUMBER = re.compile(f"{_SEPARATED}|{_PLAIN}")
EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,5})(?![0-9.]|\s?[/^])")
DOTS = re.compile(r"\s?(?:\.{2,4}|\\(?:ldots|dots|cdots|dotsc)(?![A-Za-z]))")
_BAR = re.compile(r"\\(?:overline|bar|overset\{\\_\})\s?(?:\{\s?([0-9]+)\s?\}|([0-9]))")
_DOTTED = re.compile(r"\\dot\s?(?:\{\s?([0-9]+)\s?\}|([0-9]))(?:([0-9]*)\\dot\s?(?:\{\s?([0-9])\s?\}|([0-9])))?")
_PARENTHESES = re.compile(r"\(([0-9]{1,12})\)(?![0-9a-z])")


def repeating_decimal(text: str, at: int, after: str) -> tuple[str, int]:
    """The repeating digits that stand at `at` (a bar, dots above or parentheses), and where they end."""
    bar = _BAR.match(text, at)
    if bar:
        return bar[1] or bar[2], bar.end()
    dotted = _DOTTED.match(text, at)
    if dotted:
        return (dotted[1] or dotted[2]) + (dotted[3] or "") + (dotted[4] or dotted[5] or ""), dotted.end()
    brackets = _PARENTHESES.match(text, at)
    if brackets and (after or text[at - 1 : at] == "."):
        return brackets[1], brackets.end()
    return "", at


def period_of(digits: str) -> tuple[int, int] | None:
    """Return (length of the period, digits it covers) of a decimal that ends in dots, or None if nothing repeats."""
    for length in range(1, len(digits) // 2 + 1):
        covered = length
        while covered < len(digits) and digits[-covered - 1] == digits[-covered - 1 + length]:
            covered += 1
        if covered >= max(2 * length, 3 if length == 1 else 0):
            return length, covered - covered % length
    return None


def read_number(text: str, number: re.Match[str], scientific: bool) -> tuple[Token, int]:
    """Return the token of a number with its exact value, and where it ends, its repeating digits and power included.

    `number` is the match of GROUPED_NUMBER or NUMBER in `text`; `scientific` as for `scanner.tokenize`. Raises
    UnreadableError if it has too many digits, or goes on after dots without a period.
    """
    digits = re.sub(r"[^0-9.]", "", number[0])
    at = number.end()
    if len(digits) > safety.MAX_DIGIT_RUN * 100:
        raise UnreadableError("a number of too many digits")
    whole, point, after = digits.partition(".")
    value = Fraction(int(whole + after or "0"), 10 ** len(after)) if after else Fraction(int(whole or "0"))
    decimals: int | None = len(after)
    if point or text.startswith(".", at):
        tail_at = at if point else at + 1
        repeats, end = repeating_decimal(text, tail_at, after)
        if repeats:
            below = 10 ** len(after) * (10 ** len(repeats) - 1)
            value = value + Fraction(int(repeats), below)
            return Token("number", digits, value=value, decimals=None), end
    if point and after and (dots := DOTS.match(text, at)):
        period = period_of(after)
        if not period:
            raise UnreadableError("a decimal that goes on")
        start = len(after) - period[1]
        head = Fraction(int(whole + after[:start] or "0"), 10**start)
        value = head + Fraction(int(after[start : start + period[0]]), 10**start * (10 ** period[0] - 1))
        return Token("number", digits, value=value, decimals=None), dots.end()
    exponent = EXPONENT.match(text, at) if scientific else None
    if exponent and abs(int(exponent[1])) < safety.MAX_EXPONENT:
        power = int(exponent[1])
        value *= Fraction(10) ** power
        at, decimals = exponent.end(), max(0, len(after) - power)
    return Token("number", digits, value=value, decimals=decimals), at
