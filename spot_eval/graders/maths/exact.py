"""Exact values: a formula of rational numbers as one fraction, however many digits it has, within limits of size.

``1 - 1/2023!`` and ``1 - 1/2024!`` are two exact fractions of some 6,000 digits, and differ. Work is counted in
operations, never in seconds, so the load of the machine changes no verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from spot_eval.graders.maths.nodes import Node

MAX_BITS = 450_000  # of an exact number: 2024^{4046} has 44,440
MAX_WORK = 3_000_000  # operations, each counted by the machine words it touches
MAX_TERMS = 2_000  # of a sum or product that is written out


class TooLargeError(Exception):
    """The formula is beyond what is evaluated; the message says why."""


class UndefinedError(Exception):
    """The formula has no value here (a division by zero, the logarithm of zero)."""


@dataclass
class Reading:
    """The reading of what is ambiguous: the base of a bare ``\\log``, a percent sign, whether i is a variable."""

    common_log: bool = False
    percent: bool = False  # 50% is 0.5, else 50
    variable_i: bool = False
    work: list[int] = field(default_factory=lambda: [0])

    def spend(self, amount: int) -> None:
        """Count `amount` operations; raise TooLargeError beyond MAX_WORK."""
        self.work[0] += amount
        if self.work[0] > MAX_WORK:
            raise TooLargeError("more work than one answer is given")


def variables(node: Node, reading: Reading) -> frozenset[str]:
    """Return the names of the variables of a formula; constants and the indices of sums are none."""
    kind = node[0]
    if kind == "sym":
        name = node[1]
        constant = name in ("pi", "e") or (name == "i" and not reading.variable_i)
        return frozenset() if constant else frozenset({name})
    if kind in ("sum", "prod"):
        bounds = variables(node[2], reading) | variables(node[3], reading)
        return bounds | (variables(node[4], reading) - {node[1]})
    out: frozenset[str] = frozenset({f"{node[1]}()"}) if kind == "app" else frozenset()
    for part in parts(node):
        out |= variables(part, reading)
    return out


def parts(node: Node) -> Iterator[Node]:
    """Yield the parts of `node` that are nodes."""
    for part in node[1:]:
        if isinstance(part, tuple) and part:
            if isinstance(part[0], str):
                yield part
            else:
                yield from (p for p in part if isinstance(p, tuple) and p and isinstance(p[0], str))


def contains(node: Node, kinds: frozenset[str]) -> bool:
    """Return True if `node` or a part of it is of one of `kinds`."""
    return node[0] in kinds or any(contains(part, kinds) for part in parts(node))


def exact(node: Node, reading: Reading, bound: dict[str, int] | None = None) -> Fraction | None:
    """Return the value of a formula that is rational by its form, None if it is not.

    Raises TooLargeError or UndefinedError.
    """
    kind = node[0]
    if kind == "num":
        return node[1]
    if kind == "sym":
        return Fraction(bound[node[1]]) if bound and node[1] in bound else None
    if kind in ("sum", "prod"):
        return _exact_series(node, reading, bound or {})
    if kind == "base":
        return Fraction(int(node[1], node[2]))
    if kind not in _EXACT:
        return None
    if kind == "call" and node[1] not in ("gcd", "lcm", "max", "min"):
        return None
    inner = node[2] if kind == "call" else node[1:]
    values = []
    for part in inner:
        value = exact(part, reading, bound)
        if value is None:
            return None
        values.append(value)
    size = sum(size_in_bits(value) for value in values)
    reading.spend(1 + size * max(1, size // 4096) // 64)
    if kind == "call":
        if node[1] in ("max", "min"):
            return max(values) if node[1] == "max" else min(values)
        if any(value.denominator != 1 for value in values):
            return None
        whole = [int(value) for value in values]
        return Fraction(math.gcd(*whole) if node[1] == "gcd" else math.lcm(*whole))
    result = _EXACT[kind](*values) if kind != "pct" else (values[0] / 100 if reading.percent else values[0])
    if result is not None and size_in_bits(result) > MAX_BITS:
        raise TooLargeError("a number of too many digits")
    return result


def size_in_bits(value: Fraction) -> int:
    """Return the bits of numerator and denominator together."""
    return value.numerator.bit_length() + value.denominator.bit_length()


def _exact_series(node: Node, reading: Reading, bound: dict[str, int]) -> Fraction | None:
    low, high = exact(node[2], reading, bound), exact(node[3], reading, bound)
    if low is None or high is None or low.denominator != 1 or high.denominator != 1:
        return None
    if high - low > MAX_TERMS:
        raise TooLargeError("a sum or product of too many terms")
    total = Fraction(node[0] == "prod")
    for k in range(int(low), int(high) + 1):
        term = exact(node[4], reading, bound | {node[1]: k})
        if term is None:
            return None
        reading.spend(1 + (size_in_bits(total) + size_in_bits(term)) // 64)
        total = total + term if node[0] == "sum" else total * term
    return total


def _divide(a: Fraction, b: Fraction) -> Fraction:
    if not b:
        raise UndefinedError("a division by zero")
    return a / b


def _power(a: Fraction, b: Fraction) -> Fraction | None:
    if not a:
        if b < 0:
            raise UndefinedError("a division by zero")
        return Fraction(int(not b))
    if b.denominator == 1:
        if abs(a) == 1:
            return a if b.numerator % 2 else Fraction(1)
        if size_in_bits(a) * abs(b) > 2 * MAX_BITS:
            raise TooLargeError("a power of too many digits")
        return Fraction(a) ** int(b)
    if a < 0:
        return None
    if b.denominator > 64 or size_in_bits(a) > 20_000:
        return None
    roots = [_root(part, b.denominator) for part in (a.numerator, a.denominator)]
    if roots[0] is None or roots[1] is None:
        return None
    return _power(Fraction(roots[0], roots[1]), Fraction(b.numerator))


def _root(value: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(value)
    else:
        low, high = 0, 1 << (value.bit_length() // degree + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
        root = low
    return root if root**degree == value else None


@cache
def factorial(n: int, step: int = 1) -> int:
    """Return n (n - step) (n - 2 step) …, down to the last positive factor: ``n!``, ``n!!``."""
    return math.factorial(n) if step == 1 else math.prod(range(n, 0, -step))


def _fact(a: Fraction, step: int = 1) -> Fraction | None:
    if a.denominator != 1:
        return None
    if a < 0:
        raise UndefinedError("the factorial of a negative number")
    if a > 25_000:
        raise TooLargeError("a factorial of too many digits")
    return Fraction(factorial(int(a), step))


def _choose(n: Fraction, k: Fraction) -> Fraction | None:
    if n.denominator != 1 or k.denominator != 1 or n < 0:
        return None
    if k < 0 or k > n:
        return Fraction(0)
    if min(k, n - k) * max(1, int(n).bit_length()) > MAX_BITS // 8:
        raise TooLargeError("a binomial coefficient of too many digits")
    return Fraction(math.comb(int(n), int(k)))


def _modulo(a: Fraction, b: Fraction) -> Fraction:
    if not b:
        raise UndefinedError("a remainder by zero")
    return a % b


_EXACT: dict[str, Callable[..., Fraction | None]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": _divide,
    "neg": lambda a: -a, "pow": _power, "fact": _fact, "fact2": lambda a: _fact(a, 2), "binom": _choose,
    "abs": abs, "floor": lambda a: Fraction(math.floor(a)), "ceil": lambda a: Fraction(math.ceil(a)),
    "mod": _modulo, "deg": lambda a: a, "pct": lambda a: a, "call": lambda *a: None, "ratio": None,  # type: ignore[dict-item]
}  # fmt: skip
del _EXACT["ratio"]


def exact_or_none(node: Node, reading: Reading | None = None) -> Fraction | None:
    """Return the rational value of a formula, None if it has none or is beyond evaluation."""
    try:
        return exact(node, reading or Reading())
    except (TooLargeError, UndefinedError):
        return None
