"""How large a formula's numbers get, before any is evaluated; and the bits of precision that follow."""

from __future__ import annotations

import math

from spot_eval.graders.maths.exact import (
    MAX_WORK,
    Reading,
    TooLargeError,
    UndefinedError,
    exact,
    parts,
    size_in_bits,
)
from spot_eval.graders.maths.nodes import Node

MAX_PRECISION = 6_000  # bits of a number that is not rational


def bits(node: Node) -> float:
    """Return about how many bits the largest number has that evaluating `node` makes; may be infinite."""
    kind = node[0]
    if kind == "num":
        return float(size_in_bits(node[1]))
    if kind == "base":
        return len(node[1]) * math.log2(node[2])
    if kind in ("sym", "inf"):
        return 4.0
    inside = [bits(part) for part in parts(node)]
    if not inside:
        return 4.0
    if kind == "pow":
        exponent = _plain(node[2])
        if exponent is not None:
            return max(inside[1], inside[0] * max(1.0, exponent))
        return max(inside[0], min(2_500.0, magnitude(node[2])) * math.log2(2 + magnitude(node[1])))
    if kind in ("fact", "fact2", "app"):
        whole = _plain(node[1]) if kind != "app" else 4.0
        n = whole if whole is not None else _exp2(min(8.0, inside[0]))
        return max(inside[0], n * max(1.0, math.log2(n + 2)))
    if kind in ("sum", "prod"):
        return inside[-1] + 24 if kind == "sum" else inside[-1] * 40
    if kind == "call" and node[1] in ("exp", "sinh", "cosh"):
        return max(inside[0], 1.5 * min(2_500.0, magnitude(node[2][0])))
    if kind in ("mul", "div", "binom"):
        return sum(inside)
    return max(inside) + 1


def magnitude(node: Node) -> float:
    """Return about how large a formula is, absolutely, at the points where it is evaluated; may be infinite."""
    kind = node[0]
    if kind in ("num", "base"):
        return _plain(node) or 0.0
    if kind == "sym":
        return {"pi": 3.2, "e": 2.8, "i": 1.0}.get(node[1], 15.0)
    inside = [magnitude(part) for part in parts(node)]
    if not inside:
        return 15.0
    if kind == "pow":
        exponent = _plain(node[2])
        size = math.log2(1 + inside[0]) * min(inside[1] if exponent is None else exponent, 1e6)
        return _exp2(size)
    if kind == "mul":
        return inside[0] * inside[1]
    if kind == "div":
        below = _plain(node[2])
        return inside[0] / below if below else inside[0]
    if kind in ("add", "sub"):
        return sum(inside)
    return max(inside)


def _plain(node: Node) -> float | None:
    """The size of a number that is plain enough to be read off, None for any other formula."""
    try:
        value = exact(node, Reading(work=[MAX_WORK - 20_000]))
    except (TooLargeError, UndefinedError):
        return math.inf
    if value is None:
        return None
    return float(abs(value)) if size_in_bits(value) < 900 else math.inf


def _exp2(exponent: float) -> float:
    return 2.0**exponent if exponent < 900 else math.inf


def precision(*nodes: Node) -> int:
    """Return the bits to evaluate formulas to, so that no difference between them hides; raise TooLargeError."""
    size = max(bits(node) for node in nodes)
    if size * 2 + 128 > MAX_PRECISION:
        raise TooLargeError("a number of too many digits")
    return int(size * 2) + 128
