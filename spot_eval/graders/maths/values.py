r"""Values of formulas: exact where they are rational, else to more digits than the formula can hide a difference in.

A worked example: ``1 - 1/2023!`` and ``1 - 1/2024!`` are two exact fractions of some 6,000 digits, and differ;
``\sqrt{2}+\sqrt{3}`` and ``\sqrt{5+2\sqrt{6}}`` agree to 150 bits, and are one. Formulas with variables are one if they
agree at fixed points, real and positive, negative, and whole. The work is bounded by the size of the numbers and by a
count of operations, never by the clock, so the load of the machine changes no verdict.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from spot_eval.graders.maths.approximate import number
from spot_eval.graders.maths.exact import Reading, UndefinedError, parts, variables
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.points import real_points, wants_whole, whole_points
from spot_eval.graders.maths.sizes import precision

_REAL_POINTS = 7
_WHOLE_POINTS = 8


def agree(first: Any, second: Any, precise: int) -> bool:
    """Return True if two values are one as far as `precise` bits tell."""
    scale = max(1, abs(first), abs(second))
    return bool(abs(first - second) <= scale * 2.0 ** min(-60, -precise * 0.45))  if precise < 2000 else bool(
        abs(first - second) * (1 << int(precise * 0.45)) <= scale)  # fmt: skip


def identical(first: Node, second: Node, reading: Reading) -> bool:
    """Return True if two formulas in variables are one function: they agree at every point that defines them both."""
    names = variables(first, reading) | variables(second, reading)
    precise = precision(first, second)
    imaginary = not reading.variable_i and (_has_i(first) or _has_i(second))
    points = [{n: real_points(n, k) for n in names} for k in range(_REAL_POINTS)]
    real = _agree_at(first, second, reading, precise, points=points, real_only=not imaginary)
    if real is not None and real:
        return True
    if real is False and not (wants_whole(first, reading) or wants_whole(second, reading)):
        return False
    points = [{n: whole_points(n, k) for n in names} for k in range(_WHOLE_POINTS)]
    return bool(_agree_at(first, second, reading, precise, points=points, real_only=False))


def proportional(first: Node, second: Node, reading: Reading) -> float:
    """Return the constant factor between two formulas that never vanish together with it, 0.0 if there is none."""
    names = variables(first, reading) | variables(second, reading)
    precise = precision(first, second)
    ratio: Any = None
    defined = 0
    for k in range(_REAL_POINTS):
        point = {n: real_points(n, k) for n in names}
        try:
            a, b = (number(node, reading, precise, point) for node in (first, second))
        except UndefinedError:
            continue
        if abs(a) < 1e-15 or abs(b) < 1e-15:
            if abs(a) < 1e-15 and abs(b) < 1e-15:
                continue
            return 0.0
        if ratio is not None and not agree(a / b, ratio, precise):
            return 0.0
        ratio = a / b
        defined += 1
    return float(getattr(ratio, "real", ratio)) if defined >= 3 else 0.0


def solves(equation: Node, name: str, solution: Node, reading: Reading) -> bool:
    """Return True if `equation` (a formula that is to vanish) is linear in `name` and vanishes at `solution`.

    Args:
        equation: two sides.
        name: the variable that is solved for.
        solution: the value it is given.
        reading: counts the work.
    """
    names = variables(equation, reading) | variables(solution, reading)
    precise = precision(equation, solution)
    defined = 0
    for k in range(_REAL_POINTS):
        point = {n: real_points(n, k) for n in names}
        try:
            at = number(solution, reading, precise, point)
            if getattr(at, "imag", 0) != 0:
                continue
            rooted = number(equation, reading, precise, point | {name: at})
            line = [number(equation, reading, precise, point | {name: Fraction(v)}) for v in (7, 8, 9)]
        except UndefinedError:
            continue
        if not agree(rooted, 0, precise) or not agree(line[2] - line[1], line[1] - line[0], precise):
            return False
        if agree(line[1], line[0], precise):
            return False
        defined += 1
    return defined >= 3


def _has_i(node: Node) -> bool:
    return node == ("sym", "i") or (node[0] == "call" and node[1] == "cis") or any(_has_i(part) for part in parts(node))


def _agree_at(
    first: Node, second: Node, reading: Reading, precise: int, *, points: list[dict[str, Fraction]], real_only: bool
) -> bool | None:
    """None if fewer than three points define both formulas."""
    defined = 0
    for point in points:
        values = []
        for node in (first, second):
            try:
                values.append(number(node, reading, precise, point))
            except UndefinedError:
                values.append(None)
        if values[0] is None or values[1] is None:
            continue
        if real_only and any(v < 0 for v in point.values()) and any(getattr(v, "imag", 0) != 0 for v in values):
            continue
        if not agree(values[0], values[1], precise):
            return False
        defined += 1
    return True if defined >= 3 else None
