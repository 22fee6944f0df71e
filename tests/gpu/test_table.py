"""The page of the GPU line shows the kept results, and says "not measured" where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot_eval.core.files import read_json
from tests.gpu.__main__ import KEPT, PARTS
from tests.gpu.table import cell, table

PAGE = Path(__file__).parent.parent.parent / "docs" / "gpu.md"


def test_the_page_holds_the_table_of_the_kept_results() -> None:
    shown = PAGE.read_text().partition("<!-- table -->\n")[2].partition("<!-- /table -->")[0]
    assert shown.splitlines() == table(read_json(KEPT))


def test_the_ratio_on_the_page_is_that_of_the_kept_results() -> None:
    parts = read_json(KEPT)["parts"]
    ours, trl = (parts[name]["pairs_per_second"] for name in ("train 1.7B", "train 1.7B, TRL"))
    assert f"{ours / trl:.1f} times the pairs per second" in PAGE.read_text()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (None, "not measured"),
        ({"status": "skipped", "verdict": "no time was left"}, "not measured"),
        ({"status": "timed out", "verdict": "not done after 62 s"}, "not measured (timed out: not done after 62 s)"),
        ({"status": "failed", "verdict": "SomeError: all of it"}, "not measured (failed: SomeError)"),
    ],
)
def test_a_part_without_a_result_is_said_not_to_be_measured(part: dict[str, str] | None, words: str) -> None:
    assert cell(part) == words


def test_without_results_no_part_is_measured() -> None:
    lines = table({"parts": {}})
    assert lines[2:] == [f"| {name} | - | not measured |" for name in PARTS]
