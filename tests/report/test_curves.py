"""Checkpoints by step: what is drawn, and what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.report.curves import curves, load_curves
from tests.report.made_up_runs import write_run
from tests.report.report_pages import Page

SUITE = {"in_domain": {"sums": (60, 1)}, "general": {"orders": (60, 1)}}
STEPS = (10, 20, 40)


def answer(share: dict[str, float]) -> Any:
    """Right in a share of each task's docs, the same docs for a greater share."""

    def one(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
        right = random.Random(f"{task}/{doc_id}").random() < share[task]
        return {} if right else {"text": "It is \\boxed{x}.", "score": 0.0, "extracted": "x"}

    return one


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base`, and three checkpoints that gain in sums while they lose in orders."""
    place = tmp_path_factory.mktemp("runs")
    write_run(place / "base", answer({"sums": 0.3, "orders": 0.9}), suite=SUITE, model="tiny")
    for number, step in enumerate(STEPS):
        shares = {"sums": 0.45 + 0.2 * number, "orders": 0.9 - 0.2 * number}
        write_run(place / f"s{step}", answer(shares), suite=SUITE, model=f"sft/step-{step}")
    return place


@pytest.fixture(scope="module")
def comparison(runs: Path) -> Path:
    file = runs / "comparison.json"
    names = [str(runs / f"s{step}") for step in STEPS]
    done = CliRunner().invoke(app, ["compare", *names, str(runs / "base"), "-o", str(file)])
    assert done.exit_code == 0, done.output
    return file


def test_a_panel_a_family_a_point_a_checkpoint(comparison: Path) -> None:
    found = load_curves(comparison)
    (figure,) = curves(found, {"in_domain": 0.03})
    sums, orders = figure["panels"]
    assert (sums["title"], orders["title"]) == ("in-domain", "general")
    xs = [point["x"] for point in sums["points"]]
    assert xs[2] - xs[1] == pytest.approx(2 * (xs[1] - xs[0]), abs=0.05)  # places are steps, not numbers
    heights = [point["y"] for point in sums["points"]]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] < figure["zero"]
    assert heights[-1] < figure["zero"] < orders["points"][-1]["y"]
    assert all(point["high"] < point["y"] < point["low"] for point in sums["points"])
    assert [point["tone"] for point in orders["points"]] == ["", "worse", "worse"]
    assert sums["points"][-1]["tone"] == "better"
    assert sums["margin"] > figure["zero"]
    assert orders["margin"] is None  # it has none of its own
    effect = found["comparisons"][2]["families"]["general"]
    assert f"40: −{-100 * effect['mean']:.1f} ± {100 * effect['stderr']:.1f}" in orders["words"]


def test_what_is_not_known_is_no_point(comparison: Path) -> None:
    found = load_curves(comparison)
    found["comparisons"][1]["families"]["general"] |= {"mean": None, "stderr": None, "interval": None}
    (figure,) = curves(found, None)
    assert len(figure["panels"][1]["points"]) == 2
    assert "20: not known" in figure["panels"][1]["words"]


def test_the_page_shows_it(page: Page, runs: Path, comparison: Path) -> None:
    file = runs / "report.html"
    arguments = ["report", str(runs / "s40"), str(runs / "base"), "--curve", str(comparison), "-o", str(file)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    tab = page.open(file)
    assert tab.locator("#curves .panel").count() == 2
    assert tab.locator("#curves .dot").count() == 2 * len(STEPS)
    assert tab.locator("nav a[href='#curves']").count() == 1
    assert "sft, step by step: the difference to tiny" in tab.locator("#curves .hint").inner_text()
    shown = tab.locator("#curves .panel svg").first.bounding_box()
    for dot in tab.locator("#curves .panel").first.locator(".dot").all():
        box = dot.bounding_box()
        assert shown["x"] <= box["x"] <= shown["x"] + shown["width"]
        assert shown["y"] <= box["y"] <= shown["y"] + shown["height"]
    page.assert_quiet(file)


def test_without_curves_there_is_no_section(page: Page, report: Path) -> None:
    assert page.open(report).locator("#curves, nav a[href='#curves']").count() == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"curves": []}, "is no comparison.json"),
        ({"schema": 1, "alpha": 0.05, "base": {"model": "b"}, "comparisons": [], "curves": []}, "holds no curve"),
        (
            {"alpha": 0.05, "base": {"model": "b"}, "comparisons": [],
             "curves": [{"training_run": "r", "points": [{"step": 1, "comparison": 0}]}]},
            "is no comparison.json",
        ),
        (
            {"alpha": 0.05, "base": {"model": "b"}, "comparisons": [],
             "curves": [{"training_run": "r", "points": []}]},
            "is no comparison.json",
        ),
    ],
)  # fmt: skip
def test_other_files_are_refused(content: Any, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "comparison.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=sentence):
        load_curves(file)
    with pytest.raises(UserError, match="nowhere"):
        load_curves(tmp_path / "nowhere.json")
