"""Kinds of values: the types and ranges that a field of a record or JSON file may have, and their faults in words.

    object_of({"score": or_null(FRACTION)}).fault({"score": 7.5})
    # ".score: expected a number from 0 to 1 or null, found 7.5"

Further fields of an object are those of a later version, and pass. Which record has which fields is the matter of
`core.schemas`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 1000
MOST_REPEATS = 1_000_000
MOST_TOKENS = 1 << 40  # of one answer: more than that was counted by nobody
_LARGEST = 1e300  # a larger whole number is no float
SHOWN = 60
"""Characters of a bad value or name that a fault repeats."""

Inside = Callable[[Any], str | None]


class _Absent:
    """The value of a field that a record lacks."""


_ABSENT = _Absent()


@dataclass(frozen=True)
class Kind:
    """The values a field may have: their types, and a check of those that have a range or parts.

    `inside` returns a fault, or None; it does not see null and absent fields.
    """

    wants: str
    types: frozenset[type]
    inside: Inside | None = None

    def fault(self, value: Any) -> str | None:
        """Return a phrase that says what is wrong with `value`, with its place; None if nothing is."""
        if type(value) not in self.types:
            if value is _ABSENT:
                return f": it is missing; expected {self.wants}"
            return f": expected {self.wants}, found {shown(value)}"
        if self.inside is None or value is None or value is _ABSENT:
            return None
        return self.inside(value)


def token_count(value: Any) -> int | None:
    """Return what another tool says is a number of tokens; None if it is no whole number from 0 to MOST_TOKENS."""
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


def shown(value: Any) -> str:
    """Return the start of `value` as JSON."""
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def plain(wants: str, *types: type, inside: Callable[[Any], bool] | None = None) -> Kind:
    """Return a kind of plain values; `inside` says if a value of the right type is in its range."""
    if inside is None:
        return Kind(wants, frozenset(types))
    return Kind(
        wants,
        frozenset(types),
        lambda value: None if inside(value) else f": expected {wants}, found {shown(value)}",
    )


def or_null(kind: Kind) -> Kind:
    """Return the kind of a field that may be null."""
    return Kind(f"{kind.wants} or null", kind.types | {type(None)}, _renamed(kind))


def _renamed(kind: Kind) -> Inside | None:
    inside = kind.inside
    if inside is None:
        return None
    return lambda value: None if (fault := inside(value)) is None else fault.replace(
        f"expected {kind.wants},", f"expected {kind.wants} or null,"
    )  # fmt: skip


def optional(kind: Kind) -> Kind:
    """Return the kind of a field that a record may lack."""
    return Kind(kind.wants, kind.types | {_Absent}, kind.inside)


def list_of(item: Kind) -> Kind:
    """Return the kind of a list of any length."""

    def inside(values: list[Any]) -> str | None:
        for number, value in enumerate(values):
            if (fault := item.fault(value)) is not None:
                return f"[{number}]{fault}"
        return None

    return Kind("a list", frozenset({list}), inside)


def map_of(item: Kind) -> Kind:
    """Return the kind of an object with any names."""

    def inside(values: dict[str, Any]) -> str | None:
        for name, value in values.items():
            if not 0 < len(name) <= LONGEST_NAME:
                return f": a name of {len(name)} characters, expected 1 to {LONGEST_NAME}"
            if (fault := item.fault(value)) is not None:
                return f".{name[:SHOWN]}{fault}"
        return None

    return Kind("an object", frozenset({dict}), inside)


def object_of(fields: Mapping[str, Kind], rule: Inside | None = None) -> Kind:
    """Return the kind of an object with these fields; `rule` looks at all of them together."""
    checks = tuple((name, kind.types, kind.inside, kind) for name, kind in fields.items())

    def inside(row: dict[str, Any]) -> str | None:
        # read for every record of a run: one loop, without a call for a field that has no range
        for name, types, check, kind in checks:
            value = row.get(name, _ABSENT)
            if type(value) not in types:
                return f".{name}{kind.fault(value)}"
            if check is not None and value is not None and value is not _ABSENT:
                fault = check(value)
                if fault is not None:
                    return f".{name}{fault}"
        return None if rule is None else rule(row)

    return Kind("an object", frozenset({dict}), inside)


ANY = Kind("a value", frozenset({str, int, float, bool, type(None), list, dict}))
TEXT = plain("a string", str)
NAME = plain(f"a name of 1 to {LONGEST_NAME} characters", str, inside=lambda text: 0 < len(text) <= LONGEST_NAME)
FLAG = plain("true or false", bool)
WHOLE = plain("a whole number", int)
COUNT = plain("a whole number from 0", int, inside=lambda number: 0 <= number < _LARGEST)
REPEATS = plain(
    f"a whole number from 1 to {MOST_REPEATS}", int, inside=lambda number: 1 <= number <= MOST_REPEATS
)  # fmt: skip
# a comparison is false for NaN
NUMBER = plain("a finite number", int, float, inside=lambda number: abs(number) < _LARGEST)
NO_NAN = plain("a number", int, float, inside=lambda number: number == math.inf or _LARGEST > number >= -math.inf)
SIZE = plain("a finite number from 0", int, float, inside=lambda number: 0 <= number < _LARGEST)
FRACTION = plain("a number from 0 to 1", int, float, inside=lambda number: 0 <= number <= 1)
OBJECT = plain("an object", dict)
