r"""Sets of real numbers, however they are written: intervals, unions, inequalities, ``x \ne 0``, set-builder notation.

A worked example: ``x < -2 \text{ or } x > 2`` and ``(-\infty,-2) \cup (2,\infty)`` are one set of two pieces. End
points with variables are kept as they stand, in the order of the text. Comparing end points is `equality`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from spot_eval.graders.maths.reader import ZERO, Node
from spot_eval.graders.maths.values import Reading, real, variables

_ORDER = frozenset({"<", "<=", ">", ">="})
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "!=": "!=", "=": "="}
_NEGATIVE_INFINITY: Node = ("neg", ("inf",))
_INFINITY: Node = ("inf",)


class Piece(NamedTuple):
    """An interval: its end points, and if they belong to it."""

    low: Node
    closed_low: bool
    high: Node
    closed_high: bool


class RealSet(NamedTuple):
    """A union of intervals, in order, and the variable that the text names, if any."""

    name: str | None
    pieces: tuple[Piece, ...]


REALS = (Piece(_NEGATIVE_INFINITY, False, _INFINITY, False),)


class _NoSetError(Exception):
    pass


def of(node: Node, reading: Reading) -> RealSet | None:
    """Return the set of real numbers that `node` describes, None if it describes none."""
    try:
        return _of(node, reading)
    except (_NoSetError, RecursionError):
        return None


def describes(node: Node) -> bool:
    """Return True if `node` says by its form that it is a set: a relation of order, an interval, a union."""
    kind = node[0]
    if kind == "rel":
        return any(r in _ORDER or r in ("!=", "in") for r in node[2])
    if kind == "list":
        return any(describes(item) for item in node[1])
    return kind in ("union", "inter", "minus", "numset", "builder")


def _of(node: Node, reading: Reading) -> RealSet:
    kind = node[0]
    if kind == "tuple":
        return _interval(node, reading)
    if kind == "numset":
        return RealSet(None, _numbers(node[1]))
    if kind in ("set", "num", "div", "neg", "pow", "sym", "add", "sub", "mul"):
        points = node[1] if kind == "set" else (node,)
        if any(real(p, reading) is None for p in points):
            raise _NoSetError
        return RealSet(None, _union([Piece(p, True, p, True) for p in points], reading))
    if kind == "union":
        first, second = _of(node[1], reading), _of(node[2], reading)
        return RealSet(first.name or second.name, _union([*first.pieces, *second.pieces], reading))
    if kind == "inter":
        first, second = _of(node[1], reading), _of(node[2], reading)
        return RealSet(first.name or second.name, _intersection(first.pieces, second.pieces, reading))
    if kind == "minus":
        first, second = _of(node[1], reading), _of(node[2], reading)
        return RealSet(None, _intersection(first.pieces, _complement(second.pieces, reading), reading))
    if kind == "builder":
        return _builder(node, reading)
    if kind == "list":
        return _joined(node, reading)
    if kind == "rel":
        return _relation(node, reading)
    raise _NoSetError


def _numbers(name: str) -> tuple[Piece, ...]:
    if name in ("R", "Real"):
        return REALS
    if name in ("R^+", "R_+", "R_>0", "R^+_"):
        return (Piece(ZERO, False, _INFINITY, False),)
    if name in ("R_>=0", "R_\\ge0"):
        return (Piece(ZERO, True, _INFINITY, False),)
    if name in ("R^-", "R_-", "R_<0"):
        return (Piece(_NEGATIVE_INFINITY, False, ZERO, False),)
    if name in ("R^*", "R^times", "R_!=0"):
        return (Piece(_NEGATIVE_INFINITY, False, ZERO, False), Piece(ZERO, False, _INFINITY, False))
    raise _NoSetError


def is_infinite(node: Node) -> bool:
    """Return True for plus or minus infinity."""
    return node in (_INFINITY, _NEGATIVE_INFINITY)


def _interval(node: Node, reading: Reading) -> RealSet:
    opening, closing, items = node[1], node[2], node[3]
    if len(items) != 2 or opening == "<":
        raise _NoSetError
    low, high = items
    values = [None if is_infinite(end) else real(end, reading) for end in items]
    if values[0] is not None and values[1] is not None and values[0] > values[1]:
        raise _NoSetError
    if low == _INFINITY or high == _NEGATIVE_INFINITY:
        raise _NoSetError
    return RealSet(None, (Piece(low, opening == "[" and not is_infinite(low), high,
                                closing == "]" and not is_infinite(high)),))  # fmt: skip


def _builder(node: Node, reading: Reading) -> RealSet:
    head, conditions = node[1], node[2]
    base: RealSet | None = None
    if head[0] == "rel" and head[2] == ("in",):
        base = _of(head[1][1], reading)
        head = head[1][0]
    if head[0] != "sym":
        raise _NoSetError
    found = _of(conditions, reading)
    pieces = found.pieces if base is None else _intersection(base.pieces, found.pieces, reading)
    if found.name not in (None, head[1]):
        raise _NoSetError
    return RealSet(None, pieces)


def _joined(node: Node, reading: Reading) -> RealSet:
    items = [_of(item, reading) for item in node[1]]
    names = {item.name for item in items if item.name}
    if len(names) > 1 or not names:
        raise _NoSetError
    every = items[0].pieces
    for item in items[1:]:
        every = _intersection(every, item.pieces, reading)
    unequal = all(part[0] == "rel" and set(part[2]) <= {"!=", "in"} for part in node[1])
    if node[2] == "or" or (node[2] == "," and not every and not unequal) or (node[2] == "and" and not every):
        every = _union([piece for item in items for piece in item.pieces], reading)
    return RealSet(names.pop(), every)


def name_of(node: Node) -> str | None:
    """Return the variable or named value that a side of a relation is, None for any other side."""
    if node[0] == "sym" and node[1] not in ("pi", "e"):
        return str(node[1])
    if node[0] == "app":
        return f"{node[1]}({node[2]})"
    return None


def _relation(node: Node, reading: Reading) -> RealSet:
    sides, relations = node[1], node[2]
    if relations == ("in",):
        inner = _of(sides[1], reading)
        name = name_of(sides[0])
        if not name:
            raise _NoSetError
        return RealSet(name, inner.pieces)
    if not all(r in _ORDER or r in ("!=", "=") for r in relations):
        raise _NoSetError
    if len(sides) == 3 and name_of(sides[1]) and all(r in _ORDER for r in relations):
        return _between(sides, relations, reading)
    if len(sides) != 2:
        raise _NoSetError
    relation = relations[0]
    left, right = sides
    if name_of(right) and not name_of(left):
        left, right, relation = right, left, _FLIPPED[relation]
    name = name_of(left)
    if left[0] == "abs" and name_of(left[1]) and real(right, reading) is not None:
        return RealSet(name_of(left[1]), _absolute(right, relation, reading))
    if not name:
        name, right, relation = _solved(left, right, relation, reading)
    return RealSet(name, _half_line(right, relation))


def _half_line(end: Node, relation: str) -> tuple[Piece, ...]:
    if relation == "=":
        return (Piece(end, True, end, True),)
    if relation == "!=":
        return (Piece(_NEGATIVE_INFINITY, False, end, False), Piece(end, False, _INFINITY, False))
    closed = relation in ("<=", ">=") and not is_infinite(end)
    if relation in ("<", "<="):
        return (Piece(_NEGATIVE_INFINITY, False, end, closed),)
    return (Piece(end, closed, _INFINITY, False),)


def _between(sides: tuple[Node, ...], relations: tuple[str, ...], reading: Reading) -> RealSet:
    low, middle, high = sides
    first, second = relations
    if first[0] != second[0]:
        raise _NoSetError
    if first[0] == ">":
        low, high, first, second = high, low, _FLIPPED[second], _FLIPPED[first]
    values = real(low, reading), real(high, reading)
    if values[0] is not None and values[1] is not None and values[0] > values[1]:
        return RealSet(name_of(middle), ())
    return RealSet(
        name_of(middle),
        (Piece(low, first == "<=" and not is_infinite(low), high, second == "<=" and not is_infinite(high)),),
    )


def _absolute(bound: Node, relation: str, reading: Reading) -> tuple[Piece, ...]:
    value = real(bound, reading)
    if value is None or value < 0 or relation not in _ORDER:
        raise _NoSetError
    minus: Node = ("neg", bound)
    closed = relation.endswith("=")
    if relation[0] == "<":
        return (Piece(minus, closed, bound, closed),)
    return _union([Piece(_NEGATIVE_INFINITY, False, minus, closed), Piece(bound, closed, _INFINITY, False)], reading)


def _solved(left: Node, right: Node, relation: str, reading: Reading) -> tuple[str, Node, str]:
    """A relation that is linear in its one variable, solved for it."""
    names = variables(left, reading) | variables(right, reading)
    if len(names) != 1 or relation == "=":
        raise _NoSetError
    (name,) = names
    values = []
    for at in (0, 1, 5):
        point: Node = ("num", Fraction(at), 0)
        difference = real(_replaced(("sub", left, right), name, point), reading)
        if difference is None:
            raise _NoSetError
        values.append(difference)
    slope = values[1] - values[0]
    if not slope or values[2] != values[0] + 5 * slope:
        raise _NoSetError
    return name, ("num", -values[0] / slope, None), relation if slope > 0 else _FLIPPED[relation]


def _replaced(node: Node, name: str, value: Node) -> Node:
    if node == ("sym", name):
        return value

    def inside(part: Any) -> Any:
        if not isinstance(part, tuple):
            return part
        if part and isinstance(part[0], str):
            return _replaced(part, name, value)
        return tuple(_replaced(one, name, value) for one in part)

    return tuple(inside(part) for part in node)


replaced = _replaced


def _place(end: Node, reading: Reading) -> Fraction | float | None:
    if end == _INFINITY:
        return float("inf")
    if end == _NEGATIVE_INFINITY:
        return float("-inf")
    return real(end, reading)


def _sorted(pieces: list[Piece], reading: Reading) -> list[tuple[Fraction | float, Fraction | float, Piece]] | None:
    out = []
    for piece in pieces:
        low, high = _place(piece.low, reading), _place(piece.high, reading)
        if low is None or high is None:
            return None
        out.append((low, high, piece))
    return sorted(out, key=lambda entry: (entry[0], not entry[2].closed_low))


def _union(pieces: list[Piece], reading: Reading) -> tuple[Piece, ...]:
    """The union, in order, of as few pieces as can be; in the order of the text if end points have variables."""
    placed = _sorted(pieces, reading)
    if placed is None:
        return tuple(pieces)
    out: list[tuple[Fraction | float, Fraction | float, Piece]] = []
    for low, high, piece in placed:
        if out:
            before_low, before_high, before = out[-1]
            if low < before_high or (low == before_high and (piece.closed_low or before.closed_high)):
                if high > before_high or (high == before_high and piece.closed_high):
                    out[-1] = (before_low, high, before._replace(high=piece.high, closed_high=piece.closed_high))
                continue
        out.append((low, high, piece))
    return tuple(piece for _, _, piece in out)


def _intersection(first: tuple[Piece, ...], second: tuple[Piece, ...], reading: Reading) -> tuple[Piece, ...]:
    for one, other in ((first, second), (second, first)):
        if one == REALS:
            return other
    left, right = _sorted(list(first), reading), _sorted(list(second), reading)
    if left is None or right is None:
        joined = _symbolic_intersection(first, second)
        if joined is None:
            raise _NoSetError
        return joined
    out = []
    for low, high, piece in left:
        for other_low, other_high, theirs in right:
            start = max(
                (low, not piece.closed_low, piece.low), (other_low, not theirs.closed_low, theirs.low), key=_key
            )
            end = min((high, piece.closed_high, piece.high), (other_high, theirs.closed_high, theirs.high), key=_key)
            closed_low, closed_high = not start[1], end[1]
            if start[0] < end[0] or (start[0] == end[0] and closed_low and closed_high):
                out.append(Piece(start[2], closed_low, end[2], closed_high))
    return _union(out, reading)


def _symbolic_intersection(first: tuple[Piece, ...], second: tuple[Piece, ...]) -> tuple[Piece, ...] | None:
    if len(first) != 1 or len(second) != 1:
        return None
    one, other = first[0], second[0]
    for a, b in ((one, other), (other, one)):
        if a.low == _NEGATIVE_INFINITY and b.high == _INFINITY:
            return (Piece(b.low, b.closed_low, a.high, a.closed_high),)
    return None


_key: Callable[[tuple[Fraction | float, bool, Node]], tuple[Fraction | float, bool]] = lambda entry: entry[:2]  # noqa: E731


def _complement(pieces: tuple[Piece, ...], reading: Reading) -> tuple[Piece, ...]:
    placed = _sorted(list(pieces), reading)
    if placed is None:
        if len(pieces) == 1 and pieces[0].low == pieces[0].high:
            return _half_line(pieces[0].low, "!=")
        raise _NoSetError
    out = []
    low, closed = _NEGATIVE_INFINITY, False
    for _, _, piece in placed:
        if not (piece.low == low and not closed and is_infinite(low)):
            out.append(Piece(low, closed, piece.low, not piece.closed_low))
        low, closed = piece.high, not piece.closed_high
    if low != _INFINITY:
        out.append(Piece(low, closed and not is_infinite(low), _INFINITY, False))
    return tuple(out)
