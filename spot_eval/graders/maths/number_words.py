r"""Numbers of several English words as digits: ``two hundred and fifty`` is 250, ``two-thirds`` is ``\frac{2}{3}``.

Single words are `prose`'s. A run of words that is no well-formed number ("three four", "one and two") stays as it is.
"""

from __future__ import annotations

import re
from fractions import Fraction

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = {"dozen": 12, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_VALUES = {word: number for number, word in enumerate([*_ONES, *_TEENS], 1)} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}

_ONE = "|".join(_ONES)
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{_ONE}))?|{'|'.join(_TEENS)}|{_ONE})"
_BELOW_1000 = rf"(?:(?:{_ONE}|an?)[ -]hundred(?:(?: and)?[ -]{_BELOW_100})?|{_BELOW_100})"
_SCALE = "|".join(_SCALES)
_WHOLE = rf"(?:{_BELOW_1000}|an?(?=[ -](?:{_SCALE})\b))(?:[ -](?:{_SCALE})\b(?:,? (?:and )?{_BELOW_1000})?){{0,4}}"
_PART = rf"(?:{'|'.join(_PARTS)})s?|halves"
_NUMBER = rf"(?:{_WHOLE}[ -](?:{_PART})|an?[ -](?:{_PART})|{_WHOLE})"
_RUN = re.compile(rf"(?<![\\A-Za-z0-9-])(?={_NUMBER}[ -]?){_NUMBER}(?![A-Za-z-])", re.IGNORECASE)
_PHRASE = re.compile(rf"(?:(?:minus|negative) )?{_NUMBER}(?: [a-z]{{2,20}})?", re.IGNORECASE)


def is_number_phrase(text: str) -> bool:
    """Return True for a number in words, with one word after it at most: ``one thousand``, ``fifteen dollars``."""
    return bool(_PHRASE.fullmatch(text.strip()))


def in_figures(text: str) -> str:
    r"""Return `text` with its numbers of several words in figures.

    >>> in_figures("twenty-one"), in_figures("two thirds"), in_figures("three four")
    ('21', '\\frac{2}{3}', 'three four')
    """
    return _RUN.sub(_figure, text)


def _figure(found: re.Match[str]) -> str:
    words = re.split(r"[ ,-]+", found[0].lower())
    if len(words) < 2:
        return found[0]
    part = _PARTS.get("half" if words[-1] == "halves" else words[-1].removesuffix("s")) if len(words) > 1 else None
    whole = _whole(words[:-1] if part else words)
    if part is None:
        return str(whole)
    value = Fraction(whole, part)
    return rf"\frac{{{whole}}}{{{part}}}" if value.denominator > 1 else str(value)


def _whole(words: list[str]) -> int:
    total = current = 0
    for word in words:
        if word in _SCALES:
            total, current = total + (current or 1) * _SCALES[word], 0
        elif word == "hundred":
            current = (current or 1) * 100
        elif word in ("a", "an"):
            current = 1
        else:
            current += _VALUES.get(word, 0)
    return total + current
