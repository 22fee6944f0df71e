r"""Maths answers: the last box or the stated final answer, compared with the gold by Math-Verify.

A worked example: of gold ``\frac{1}{2}`` and a generation ending in ``so $p = \boxed{0.5}$.`` the extracted
answer is ``0.5``, and it scores 1. A doc has `answer` (LaTeX or plain text) and may have OlympiadBench's
`unit` (taken off the answer), `error` (an absolute tolerance) and `precision` (decimals compared; 6).
`boxed` says where the answer is, `spelling` how it is spelled, `limits` what is refused unread; `pool` runs
all of it where it can be killed, for sympy has no bounds on time or memory.

`score` is Math-Verify's verdict on the extracted answer, but for what it gets wrong, measured: a chain of
equalities whose numbers differ (``x=2=3``) is wrong here; a hedge (``3 or 4``) is a set; numbers below 1e-4,
which it rounds to six decimals and so finds equal to each other, are compared to six decimals of their
mantissa.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify
from sympy import Basic, MatrixBase

from spot_eval.graders import boxed, limits, spelling
from spot_eval.graders.thinking import after_thinking
from spot_eval.graders.verdict import Grader, Verdict, no_answer, undecided

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns that its own time limits are off: pool has ours
logging.getLogger("latex2sympy2_extended").setLevel(logging.CRITICAL)

_LATEX = (LatexExtractionConfig(),)
_ANY = (LatexExtractionConfig(), ExprExtractionConfig())
_SEARCHED = 1_500  # characters of prose; Math-Verify's patterns are quadratic in it
_SHORT = 40
DECIMALS = 6  # Math-Verify's default

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_HEDGE_TERM = r"(\$[^$\n]{1,60}\$|-?[0-9][0-9,./]{0,40})"
_HEDGE = re.compile(
    rf"{_HEDGE_TERM}\s{{0,3}},?\s{{0,3}}\(?\b(?:or|and/or)\s(?:\w{{1,12}}\s){{0,3}}{_HEDGE_TERM}",
    re.IGNORECASE,
)
_RUNAWAY = re.compile(r"[0-9]{200}|[-+*/^()0-9. ]{300}")
_GLUED = re.compile(r"(?<=[^\W\d_a-zA-Z])(?=-?[0-9])")  # digits after a letter of a script without spaces
_EQUALS = re.compile(r"(?<![\\<>!:=])=(?!=)")
_COMMAND = re.compile(r"\\[A-Za-z]+")


class UnsafeError(Exception):
    """The text is not handed to sympy; the message says why."""


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    r"""Judge a whole generation against ``doc["answer"]``; `score` and the metric `paper` are 0 or 1.

    `paper` is our reading of the paper's own metric, whose original is not in our data (it is known to differ
    from Math-Verify on percent golds only): the same comparison with percent signs ignored on both sides, so
    that 50% equals 50 and nothing else, where Math-Verify takes 0.5 as well (and for 62.5% only 0.625).
    Without a percent sign the two are equal.

    >>> judge({"answer": "62.5%"}, "So it is $\\boxed{62.5}$ percent.").metrics["paper"]
    1.0
    """
    answer = after_thinking(text)
    if answer is None:
        return no_answer("the thinking never ended", paper=0.0)
    extracted = final_answer(answer)
    if not extracted:
        return no_answer("no box and no stated answer", paper=0.0)
    shown = extracted if len(extracted) <= limits.MAX_CHARACTERS else extracted[: limits.MAX_CHARACTERS] + "..."
    gold, stated = str(doc["answer"]), _without_unit(extracted, doc.get("unit"))
    leeway: dict[str, Any] = {
        "tolerance": _tolerance(doc),
        "precision": int(doc.get("precision") or DECIMALS),
    }
    try:
        score = float(equal(gold, stated, **leeway))
        paper = score
        bare_gold, bare_answer = spelling.without_percent(gold), spelling.without_percent(stated)
        if (bare_gold, bare_answer) != (gold, stated):
            paper = float(equal(bare_gold, bare_answer, **leeway))
    except UnsafeError as reason:
        return undecided(str(reason), shown, paper=None)
    return Verdict(score, shown, metrics={"paper": paper})


def same(first: str, second: str) -> bool:
    """Whether two extracted answers are one answer; raises `UnsafeError` beyond `limits`."""
    return equal(first, second)


def final_answer(text: str) -> str | None:
    r"""The answer a generation (thinking taken off) ends with, or None.

    In order: an answer stated after the last box; the last box, or joined boxes; the last stated answer; the
    whole text, where it is one expression; what Math-Verify finds in the last 1,500 characters; the whole
    text, if it is short.

    >>> [final_answer(text) for text in (r"$\boxed{3}$? No, the answer is 4.", "so x = 2, I say", "East")]
    ['4', '2', 'East']
    """
    box = boxed.boxed_answer(text)
    if box:
        later = boxed.stated_answer(text[box[1] :], prose=False)
        return later or box[0]
    stated = boxed.stated_answer(text)
    if stated:
        return _read_prose(stated) or stated
    if boxed.is_expression(text) or spelling.plain(text).lstrip("-").isdigit():
        return boxed.bare(text)
    return _read_prose(text) or (boxed.bare(text) or None if len(text) <= _SHORT and "\n" not in text.strip() else None)


def _read_prose(text: str) -> str | None:
    """`text` if it is an expression, else the one Math-Verify finds in it, or None."""
    if boxed.is_expression(text):
        return text
    if limits.is_code(text):
        return None
    text = text[-_SEARCHED:]
    if _RUNAWAY.search(text):  # what Math-Verify's patterns are slowest on, and no model's idea of an answer
        return None
    text = _GLUED.sub(" ", text)
    parsed = parse(text, _ANY, parsing_timeout=None)
    if parsed and not boxed.is_expression(str(parsed[-1])):
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


def equal(gold: str, answer: str, *, tolerance: float | None = None, precision: int = DECIMALS) -> bool:
    """Whether `answer` is `gold`; as asymmetric as Math-Verify is. Raises `UnsafeError` beyond `limits`.

    `tolerance` is an absolute error allowed between two numbers, `precision` the decimals that are compared.
    """
    if spelling.plain(gold) == spelling.plain(answer):
        return True
    gold = _read_gold(gold)
    if spelling.plain(gold) == spelling.plain(answer):
        return True
    by_digits = _equal_decimals(gold, answer)
    if by_digits is not None:
        return by_digits
    gold, answer = spelling.to_latex(gold), spelling.to_latex(answer)
    for text in (answer, gold):
        reason = limits.of_text(text)
        if reason:
            raise UnsafeError(reason)
    sides = _numeric_sides(answer)
    if len(sides) > 1 and not _agree(sides):
        return False
    gold_read = _parse(gold)
    return any(_compare(gold_read, _parse(side), tolerance, precision) for side in (answer, *sides))


def _read_gold(gold: str) -> str:
    """A gold that is a worked solution stands for its final answer; any other for itself."""
    gold = gold.strip()
    if boxed.is_expression(gold) and "\\boxed" not in gold:
        return boxed.bare(gold)
    return final_answer(gold) or gold


def _equal_decimals(gold: str, answer: str) -> bool | None:
    """Math-Verify's rule for two decimal literals, one too long for its parser; None for anything else."""
    gold, answer = gold.strip(), answer.strip()
    if max(len(gold), len(answer)) <= limits.MAX_DIGIT_RUN:
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
            size = limits.digits(part)
            if size > limits.MAX_DIGITS:
                if answer and part is answer[0] and limits.is_positive_integers(part) and _is_smaller(gold, size):
                    return False
                raise UnsafeError(f"a number of about {size:.3g} digits")
    if tolerance is not None and _within(gold, answer, tolerance):
        return True
    if not verify(gold, answer, float_rounding=precision, timeout_seconds=None):
        return False
    return _within_mantissa(gold, answer)


