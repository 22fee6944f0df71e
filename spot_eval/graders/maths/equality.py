r"""Whether two maths answers are one: Math-Verify's comparison, but for what it gets wrong, measured.

A worked example: ``\frac{1}{2}`` equals ``0.5``, ``7`` equals ``seven``, and ``3`` does not equal ``x=2=3``. A
chain of equalities whose numbers differ is wrong; a hedge (``3 or 4``) is a set; numbers below 1e-4, which
Math-Verify rounds to six decimals and so finds equal to each other, are compared to six decimals of their
mantissa; two clock times are compared as such, not as ratios.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from math_verify import LatexExtractionConfig, parse, verify
from sympy import Basic, Interval, MatrixBase, Union
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFunction

from spot_eval.graders.maths import normalize, safety, stated
from spot_eval.graders.maths.extract import final_answer

_LATEX = (LatexExtractionConfig(),)
DECIMALS = 6  # Math-Verify's default

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_EQUALS = re.compile(r"(?<![\\<>!:=])=(?!=)")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_LETTERS = tuple("ABCDE")
_DIGITS = {word: str(number) for number, word in enumerate(_WORDS.split())}
_OPTION = re.compile(
    r"\s*(?:\\(?:text|mbox|mathrm|textbf|mathbf)\s?\{\s*\(?([A-E])\)?[\s.:~]*\}|\(([A-E])\))"
    r"(?:\s|~|\\[ ,;:!]|\\q?quad)*(?=\S)"
)
_OF_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])")


class UnsafeError(Exception):
    """The text is not handed to sympy; the message says why."""


def equal(gold: str, answer: str, *, tolerance: float | None = None, precision: int = DECIMALS) -> bool:
    """Whether `answer` is `gold`; asymmetric where Math-Verify is. Raises `UnsafeError` beyond `limits`.

    `tolerance` is an absolute error allowed between two numbers, `precision` the decimals that are compared.
    """
    if normalize.plain(gold) == normalize.plain(answer):
        return True
    gold = _read_gold(gold)
    if normalize.plain(gold) == normalize.plain(answer):
        return True
    times = _OF_CLOCK.fullmatch(normalize.plain(gold)), _OF_CLOCK.fullmatch(normalize.plain(answer))
    if times[0] and times[1]:
        return (int(times[0][1]), times[0][2]) == (int(times[1][1]), times[1][2])
    gold, answer = _of_option(_in_digits(gold), _in_digits(answer))
    by_digits = _equal_decimals(gold, answer)
    if by_digits is not None:
        return by_digits
    gold, answer = normalize.to_latex(gold), normalize.to_latex(answer)
    for text in (answer, gold):
        reason = safety.of_text(text)
        if reason:
            raise UnsafeError(reason)
    sides = _numeric_sides(answer)
    if not _agree(sides):
        return False
    gold_read = _parse(gold)
    return any(_compare(gold_read, _parse(side), tolerance, precision) for side in (answer, *sides))


def holds(answer: str) -> bool:
    """Whether `answer` is no chain of equalities that breaks; raises `UnsafeError` beyond `limits`."""
    latex = normalize.to_latex(answer)
    reason = safety.of_text(latex)
    if reason:
        raise UnsafeError(reason)
    return _agree(_numeric_sides(latex))


def _in_digits(answer: str) -> str:
    return _DIGITS.get(normalize.plain(answer).lower(), answer)


def _of_option(gold: str, answer: str) -> tuple[str, str]:
    r"""Both without option letters: of ``\textbf{(C)}\ 3`` the letter counts if the gold is one, else the 3."""
    option = _OPTION.match(answer)
    if not option:
        return gold, answer
    letter = option[1] or option[2]
    if normalize.plain(gold).strip("()") in _LETTERS:
        return normalize.plain(gold).strip("()"), letter
    given = _OPTION.match(gold)
    if given:
        return (gold[given.end() :], answer[option.end() :]) if (given[1] or given[2]) == letter else (gold, answer)
    return gold, answer[option.end() :]


def _read_gold(gold: str) -> str:
    """A gold that is a worked solution stands for its final answer; any other for itself."""
    gold = gold.strip()
    if stated.is_expression(gold) and "\\boxed" not in gold:
        return stated.bare(gold)
    return final_answer(gold) or gold


def _equal_decimals(gold: str, answer: str) -> bool | None:
    """Math-Verify's rule for two decimal literals, one too long for its parser; None for anything else."""
    gold, answer = gold.strip(), answer.strip()
    if max(len(gold), len(answer)) <= safety.MAX_DIGIT_RUN:
        return None
    if not (_DECIMAL.fullmatch(gold) and _DECIMAL.fullmatch(answer)):
        return None
    try:
        difference = abs(Decimal(gold) - Decimal(answer))
    except InvalidOperation:
        return None
    return bool(difference < (Decimal("5e-7") if "." in gold + answer else 1))


