r"""Values to a stated number of bits: real and complex, by mpmath, of formulas that are no fraction.

``\sqrt{2}+\sqrt{3}`` and ``\sqrt{5+2\sqrt{6}}`` agree to 150 bits. Variables take the values that they are given.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

from mpmath.ctx_mp import MPContext

from spot_eval.graders.maths.exact import (
    MAX_TERMS,
    Reading,
    TooLargeError,
    UndefinedError,
    exact,
    factorial,
    variables,
)
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.points import real_points
from spot_eval.graders.maths.sizes import precision

_FORMULAS = frozenset(["neg", "abs", "floor", "ceil", "fact", "fact2", "add", "sub", "mul", "div", "mod", "binom"])
_QUOTIENTS = {
    "tan": ("sin", "cos"),
    "cot": ("cos", "sin"),
    "sec": ("", "cos"),
    "csc": ("", "sin"),
    "coth": ("cosh", "sinh"),
}


@cache
def _context() -> Any:
    return MPContext()


def number(node: Node, reading: Reading, precise: int | None = None, point: dict[str, Any] | None = None) -> Any:
    """Return the value of a formula as an mpmath number; raise UndefinedError, TooLargeError.

    Args:
        node: the formula.
        reading: counts the work.
        precise: bits of precision.
        point: number of the point that variables take their values at.
    """
    numbers = _Numbers(precise or precision(node), point or {}, reading)
    try:
        value = numbers.of(node)
    except (ZeroDivisionError, ValueError, OverflowError, ArithmeticError, TypeError) as problem:
        raise UndefinedError(str(problem)) from problem
    if not numbers.mp.isfinite(value):
        raise UndefinedError("no finite value")
    return value


def real(node: Node, reading: Reading) -> Fraction | None:
    """Return a real constant as a fraction, to 100 bits if it is not rational; None if it is not real."""
    try:
        value = exact(node, reading)
        if value is not None:
            return value
        if variables(node, reading):
            return None
        found = number(node, reading, min(precision(node), 400))
    except (TooLargeError, UndefinedError):
        return None
    if getattr(found, "imag", 0) != 0 and abs(found.imag) > abs(found.real) * 1e-30:
        return None
    sign, mantissa, power, _ = _context().mpf(found.real if hasattr(found, "real") else found)._mpf_
    if abs(power) > 4_000:
        return None
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** power


class _Numbers:
    """Evaluate formulas at one point, to `precision` bits."""

    def __init__(self, precision: int, point: dict[str, Any], reading: Reading) -> None:
        self.mp = _context()
        self.mp.prec = precision
        self.point, self.reading, self.words = point, reading, 1 + precision // 64
        self.bound: dict[str, Any] = {}

    def of(self, node: Node, angle: bool = False) -> Any:
        mp, kind = self.mp, node[0]
        self.reading.spend(2 + self.words * (self.words if kind in ("call", "pow", "log") else 1) // 4)
        if kind == "num":
            return self._fraction(node[1])
        if kind == "sym":
            return self._symbol(node[1])
        if kind == "inf":
            raise UndefinedError("infinity")
        if kind == "deg":
            value = self.of(node[1], angle)
            return value * mp.pi / 180 if angle else value
        if kind == "pct":
            value = self.of(node[1], angle)
            return value / 100 if self.reading.percent else value
        if kind == "call":
            return self._call(node[1], node[2])
        if kind == "log":
            return self._log(node)
        if kind == "app":
            return self._application(node)
        if kind in ("sum", "prod"):
            return self._series(node)
        if kind == "base":
            return mp.mpf(int(node[1], node[2]))
        if kind == "pow":
            return self._power(node, angle)
        if kind not in _FORMULAS:
            raise UndefinedError(f"{kind} is no formula")
        a = self.of(node[1], angle)
        if kind == "neg":
            return -a
        if kind == "abs":
            return abs(a)
        if kind in ("floor", "ceil"):
            if not self._is_real(a):
                raise UndefinedError("the floor of a complex number")
            nearest = mp.nint(self._real(a))
            if abs(self._real(a) - nearest) < mp.mpf(2) ** (-mp.prec // 2):
                return nearest
            return mp.floor(self._real(a)) if kind == "floor" else mp.ceil(self._real(a))
        if kind == "fact":
            return self._gamma(a + 1)
        if kind == "fact2":
            if not self._is_real(a) or self._real(a) != mp.floor(self._real(a)) or not 0 <= self._real(a) < 10_000:
                raise UndefinedError("a double factorial")
            return mp.mpf(factorial(int(self._real(a)), 2))
        b = self.of(node[2], angle)
        if kind == "add":
            return a + b
        if kind == "sub":
            return a - b
        if kind == "mul":
            return a * b
        if kind == "div":
            return self._divide(a, b)
        if kind == "mod":
            if not b or not self._is_real(a) or not self._is_real(b):
                raise UndefinedError("a remainder")
            a, b = self._real(a), self._real(b)
            return a - b * mp.floor(a / b)
        if kind == "binom":
            return self._divide(self._gamma(a + 1), self._gamma(b + 1) * self._gamma(a - b + 1))
        raise AssertionError(kind)

    def _fraction(self, value: Fraction) -> Any:
        return self.mp.mpf(value.numerator) / value.denominator if value.denominator != 1 else self.mp.mpf(
            value.numerator)  # fmt: skip

    def _symbol(self, name: str) -> Any:
        if name in self.bound:
            return self.bound[name]
        if name == "pi":
            return +self.mp.pi
        if name == "e":
            return +self.mp.e
        if name == "i" and not self.reading.variable_i:
            return self.mp.mpc(0, 1)
        value = self.point[name]
        return self._fraction(value) if isinstance(value, Fraction) else value

    def _is_real(self, value: Any) -> bool:
        return not hasattr(value, "imag") or abs(value.imag) <= abs(value.real) * self.mp.mpf(2) ** (-self.mp.prec // 2)

    def _real(self, value: Any) -> Any:
        return value.real if hasattr(value, "real") else value

    def _zero(self, value: Any) -> bool:
        return bool(abs(value) < self.mp.mpf(2) ** (-self.mp.prec * 7 // 10))

    def _divide(self, a: Any, b: Any) -> Any:
        if self._zero(b):
            raise UndefinedError("a division by zero")
        return a / b

    def _gamma(self, a: Any) -> Any:
        if not self._is_real(a):
            raise UndefinedError("the factorial of a complex number")
        a = self._real(a)
        if abs(a) > 20_000:
            raise TooLargeError("a factorial of too many digits")
        if a <= 0 and self._zero(a - self.mp.nint(a)):
            raise UndefinedError("the factorial of a negative number")
        self.reading.spend(200 * self.words)
        return self.mp.gamma(a)

    def _power(self, node: Node, angle: bool) -> Any:
        mp = self.mp
        base = self.of(node[1], angle)
        exponent_is = exact(node[2], self.reading)
        if exponent_is is not None and exponent_is.denominator == 1:
            n = int(exponent_is)
            if abs(n) > 10**9:
                raise TooLargeError("a power of too many digits")
            if n < 0 and self._zero(base):
                raise UndefinedError("a division by zero")
            return base**n
        if exponent_is is not None and exponent_is.denominator % 2 and self._is_real(base) and self._real(base) < 0:
            # The odd root of a negative number is the real one, as in a school book.
            root = -(mp.exp(mp.log(-self._real(base)) * self._fraction(exponent_is)))
            return root if exponent_is.numerator % 2 else -root
        exponent = self.of(node[2], True)
        if self._zero(base):
            if self._is_real(exponent) and self._real(exponent) > 0:
                return mp.mpf(0)
            raise UndefinedError("a power of zero")
        if exponent_is == Fraction(1, 2):
            return mp.sqrt(base)
        self._small(abs(exponent) * max(1, abs(mp.log(abs(base)))))
        if self._is_real(exponent) and self._zero(exponent - mp.nint(self._real(exponent))):
            return base ** int(mp.nint(self._real(exponent)))
        return mp.exp(exponent * mp.log(base))

    def _small(self, exponent: Any) -> None:
        if exponent > 1e9:
            raise TooLargeError("a power of too many digits")

    def _log(self, node: Node) -> Any:
        mp = self.mp
        a = self.of(node[2])
        if self._zero(a):
            raise UndefinedError("the logarithm of zero")
        if node[1] is None:
            return mp.log(a) / mp.log(10) if self.reading.common_log else mp.log(a)
        base = self.of(node[1])
        if self._zero(base) or self._zero(base - 1):
            raise UndefinedError("a logarithm to base 0 or 1")
        return mp.log(a) / mp.log(base)

    def _call(self, name: str, args: tuple[Node, ...]) -> Any:
        mp = self.mp
        values = [self.of(arg, True) for arg in args]
        if name in ("max", "min", "gcd", "lcm"):
            if not all(self._is_real(v) for v in values):
                raise UndefinedError("an order of complex numbers")
            real = [self._real(v) for v in values]
            if name in ("max", "min"):
                return max(real) if name == "max" else min(real)
            if any(v != mp.nint(v) or abs(v) > 2**mp.prec for v in real):
                raise UndefinedError("a divisor of no whole number")
            whole = [int(v) for v in real]
            return mp.mpf(math.gcd(*whole) if name == "gcd" else math.lcm(*whole))
        if len(values) != 1:
            raise UndefinedError(f"{name} of {len(values)} values")
        a = values[0]
        if name not in ("Re", "Im", "sgn"):
            self._small(abs(a))
        if name == "ln":
            if self._zero(a):
                raise UndefinedError("the logarithm of zero")
            return mp.log(a)
        if name == "cis":
            return mp.exp(a * mp.mpc(0, 1))
        if name == "Re":
            return self._real(a)
        if name == "Im":
            return a.imag if hasattr(a, "imag") else mp.mpf(0)
        if name == "sgn":
            return mp.sign(a)
        if name == "arccot":
            return mp.pi / 2 - mp.atan(a)
        if name in ("arcsec", "arccsc"):
            return (mp.acos if name == "arcsec" else mp.asin)(self._divide(mp.mpf(1), a))
        if name in ("tan", "sec", "cot", "csc", "coth"):
            top, bottom = _QUOTIENTS[name]
            below = getattr(mp, bottom)(a)
            return self._divide(getattr(mp, top)(a) if top else mp.mpf(1), below)
        return getattr(mp, name.replace("arc", "a"))(a)

    def _application(self, node: Node) -> Any:
        values = [self.of(part) for part in node[2]]
        if node[1] in ("C", "P") and len(values) == 2:
            a, b = values
            below = self._gamma(a - b + 1) * (self._gamma(b + 1) if node[1] == "C" else 1)
            return self._divide(self._gamma(a + 1), below)
        key = node[1] + "|" + "|".join(self.mp.nstr(value, 12) for value in values)
        return self._fraction(real_points(key, 0))

    def _series(self, node: Node) -> Any:
        low, high = self.of(node[2]), self.of(node[3])
        if any(not self._is_real(v) or self._real(v) != self.mp.nint(self._real(v)) for v in (low, high)):
            raise UndefinedError("a sum whose bounds are no whole numbers")
        first, last = int(self._real(low)), int(self._real(high))
        if last - first > MAX_TERMS:
            raise TooLargeError("a sum or product of too many terms")
        total = self.mp.mpf(node[0] == "prod")
        before = self.bound.get(node[1])
        for k in range(first, last + 1):
            self.bound[node[1]] = self.mp.mpf(k)
            term = self.of(node[4])
            total = total + term if node[0] == "sum" else total * term
        self.bound.pop(node[1], None)
        if before is not None:
            self.bound[node[1]] = before
        return total