def _is_smaller(gold: list[Any], size: float) -> bool:
    return bool(gold) and getattr(gold[0], "is_number", False) and limits.digits(gold[0]) < size / 2


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


def _tolerance(doc: Mapping[str, Any]) -> float | None:
    try:
        return float(doc["error"]) if doc.get("error") else None
    except (TypeError, ValueError):
        return None


def _without_unit(answer: str, unit: object) -> str:
    if not unit:
        return answer
    name = re.escape(str(unit).strip("$ "))
    wrapped = rf"\s*(?:\\[,;! ])*\s*(?:\\(?:text|mathrm|mbox)\s?\{{\s*{name}\s*\}}|\\?{name})\s*\$?$"
    return re.sub(wrapped, "", answer, flags=re.IGNORECASE) or answer


_WARM_UP = (  # every kind of answer once
    (r"\frac{1}{2}", "0.5"),
    (r"\frac{\sqrt{3}}{2}", r"\sqrt{\frac{3}{4}}"),
    ("x^2 + 2x - 1", "(x+1)^2"),
    ("y = 2x + 3", "2x - y + 3 = 0"),
    ("f(x) = x - 1", "f(x) = x + 1"),
    (r"\left(3, \frac{\pi}{2}\right)", r"(2, \frac{\pi}{3})"),
    ("[0, 1)", "(0, 1]"),
    (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty, 3] \cup [4, \infty)"),
    (r"\{1, 2, -3\}", "1, 2, 3"),
    ("(1,2), (3,4)", "(1,3), (2,4)"),
    (r"1 \pm \sqrt{19}", r"2 \pm \sqrt{17}"),
    ("1 < x < 2", r"x \leq 1"),
    (r"x \in [-2,7]", r"-2 \le x \le 7"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}"),
    (r"\sin^2 x + \cos(2x)", r"\tan \frac{x}{2} + \log_2 x"),
    (r"e^{-2t} + \ln 2", r"\frac{e^{t}}{3} - \arctan x"),
    (r"\binom{2n}{n}", r"\frac{n!}{2^{n-1}}"),
    (r"\lfloor \frac{n}{2} \rfloor", r"\lceil |x| \rceil"),
    (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
    ("3 + 2i", "2 - 3i"),
    (r"90^\circ", "45"),
    (r"12\%", "0.5"),
    ("x = 1, y = 2", "x = 2, y = 1"),
    ("x_1^2 + a_{n}", "a_{n-1}"),
    (r"\text{east}", r"\text{west}"),
    (r"10 \text{ cm}^2", r"1\frac{2}{3} \text{ m}"),
    ("1,234.5", "-1.5 \\times 10^{3}"),
    ("7:32", "p = 2 = 1 + 1"),
)


def warm_up() -> None:
    """Build the parser's tables and sympy's caches, half of all the work on a thousand answers."""
    for gold, answer in _WARM_UP:
        judge({"answer": gold}, f"\\boxed{{{answer}}}")
    judge({"answer": "7"}, "It was about 3 or 4, and 1,250.5 in the end.")


GRADER = Grader("maths", 1, judge, same)
