"""Equal values are kept once, and only equal ones."""

from __future__ import annotations

import json
from typing import Any

from spot_eval.core.shared_values import MOST, SharedValues


def test_rows_share_what_they_repeat() -> None:
    values = SharedValues()
    head = '{"task": "sums", "why": "no box in the answer", "extracted": null, "metrics": {}, "score": '
    rows: list[dict[str, Any]] = [json.loads(f"{head}{score}}}") for score in ("1.0", "1.0", "1", "0.5")]
    assert rows[0]["why"] is not rows[1]["why"]
    for row in rows:
        values.share(row)
    assert all(row["why"] is rows[0]["why"] and row["metrics"] is rows[0]["metrics"] for row in rows)
    assert [repr(row["score"]) for row in rows] == ["1.0", "1.0", "1", "0.5"]


def test_a_value_is_the_first_of_its_key() -> None:
    values = SharedValues()
    first, second = [1, 0], [1, 0]
    assert values.one("a", first) is first
    assert values.one("a", second) is first
    assert values.one("b", second) is second


def test_what_is_remembered_is_bounded() -> None:
    values = SharedValues()
    first = [0, 1]
    values.one("first", first)
    for number in range(MOST + 1):
        values.one(number, (number,))
    again = [0, 1]
    assert values.one("first", again) is again, "forgotten, and collected anew"
