r"""Values to a stated number of bits: real and complex, by mpmath, of formulas that are no fraction.

``\sqrt{2}+\sqrt{3}`` and ``\sqrt{5+2\sqrt{6}}`` agree to 150 bits. Variables take the values that they are given.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from spot_eval.graders.maths.arithmetic import Arithmetic, context
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


def number(node: Node, reading: Reading, precise: int | None = None, point: dict[str, Any] | None = None) -> Any:
    """Return the value of a formula as an mpmath number; raise UndefinedError, TooLargeError.

    Args:
        node: the formula.
        reading: counts the work.
        precise: bits of precision; as many as the formula's size asks for if None.
        point: values of the variables, as fractions or mpmath numbers; none are known if None.
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
    sign, mantissa, power, _ = context().mpf(found.real if hasattr(found, "real") else found)._mpf_
    if abs(power) > 4_000:
        return None
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** power


class _Numbers(Arithmetic):
    """Evaluate formulas at one point, to `precision` bits."""

    def __init__(self, precision: int, point: dict[str, Any], reading: Reading) -> None:
        super().__init__(precision, reading)
        self.point = point
        self.bound: dict[str, Any] = {}

    def of(self, node: Node, angle: bool = False) -> Any:
        mp, kind = self.mp, node[0]
        self.reading.spend(2 + self.words * (self.words if kind in ("call", "pow", "log") else 1) // 4)
        if kind == "num":
            return self.fraction(node[1])
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
            return self.call(node[1], [self.of(arg, True) for arg in node[2]])
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
            if not self.is_real(a):
                raise UndefinedError("the floor of a complex number")
            nearest = mp.nint(self.real(a))
            if abs(self.real(a) - nearest) < mp.mpf(2) ** (-mp.prec // 2):
                return nearest
            return mp.floor(self.real(a)) if kind == "floor" else mp.ceil(self.real(a))
        if kind == "fact":
            return self.gamma(a + 1)
        if kind == "fact2":
            if not self.is_real(a) or self.real(a) != mp.floor(self.real(a)) or not 0 <= self.real(a) < 10_000:
                raise UndefinedError("a double factorial")
            return mp.mpf(factorial(int(self.real(a)), 2))
        b = self.of(node[2], angle)
        if kind == "add":
            return a + b
        if kind == "sub":
            return a - b
        if kind == "mul":
            return a * b
        if kind == "div":
            return self.divide(a, b)
        if kind == "mod":
            if not b or not self.is_real(a) or not self.is_real(b):
                raise UndefinedError("a remainder")
            a, b = self.real(a), self.real(b)
            return a - b * mp.floor(a / b)
        if kind == "binom":
            return self.divide(self.gamma(a + 1), self.gamma(b + 1) * self.gamma(a - b + 1))
        raise AssertionError(kind)

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
        return self.fraction(value) if isinstance(value, Fraction) else value

    def _power(self, node: Node, angle: bool) -> Any:
        mp = self.mp
        base = self.of(node[1], angle)
        exponent_is = exact(node[2], self.reading)
        if exponent_is is not None and exponent_is.denominator == 1:
            n = int(exponent_is)
            if abs(n) > 10**9:
                raise TooLargeError("a power of too many digits")
            if n < 0 and self.zero(base):
                raise UndefinedError("a division by zero")
            return base**n
        if exponent_is is not None and exponent_is.denominator % 2 and self.is_real(base) and self.real(base) < 0:
            # The odd root of a negative number is the real one, as in a school book.
            root = -(mp.exp(mp.log(-self.real(base)) * self.fraction(exponent_is)))
            return root if exponent_is.numerator % 2 else -root
        exponent = self.of(node[2], True)
        if self.zero(base):
            if self.is_real(exponent) and self.real(exponent) > 0:
                return mp.mpf(0)
            raise UndefinedError("a power of zero")
        if exponent_is == Fraction(1, 2):
            return mp.sqrt(base)
        self.limit_exponent(abs(exponent) * max(1, abs(mp.log(abs(base)))))
        if self.is_real(exponent) and self.zero(exponent - mp.nint(self.real(exponent))):
            return base ** int(mp.nint(self.real(exponent)))
        return mp.exp(exponent * mp.log(base))

    def _log(self, node: Node) -> Any:
        mp = self.mp
        a = self.of(node[2])
        if self.zero(a):
            raise UndefinedError("the logarithm of zero")
        if node[1] is None:
            return mp.log(a) / mp.log(10) if self.reading.common_log else mp.log(a)
        base = self.of(node[1])
        if self.zero(base) or self.zero(base - 1):
            raise UndefinedError("a logarithm to base 0 or 1")
        return mp.log(a) / mp.log(base)

    def _application(self, node: Node) -> Any:
        values = [self.of(part) for part in node[2]]
        if node[1] in ("C", "P") and len(values) == 2:
            a, b = values
            below = self.gamma(a - b + 1) * (self.gamma(b + 1) if node[1] == "C" else 1)
            return self.divide(self.gamma(a + 1), below)
        key = node[1] + "|" + "|".join(self.mp.nstr(value, 12) for value in values)
        return self.fraction(real_points(key, 0))

    def _series(self, node: Node) -> Any:
        low, high = self.of(node[2]), self.of(node[3])
        if any(not self.is_real(v) or self.real(v) != self.mp.nint(self.real(v)) for v in (low, high)):
            raise UndefinedError("a sum whose bounds are no whole numbers")
        first, last = int(self.real(low)), int(self.real(high))
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
