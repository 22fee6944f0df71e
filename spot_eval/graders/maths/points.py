"""The fixed points at which formulas in variables are evaluated, and what says that they are to be whole."""

from __future__ import annotations

import random
import zlib
from fractions import Fraction

from spot_eval.graders.maths.exact import Reading, contains, exact_or_none, parts, variables
from spot_eval.graders.maths.nodes import Node

_WHOLE_KINDS = frozenset({"fact", "fact2", "binom", "floor", "ceil", "mod", "sum", "prod", "abs"})
_REAL_NAMES = frozenset("xyztuvw")  # whoever rounds these means no whole numbers


def real_points(name: str, point: int) -> Fraction:
    """Return the real value of a variable at one of the fixed points: the same in every run."""
    draw = random.Random(zlib.crc32(f"{name}/{point}".encode()))
    size = Fraction(draw.randint(1009, 2999), 1013)
    if point == 2:
        return size / 5  # below 1
    if point == 3:
        return -size
    if point in (4, 5):
        return size if draw.random() < 0.5 else -size / 3
    return size * 5 if point == 6 else size


def whole_points(name: str, point: int) -> Fraction:
    """Return the whole value of a variable at one of the fixed points: the same in every run."""
    draw = random.Random(zlib.crc32(f"{name}/{point}/whole".encode()))
    return Fraction((point + 1 if point < 4 else 3) + draw.randint(0, 2 + 2 * point))


def wants_whole(node: Node, reading: Reading) -> bool:
    """True if the formula is about whole numbers: factorials, floors, (-1)^n, or cos(n pi)."""
    if node[0] in ("floor", "ceil"):
        return not variables(node, reading) <= _REAL_NAMES
    if node[0] in _WHOLE_KINDS - {"abs"}:
        return True
    if node[0] == "pow" and variables(node[2], reading):
        base = exact_or_none(node[1])
        if (base is not None and base < 0) or contains(node[1], frozenset({"neg"})) or node[1] == ("sym", "i"):
            return True
    if node[0] == "call" and node[1] in ("sin", "cos", "tan") and has_pi(node):
        return bool(variables(node, reading))
    return any(wants_whole(part, reading) for part in parts(node))


def has_pi(node: Node) -> bool:
    """Return True if pi stands in the formula."""
    return node == ("sym", "pi") or any(has_pi(part) for part in parts(node))
