"""Unions of intervals: their order, union, intersection and complement. Knows nothing of how they are written."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from spot_eval.graders.maths.approximate import real
from spot_eval.graders.maths.exact import Reading
from spot_eval.graders.maths.nodes import ZERO, Node

NEGATIVE_INFINITY: Node = ("neg", ("inf",))
INFINITY: Node = ("inf",)


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


REALS = (Piece(NEGATIVE_INFINITY, False, INFINITY, False),)


class NoSetError(Exception):
    """The formula describes no set of real numbers."""


def named_numbers(name: str) -> tuple[Piece, ...]:
    """Return the set that a name such as ``R^+`` stands for. Raises NoSetError for other names."""
    if name in ("R", "Real"):
        return REALS
    if name in ("R^+", "R_+", "R_>0", "R^+_"):
        return (Piece(ZERO, False, INFINITY, False),)
    if name in ("R_>=0", "R_\\ge0"):
        return (Piece(ZERO, True, INFINITY, False),)
    if name in ("R^-", "R_-", "R_<0"):
        return (Piece(NEGATIVE_INFINITY, False, ZERO, False),)
    if name in ("R^*", "R^times", "R_!=0"):
        return (Piece(NEGATIVE_INFINITY, False, ZERO, False), Piece(ZERO, False, INFINITY, False))
    raise NoSetError


def is_infinite(node: Node) -> bool:
    """Return True for plus or minus infinity."""
    return node in (INFINITY, NEGATIVE_INFINITY)


def half_line(end: Node, relation: str) -> tuple[Piece, ...]:
    """Return the numbers x with ``x relation end``."""
    if relation == "=":
        return (Piece(end, True, end, True),)
    if relation == "!=":
        return (Piece(NEGATIVE_INFINITY, False, end, False), Piece(end, False, INFINITY, False))
    closed = relation in ("<=", ">=") and not is_infinite(end)
    if relation in ("<", "<="):
        return (Piece(NEGATIVE_INFINITY, False, end, closed),)
    return (Piece(end, closed, INFINITY, False),)


def _place(end: Node, reading: Reading) -> Fraction | float | None:
    if end == INFINITY:
        return float("inf")
    if end == NEGATIVE_INFINITY:
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


def union(pieces: list[Piece], reading: Reading) -> tuple[Piece, ...]:
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


def intersection(first: tuple[Piece, ...], second: tuple[Piece, ...], reading: Reading) -> tuple[Piece, ...]:
    """Return the pieces that two unions share. Raises NoSetError if their end points cannot be ordered."""
    for one, other in ((first, second), (second, first)):
        if one == REALS:
            return other
    left, right = _sorted(list(first), reading), _sorted(list(second), reading)
    if left is None or right is None:
        joined = _symbolic_intersection(first, second)
        if joined is None:
            raise NoSetError
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
    return union(out, reading)


def _symbolic_intersection(first: tuple[Piece, ...], second: tuple[Piece, ...]) -> tuple[Piece, ...] | None:
    if len(first) != 1 or len(second) != 1:
        return None
    one, other = first[0], second[0]
    for a, b in ((one, other), (other, one)):
        if a.low == NEGATIVE_INFINITY and b.high == INFINITY:
            return (Piece(b.low, b.closed_low, a.high, a.closed_high),)
    return None


_key: Callable[[tuple[Fraction | float, bool, Node]], tuple[Fraction | float, bool]] = lambda entry: entry[:2]  # noqa: E731


def complement(pieces: tuple[Piece, ...], reading: Reading) -> tuple[Piece, ...]:
    """Return the real numbers outside a union. Raises NoSetError if its end points cannot be ordered."""
    placed = _sorted(list(pieces), reading)
    if placed is None:
        if len(pieces) == 1 and pieces[0].low == pieces[0].high:
            return half_line(pieces[0].low, "!=")
        raise NoSetError
    out = []
    low, closed = NEGATIVE_INFINITY, False
    for _, _, piece in placed:
        if not (piece.low == low and not closed and is_infinite(low)):
            out.append(Piece(low, closed, piece.low, not piece.closed_low))
        low, closed = piece.high, not piece.closed_high
    if low != INFINITY:
        out.append(Piece(low, closed and not is_infinite(low), INFINITY, False))
    return tuple(out)
