"""Real and complex numbers to a number of bits, by mpmath; what has no value, or too many digits, is refused.

    Arithmetic(200, Reading()).divide(mp.mpf(1), mp.mpf(0))         # UndefinedError: a division by zero

A value below the rounding of its precision counts as zero. Knows numbers and names of functions; nothing of formulas
(`approximate`).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

from mpmath.ctx_mp import MPContext

from spot_eval.graders.maths.exact import Reading, TooLargeError, UndefinedError

_QUOTIENTS = {
    "tan": ("sin", "cos"),
    "cot": ("cos", "sin"),
    "sec": ("", "cos"),
    "csc": ("", "sin"),
    "coth": ("cosh", "sinh"),
}


@cache
def context() -> Any:
    """Return mpmath's numbers of our own, so that no other user of mpmath changes their precision."""
    return MPContext()


class Arithmetic:
    """Numbers of `precision` bits; `reading` counts the work."""

    def __init__(self, precision: int, reading: Reading) -> None:
        self.mp = context()
        self.mp.prec = precision
        self.reading, self.words = reading, 1 + precision // 64

    def fraction(self, value: Fraction) -> Any:
        """Return a fraction as an mpmath number."""
        return self.mp.mpf(value.numerator) / value.denominator if value.denominator != 1 else self.mp.mpf(
            value.numerator)  # fmt: skip

    def is_real(self, value: Any) -> bool:
        """Return True if the imaginary part is nothing but rounding."""
        return not hasattr(value, "imag") or abs(value.imag) <= abs(value.real) * self.mp.mpf(2) ** (-self.mp.prec // 2)

    def real(self, value: Any) -> Any:
        """Return the real part."""
        return value.real if hasattr(value, "real") else value

    def zero(self, value: Any) -> bool:
        """Return True if a value is nothing but rounding."""
        return bool(abs(value) < self.mp.mpf(2) ** (-self.mp.prec * 7 // 10))

    def divide(self, a: Any, b: Any) -> Any:
        """Return a / b. Raises UndefinedError if b is zero."""
        if self.zero(b):
            raise UndefinedError("a division by zero")
        return a / b

    def gamma(self, a: Any) -> Any:
        """Return (a - 1)!; raise UndefinedError, TooLargeError."""
        if not self.is_real(a):
            raise UndefinedError("the factorial of a complex number")
        a = self.real(a)
        if abs(a) > 20_000:
            raise TooLargeError("a factorial of too many digits")
        if a <= 0 and self.zero(a - self.mp.nint(a)):
            raise UndefinedError("the factorial of a negative number")
        self.reading.spend(200 * self.words)
        return self.mp.gamma(a)

    def limit_exponent(self, exponent: Any) -> None:
        """Raise TooLargeError if e to this power has too many digits."""
        if exponent > 1e9:
            raise TooLargeError("a power of too many digits")

    def call(self, name: str, values: list[Any]) -> Any:
        """Return a named function of `values`, angles in radians; raise UndefinedError, TooLargeError."""
        mp = self.mp
        if name in ("max", "min", "gcd", "lcm"):
            if not all(self.is_real(v) for v in values):
                raise UndefinedError("an order of complex numbers")
            real = [self.real(v) for v in values]
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
            self.limit_exponent(abs(a))
        if name == "ln":
            if self.zero(a):
                raise UndefinedError("the logarithm of zero")
            return mp.log(a)
        if name == "cis":
            return mp.exp(a * mp.mpc(0, 1))
        if name == "Re":
            return self.real(a)
        if name == "Im":
            return a.imag if hasattr(a, "imag") else mp.mpf(0)
        if name == "sgn":
            return mp.sign(a)
        if name == "arccot":
            return mp.pi / 2 - mp.atan(a)
        if name in ("arcsec", "arccsc"):
            return (mp.acos if name == "arcsec" else mp.asin)(self.divide(mp.mpf(1), a))
        if name in ("tan", "sec", "cot", "csc", "coth"):
            top, bottom = _QUOTIENTS[name]
            below = getattr(mp, bottom)(a)
            return self.divide(getattr(mp, top)(a) if top else mp.mpf(1), below)
        return getattr(mp, name.replace("arc", "a"))(a)
