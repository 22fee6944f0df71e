"""Matrices as answers: rows of formulas, and the sums and products of matrices that give them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from spot_eval.graders.maths.exact import Reading, variables
from spot_eval.graders.maths.nodes import Node, replaced

_AXES = ("unit vector i", "unit vector j", "unit vector k")


def matrix(node: Node) -> tuple[tuple[Node, ...], ...] | None:
    """Return the rows of a matrix, or of a sum, product or multiple of matrices; None for anything else."""
    kind = node[0]
    if kind == "matrix":
        return node[1]
    if kind == "neg":
        inner = matrix(node[1])
        return inner and tuple(tuple(("neg", entry) for entry in row) for row in inner)
    if kind not in ("add", "sub", "mul", "div"):
        return None
    first, second = matrix(node[1]), matrix(node[2])
    if kind in ("add", "sub"):
        if first is None or second is None or (len(first), len(first[0])) != (len(second), len(second[0])):
            return None
        pairs = zip(first, second, strict=True)
        return tuple(tuple((kind, a, b) for a, b in zip(one, other, strict=True)) for one, other in pairs)
    if first is None and second is None:
        return None
    if kind == "mul" and first is not None and second is not None:
        if len(first[0]) != len(second) or len(first) * len(second) * len(second[0]) > 1_000:
            return None
        columns = list(zip(*second, strict=True))
        return tuple(tuple(_sum_of_products(row, column) for column in columns) for row in first)
    if first is not None:
        return tuple(tuple((kind, entry, node[2]) for entry in row) for row in first)
    if kind == "div" or second is None:
        return None
    return tuple(tuple(("mul", node[1], entry) for entry in row) for row in second)


def transposed(node: Node) -> Node:
    """Return a matrix with its rows as columns; a row in brackets becomes a column."""
    rows = node[1] if node[0] == "matrix" else (node[3],)
    return ("matrix", tuple(zip(*rows, strict=True)))


def in_components(node: Node, other: Node) -> Node:
    r"""Return a sum of the unit vectors ``\mathbf{i}, \mathbf{j}, \mathbf{k}`` as a tuple as long as `other` is.

    Any other formula is returned as it is.
    """
    if variables(node, Reading()).isdisjoint(_AXES):
        return node
    length = len(other[3]) if other[0] == "tuple" else max(len(other[1]), len(other[1][0]))
    components = []
    for axis in _AXES[: max(2, length)]:
        component = node
        for each in _AXES:
            component = replaced(component, each, ("num", Fraction(each == axis), 0))
        components.append(component)
    return ("tuple", "(", ")", tuple(components))


def _sum_of_products(row: Sequence[Node], column: Sequence[Node]) -> Node:
    total: Node = ZERO_CELL
    for a, b in zip(row, column, strict=True):
        total = ("add", total, ("mul", a, b))
    return total


MATRIX = frozenset({"matrix"})
ZERO_CELL: Node = ("num", Fraction(0), 0)
