"""Numbers by mpmath: values that Python's own mathematics agrees with, and refusals in place of infinities."""

from __future__ import annotations

import cmath
import math
from typing import Any

import pytest

from spot_eval.graders.maths.arithmetic import Arithmetic
from spot_eval.graders.maths.exact import Reading, TooLargeError, UndefinedError


@pytest.fixture
def numbers() -> Arithmetic:
    return Arithmetic(200, Reading())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("sin", 0.5, math.sin(0.5)),
        ("cot", 0.5, 1 / math.tan(0.5)),
        ("sec", 0.5, 1 / math.cos(0.5)),
        ("arcsec", 2.0, math.acos(0.5)),
        ("arccot", 3.0, math.pi / 2 - math.atan(3)),
        ("sinh", 0.5, math.sinh(0.5)),
        ("ln", 3.0, math.log(3)),
        ("cis", 1.0, cmath.exp(1j)),
        ("sgn", -3.0, -1),
    ],
)
def test_functions_have_the_values_of_a_table(numbers: Arithmetic, name: str, value: float, expected: complex) -> None:
    assert complex(numbers.call(name, [numbers.mp.mpf(value)])) == pytest.approx(expected)


def test_functions_of_several_values(numbers: Arithmetic) -> None:
    six, nine = numbers.mp.mpf(6), numbers.mp.mpf(9)
    assert [int(numbers.call(name, [six, nine])) for name in ("max", "min", "gcd", "lcm")] == [9, 6, 3, 18]


@pytest.mark.parametrize(
    ("name", "values", "error", "sentence"),
    [
        ("cot", [0], UndefinedError, "a division by zero"),
        ("ln", [0], UndefinedError, "the logarithm of zero"),
        ("gcd", [0.5, 1], UndefinedError, "a divisor of no whole number"),
        ("max", [1j, 1], UndefinedError, "an order of complex numbers"),
        ("sin", [1, 2], UndefinedError, "sin of 2 values"),
        ("exp", [1e10], TooLargeError, "too many digits"),
    ],
)
def test_what_has_no_value_is_refused(
    numbers: Arithmetic, name: str, values: list[Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        numbers.call(name, [numbers.mp.mpmathify(value) for value in values])


def test_a_factorial_is_of_a_real_number_that_has_one(numbers: Arithmetic) -> None:
    assert numbers.gamma(numbers.mp.mpf(6)) == 120
    with pytest.raises(UndefinedError, match="negative number"):
        numbers.gamma(numbers.mp.mpf(-2))
    with pytest.raises(TooLargeError, match="a factorial of too many digits"):
        numbers.gamma(numbers.mp.mpf(20_001))


def test_rounding_counts_as_zero(numbers: Arithmetic) -> None:
    two = numbers.mp.mpf(2)
    assert numbers.zero(numbers.mp.sqrt(two) ** 2 - two)
    assert not numbers.zero(numbers.mp.mpf(10) ** -30)
    assert numbers.is_real(numbers.mp.exp(numbers.mp.mpc(0, 1) * numbers.mp.pi))
