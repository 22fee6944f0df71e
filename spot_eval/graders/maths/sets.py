r"""Sets of real numbers, however they are written: intervals, unions, inequalities, ``x \ne 0``, set-builder notation.

A worked example: ``x < -2 \text{ or } x > 2`` and ``(-\infty,-2) \cup (2,\infty)`` are one set of two pieces. End
points with variables are kept as they stand, in the order of the text. Comparing end points is `equality`'s.
"""

from __future__ import annotations

from fractions import Fraction

from spot_eval.graders.maths.approximate import real
from spot_eval.graders.maths.exact import Reading, variables
from spot_eval.graders.maths.intervals import (
    INFINITY,
    NEGATIVE_INFINITY,
    NoSetError,
    Piece,
    RealSet,
    complement,
    half_line,
    intersection,
    is_infinite,
    named_numbers,
    union,
)
from spot_eval.graders.maths.nodes import Node, replaced

_ORDER = frozenset({"<", "<=", ">", ">="})
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "!=": "!=", "=": "="}


def of(node: Node, reading: Reading) -> RealSet | None:
    """Return the set of real numbers that `node` describes, None if it describes none."""
    try:
        return _of(node, reading)
    except (NoSetError, RecursionError):
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
        return RealSet(None, named_numbers(node[1]))
    if kind in ("set", "num", "div", "neg", "pow", "sym", "add", "sub", "mul"):
        points = node[1] if kind == "set" else (node,)
        if any(real(p, reading) is None for p in points):
            raise NoSetError
        return RealSet(None, union([Piece(p, True, p, True) for p in points], reading))
    if kind == "union":
        first, second = _of(node[1], reading), _of(node[2], reading)
        return RealSet(first.name or second.name, union([*first.pieces, *second.pieces], reading))
    if kind == "inter":
        first, second = _of(node[1], reading), _of(node[2], reading)
        return RealSet(first.name or second.name, intersection(first.pieces, second.pieces, reading))
    if kind == "minus":
        first, second = _of(node[1], reading), _of(node[2], reading)
        return RealSet(None, intersection(first.pieces, complement(second.pieces, reading), reading))
    if kind == "builder":
        return _builder(node, reading)
    if kind == "list":
        return _joined(node, reading)
    if kind == "rel":
        return _relation(node, reading)
    raise NoSetError


def _interval(node: Node, reading: Reading) -> RealSet:
    opening, closing, items = node[1], node[2], node[3]
    if len(items) != 2 or opening == "<":
        raise NoSetError
    low, high = items
    values = [None if is_infinite(end) else real(end, reading) for end in items]
    if values[0] is not None and values[1] is not None and values[0] > values[1]:
        raise NoSetError
    if low == INFINITY or high == NEGATIVE_INFINITY:
        raise NoSetError
    return RealSet(None, (Piece(low, opening == "[" and not is_infinite(low), high,
                                closing == "]" and not is_infinite(high)),))  # fmt: skip


def _builder(node: Node, reading: Reading) -> RealSet:
    head, conditions = node[1], node[2]
    base: RealSet | None = None
    if head[0] == "rel" and head[2] == ("in",):
        base = _of(head[1][1], reading)
        head = head[1][0]
    if head[0] != "sym":
        raise NoSetError
    found = _of(conditions, reading)
    pieces = found.pieces if base is None else intersection(base.pieces, found.pieces, reading)
    if found.name not in (None, head[1]):
        raise NoSetError
    return RealSet(None, pieces)


def _joined(node: Node, reading: Reading) -> RealSet:
    items = [_of(item, reading) for item in node[1]]
    names = {item.name for item in items if item.name}
    if len(names) > 1 or not names:
        raise NoSetError
    every = items[0].pieces
    for item in items[1:]:
        every = intersection(every, item.pieces, reading)
    unequal = all(part[0] == "rel" and set(part[2]) <= {"!=", "in"} for part in node[1])
    if node[2] == "or" or (node[2] == "," and not every and not unequal) or (node[2] == "and" and not every):
        every = union([piece for item in items for piece in item.pieces], reading)
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
            raise NoSetError
        return RealSet(name, inner.pieces)
    if not all(r in _ORDER or r in ("!=", "=") for r in relations):
        raise NoSetError
    if len(sides) == 3 and name_of(sides[1]) and all(r in _ORDER for r in relations):
        return _between(sides, relations, reading)
    if len(sides) != 2:
        raise NoSetError
    relation = relations[0]
    left, right = sides
    if name_of(right) and not name_of(left):
        left, right, relation = right, left, _FLIPPED[relation]
    name = name_of(left)
    if left[0] == "abs" and name_of(left[1]) and real(right, reading) is not None:
        return RealSet(name_of(left[1]), _absolute(right, relation, reading))
    if not name:
        name, right, relation = _solved(left, right, relation, reading)
    return RealSet(name, half_line(right, relation))


def _between(sides: tuple[Node, ...], relations: tuple[str, ...], reading: Reading) -> RealSet:
    low, middle, high = sides
    first, second = relations
    if first[0] != second[0]:
        raise NoSetError
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
        raise NoSetError
    minus: Node = ("neg", bound)
    closed = relation.endswith("=")
    if relation[0] == "<":
        return (Piece(minus, closed, bound, closed),)
    return union([Piece(NEGATIVE_INFINITY, False, minus, closed), Piece(bound, closed, INFINITY, False)], reading)


def _solved(left: Node, right: Node, relation: str, reading: Reading) -> tuple[str, Node, str]:
    """A relation that is linear in its one variable, solved for it."""
    names = variables(left, reading) | variables(right, reading)
    if len(names) != 1 or relation == "=":
        raise NoSetError
    (name,) = names
    values = []
    for at in (0, 1, 5):
        point: Node = ("num", Fraction(at), 0)
        difference = real(replaced(("sub", left, right), name, point), reading)
        if difference is None:
            raise NoSetError
        values.append(difference)
    slope = values[1] - values[0]
    if not slope or values[2] != values[0] + 5 * slope:
        raise NoSetError
    return name, ("num", -values[0] / slope, None), relation if slope > 0 else _FLIPPED[relation]
