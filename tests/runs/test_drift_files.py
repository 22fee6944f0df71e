"""Files of `spot-eval drift`: read where they are, refused where they are something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.runs.drift_files import read_drift
from tests.report.made_up_drift import write_drift


def test_a_run_without_drift_has_none(tmp_path: Path) -> None:
    assert read_drift(tmp_path) is None


def test_it_is_found_in_a_run_and_by_itself(tmp_path: Path) -> None:
    write_drift(tmp_path / "drift", base_fingerprint="abc")
    for place in (tmp_path, tmp_path / "drift"):
        found = read_drift(place)
        assert found is not None
        assert found.path == tmp_path / "drift"
        assert found.base_fingerprint == "abc"
        assert found.changed[0]["pieces"][0] == "<b>Two"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("drift.json", {"candidate": "x"}, "at base"),
        ("changed.json", {"answers": [{"task": "t"}]}, "at answers.0.doc_id"),
        ("changed.json", {}, "at answers"),
    ],
)
def test_other_files_are_named(tmp_path: Path, file: str, content: object, said: str) -> None:
    write_drift(tmp_path)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"holds no drift as this version writes it \\({said}"):
        read_drift(tmp_path)
