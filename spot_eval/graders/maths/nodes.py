"""The nodes of a formula's tree, as the parser makes them and everything after it reads them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

Node = tuple[Any, ...]
KINDS = {
    "tuple": "(opening bracket, closing bracket, items): also an interval or a point, which only the gold can tell",
    "set": "(items,)",
    "builder": "(what stands before the bar, the conditions)",
    "numset": "(name,): the reals and the like",
    "union": "(a, b), and so inter and minus",
    "matrix": "(rows,)",
    "words": "(text,)",
    "label": "(text,): a left-hand side that only names something",
    "unit": "(value, unit)",
    "ratio": "(parts,)",
    "list": '(items, join): join is "or", "and" or ","',
    "rel": "(sides, relations)",
    "pieces": "(pairs of value and condition,)",
}
ZERO: Node = ("num", Fraction(0), 0)


def replaced(node: Node, name: str, value: Node) -> Node:
    """Return `node` with `value` wherever the symbol `name` stands."""
    if node == ("sym", name):
        return value

    def inside(part: Any) -> Any:
        if not isinstance(part, tuple):
            return part
        if part and isinstance(part[0], str):
            return replaced(part, name, value)
        return tuple(replaced(one, name, value) for one in part)

    return tuple(inside(part) for part in node)
