"""A short form of the kills, one of each signal; the whole of it is `python -m tests.kills`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kills.__main__ import Fault, facts, kills, whole


def test_three_kills_and_nothing_lost() -> None:
    found = kills(3, 4, only=("report", "rectify", "grade"))
    assert found["faults"] == []
    assert found["kills"] == 3


def test_what_is_half_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"x": 1')
    with pytest.raises(Fault, match=r"a.json: not JSON"):
        whole(tmp_path)
    (tmp_path / "a.json").unlink()
    (tmp_path / "log.jsonl").write_text('{"x": 1}\n{"x"')
    whole(tmp_path)  # the last line of a log may be cut
    (tmp_path / "log.jsonl").write_text('{"x"\n{"x": 1}\n')
    with pytest.raises(Fault, match=r"log.jsonl: not JSON"):
        whole(tmp_path)


def test_what_was_lost_or_doubled_differs(tmp_path: Path) -> None:
    def of(*rows: dict[str, object]) -> dict[str, str]:
        (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return facts(tmp_path)

    one, two = {"key": 1, "created": "now"}, {"key": 2}
    assert of(one, two) == of(two, {"key": 1, "created": "then"})
    assert of(one, two) != of(one)
    assert of(one, two) != of(one, two, two)
    (tmp_path / "x.tmp").write_text("")
    with pytest.raises(Fault, match="left over"):
        of(one)
