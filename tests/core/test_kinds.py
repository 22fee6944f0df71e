"""Kinds of values: each fault names its place, what is expected and what is found."""

from __future__ import annotations

from typing import Any

import pytest

from spot_eval.core.kinds import (
    COUNT,
    FRACTION,
    LONGEST_NAME,
    NO_NAN,
    NUMBER,
    list_of,
    map_of,
    object_of,
    optional,
    or_null,
)

PAIR = object_of(
    {"low": FRACTION, "high": or_null(FRACTION), "docs": optional(COUNT)},
    lambda row: ": low is above high" if row["high"] is not None and row["low"] > row["high"] else None,
)


@pytest.mark.parametrize("row", [{"low": 0, "high": 1.0}, {"low": 0.5, "high": None, "docs": 3, "of_later": []}])
def test_a_right_value_has_no_fault(row: dict[str, Any]) -> None:
    assert PAIR.fault(row) is None


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"high": 1}, ".low: it is missing; expected a number from 0 to 1"),
        ({"low": 0, "high": 2}, ".high: expected a number from 0 to 1 or null, found 2"),
        ({"low": 0, "high": 1, "docs": None}, ".docs: expected a whole number from 0, found null"),
        ({"low": 1, "high": 0}, ": low is above high"),
        ([], ": expected an object, found []"),
    ],
)
def test_a_fault_names_its_field(row: Any, fault: str) -> None:
    assert PAIR.fault(row) == fault


def test_parts_of_lists_and_maps_are_named() -> None:
    assert list_of(COUNT).fault([1, -1]) == "[1]: expected a whole number from 0, found -1"
    assert map_of(list_of(COUNT)).fault({"a": [True]}) == ".a[0]: expected a whole number from 0, found true"
    assert map_of(COUNT).fault({"x" * (LONGEST_NAME + 1): 1}) == ": a name of 1001 characters, expected 1 to 1000"


def test_a_whole_number_too_large_for_a_float_is_refused_in_words() -> None:
    big = 10**400
    assert NO_NAN.fault(big) == f": expected a number, found {str(big)[:59]}…"
    assert [NO_NAN.fault(float(value)) is None for value in ("-inf", "inf", "nan", "0")] == [True, True, False, True]
    assert NUMBER.fault(-big) is not None
