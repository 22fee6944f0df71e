"""The page of the experiment: the kept run's numbers in docs/reproduction.md, and HTML that holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.files import read_json
from spot_eval.reproduction.page import claim_rows, html, markdown, score_rows, svg

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "benchmarks" / "reproduction.json"


def test_the_docs_show_the_kept_run() -> None:
    page = (ROOT / "docs" / "reproduction.md").read_text()
    shown = page.partition("<!-- results -->\n")[2].partition("<!-- /results -->")[0]
    assert shown.strip() == markdown(read_json(KEPT)).strip()


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers_in(one)
    elif isinstance(value, float):
        yield value


def test_every_number_of_the_conclusions_is_in_the_records() -> None:
    said = (ROOT / "docs" / "reproduction.md").read_text().partition("## What it says")[2].partition("## Parts")[0]
    known = {f"{abs(scale * one):.1f}" for one in numbers_in(read_json(KEPT)) for scale in (100, 1000)}
    quoted = re.findall(r"\b\d+\.\d\b", said)
    assert len(quoted) > 8
    assert set(quoted) <= known


def test_the_html_page_has_every_row_and_a_picture() -> None:
    found = read_json(KEPT)
    page = html(found)
    for _, rows in (score_rows(found), claim_rows(found)):
        for row in rows:
            assert all(cell in page for cell in row if not re.search(r"[<>&]", cell))
    assert page.count("<circle") == sum(len(points) for points in found["frontier"].values())
    assert "nan" not in page
    assert "<script" not in page


def test_names_are_no_markup() -> None:
    drawn = svg({"<b>": [(0.001, 0.1, 1e-4, None), (0.01, -0.2, 1e-3, None)]})
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn


@pytest.mark.parametrize("points", [[(0.0, 0.0, 1e-4, None)], [(0.01, 0.0, 1e-4, 1.0), (0.01, 0.0, 1e-3, 1.0)]])
def test_degenerate_frontiers_are_drawn(points: list[tuple[float, float, float, float | None]]) -> None:
    assert "nan" not in svg({"sft": points})
