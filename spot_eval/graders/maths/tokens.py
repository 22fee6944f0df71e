r"""Tokens of an answer: a number, a name, a word, a command or a character, with what its place tells of it.

A worked example: ``12,500 \text{ km}`` is the number 12500 and the word ``km``, which are
``Token("number", "12500", value=Fraction(12500), decimals=0)`` and ``Token("word", "km", gap=True, prose=True)``.
`scanner` makes them of a text; `reader` makes formulas of them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class UnreadableError(Exception):
    """The text is no mathematics that we read."""


class Token(NamedTuple):
    r"""A token. `gap` is true if white space precedes it, `prose` if it stands in ``\text{}`` or the like.

    `kind` is one of number, name (a variable or a label), letters (several letters in a row), word, command, join
    ("or", "and"), relation, or the character itself. `value` is the exact value of a number and `decimals` its digits
    after the point (None if it is no plain decimal).
    """

    kind: str
    text: str
    gap: bool = False
    prose: bool = False
    value: Fraction | None = None
    decimals: int | None = None
