r"""Refuse what no real answer is, before sympy evaluates anything, since ``9^{9^{9^9}}`` is short.

First the text (`of_text`), then the unevaluated expression that Math-Verify's parser builds of it (`digits`).
What slips through costs a worker its CPU limit (see `pool`); these checks make the usual tricks cost
milliseconds.
"""

from __future__ import annotations

import math
import re
from typing import Any

# Measured on 5,716 golds (six benchmarks, two training sets) and the answers of 1,273 generations: at most
# 216 characters, brackets 4 deep, 47 parts, 21 digits in a row. A fraction 16 deep already costs sympy 14 s,
# and 20 deep minutes.
MAX_CHARACTERS = 1_000
MAX_DEPTH = 12
MAX_PARTS = 200
MAX_DIGIT_RUN = 400
# An answer such as 2024^{4046} has 13,378 digits and is judged.
MAX_DIGITS = 30_000.0
MAX_EXPONENT = 5_000  # of a number such as 4.5e33

# What Math-Verify's parser works out while it reads, and what sympy works out term by term.
_GREEDY = (
    (re.compile(r"\\[dt]?binom\s?\{[^{}]*(?:[0-9]{5}|\^|!)"), "a binomial coefficient of huge numbers"),
    (re.compile(r"[0-9]{5}\}?\s?\\choose"), "a binomial coefficient of huge numbers"),
    (re.compile(r"[0-9.][eE][+-]?[0-9]{4}"), "a number of more than a thousand digits"),
    (
        re.compile(r"\\(?:prod|sum)[^A-Za-z][^\\]{0,60}?\^\s?(?:\{[^{}]{0,20}(?:[0-9]{5}|[\^!])|[0-9]{5})"),
        "a sum or product of too many terms",
    ),
)
_CODE = re.compile(r"__\w{1,40}__|[A-Za-z_]\w{1,40}\((?:['\"]|\))|\bfor \w{1,20} in\b|\b(?:import|lambda|eval|exec)\b")


def of_text(text: str) -> str:
    r"""Return the reason why `text` must not reach the parser, or "" if it may.

    >>> of_text("(" * 99), of_text("7" * 999)
    ('nested 99 brackets deep (limit 12)', 'a number of more than 400 digits')
    """
    if len(text) > MAX_CHARACTERS:
        return f"an answer of {len(text):,} characters (limit {MAX_CHARACTERS:,})"
    depth = deepest = run = longest = 0
    for c in text:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}":
            depth = max(0, depth - 1)
        run = run + 1 if c.isdigit() else 0
        longest = max(longest, run)
    if deepest > MAX_DEPTH:
        return f"nested {deepest} brackets deep (limit {MAX_DEPTH})"
    if longest > MAX_DIGIT_RUN:
        return f"a number of more than {MAX_DIGIT_RUN} digits"
    parts = text.count(",") + text.count(";") + text.count("&") + text.count("\\\\")
    if parts > MAX_PARTS:
        return f"an answer of {parts} parts (limit {MAX_PARTS})"
    for shape, name in _GREEDY:
        if shape.search(text):
            return name
    return ""


def is_code(text: str) -> bool:
    """Return True if `text` looks like a program, which is never searched for numbers, let alone run."""
    return bool(_CODE.search(text))


def digits(expression: Any) -> float:
    """About how many digits the largest number has that evaluating `expression` (sympy) makes; may be inf."""
    name = type(expression).__name__
    if getattr(expression, "is_Number", False):
        return _log10(expression)
    inside = [digits(part) for part in getattr(expression, "args", ())]
    if not inside:
        return 0.0
    if name == "Pow" and expression.args[1].is_number:
        # 2 ** 1e9 has digits(2) * 1e9 of them, a root has fewer than what it is taken of.
        exponent = expression.args[1]
        times = abs(float(exponent)) if exponent.is_Rational and inside[1] < 300 else _exp10(inside[1])
        return max(inside[1], inside[0] * times if inside[0] else 0.0)
    if name in ("factorial", "factorial2", "subfactorial", "gamma", "binomial"):
        return _exp10(max(inside)) * max(1.0, *inside)
    if name == "Mul":
        return sum(inside)
    return max(inside) + (1 if name == "Add" else 0)


def is_positive_integers(expression: Any) -> bool:
    """True for nothing but sums, products, powers and factorials of positive integers: then `digits` is its size."""
    if getattr(expression, "is_Integer", False):
        return bool(expression > 0)
    if type(expression).__name__ in ("Pow", "Mul", "Add", "factorial"):
        return all(is_positive_integers(part) for part in expression.args)
    return False


def _log10(number: Any) -> float:
    try:
        return max(0.0, *(math.log10(abs(part)) for part in (int(number.p), int(number.q)) if part))
    except AttributeError:  # a Float: no numerator
        return 0.0 if not number or not number.is_finite else abs(float(number._mpf_[2]) + number._mpf_[3]) * 0.30103


def _exp10(exponent: float) -> float:
    return 10.0**exponent if exponent < 300 else math.inf