def _parse(latex: str) -> list[Any]:
    # Latex alone, lest a failed parse fall back on some number in the middle: "3 (or 4)" would be read as 4.
    return parse(f"${latex}$", _LATEX, parsing_timeout=None)


def _compare(gold: list[Any], answer: list[Any], tolerance: float | None = None, precision: int = DECIMALS) -> bool:
    for part in (*gold, *answer):
        if isinstance(part, (Basic, MatrixBase)):
            size = safety.digits(part)
            if size > safety.MAX_DIGITS:
                if answer and part is answer[0] and safety.is_positive_integers(part) and _is_smaller(gold, size):
                    return False
                raise UnsafeError(f"a number of about {size:.3g} digits")
    if tolerance is not None and _within(gold, answer, tolerance):
        return True
    if not verify(gold, answer, float_rounding=precision, timeout_seconds=None):
        # An interval is the gold of an inequality as well, though Math-Verify has it the other way round only.
        if not (_is_a(gold, Interval, Union) and _is_a(answer, Relational, BooleanFunction)):
            return False
        return bool(verify(answer, gold, float_rounding=precision, timeout_seconds=None))
    return _within_mantissa(gold, answer)


def _is_a(read: list[Any], *kinds: type) -> bool:
    return bool(read) and isinstance(read[0], kinds)


def _is_smaller(gold: list[Any], size: float) -> bool:
    return bool(gold) and getattr(gold[0], "is_number", False) and safety.digits(gold[0]) < size / 2


def _number(read: list[Any]) -> float | None:
    value = read[0] if read else None
    if isinstance(value, Basic) and hasattr(value, "rhs") and hasattr(value, "lhs"):
        value = value.rhs
    if not isinstance(value, Basic) or not getattr(value, "is_number", False):
        return None
    try:
        return float(value.doit().evalf(20))
    except (ArithmeticError, AttributeError, NotImplementedError, TypeError, ValueError):
        return None  # complex, infinite, or beyond a float


def _within(gold: list[Any], answer: list[Any], tolerance: float) -> bool:
    first, second = _number(gold), _number(answer)
    return first is not None and second is not None and abs(first - second) <= tolerance * (1 + 1e-9)


def _within_mantissa(gold: list[Any], answer: list[Any]) -> bool:
    first = _number(gold)
    if first is None or not 0 < abs(first) < 1e-4:
        return True
    second = _number(answer)
    return second is None or abs(first - second) < 5e-7 * 10.0 ** math.floor(math.log10(abs(first)))


def _numeric_sides(answer: str) -> list[str]:
    """The sides of ``a = b = 1/3`` that are numbers, without words (units) or subscripts (bases)."""
    if "=" not in answer or "," in answer or ";" in answer:
        return []
    if answer[0] == "(" and answer[-1] == ")":
        answer = answer[1:-1]
    return [side for side in (side.strip() for side in _EQUALS.split(answer)) if _is_numeric(side)]


def _agree(sides: list[str]) -> bool:
    """Whether a chain of equalities holds: no side of ``2 = 3`` is an answer. A decimal may be rounded."""
    read = [_parse(side) for side in sides]
    return all(_compare(read[i], read[i + 1], _rounding(sides[i], sides[i + 1])) for i in range(len(sides) - 1))


def _is_numeric(side: str) -> bool:
    if "_" in side or "\\text" in side or "\\m" in side:
        return False
    return any(c.isdigit() for c in side) and not any(c.isalpha() for c in _COMMAND.sub("", side))


def _rounding(*sides: str) -> float | None:
    decimals = [len(side.partition(".")[2]) for side in sides if _DECIMAL.fullmatch(side)]
    shortest = min(decimals, default=0)
    return 0.5 * 10.0**-shortest if shortest else None
