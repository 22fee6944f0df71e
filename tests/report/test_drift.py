"""Drift and slices on the page and in the gate: numbers as measured, text inert."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.report.content import load_content
from spot_eval.report.curves import curves
from spot_eval.report.drift import LEVELS, drift
from spot_eval.report.render import render
from spot_eval.runs.drift_files import read_drift
from tests.report.made_up_drift import write_drift


@pytest.fixture
def moved(candidate: Path, base: Path, tmp_path: Path) -> Path:
    """The candidate's run with drift measured from the base's run."""
    run = tmp_path / "moved"
    shutil.copytree(candidate, run)
    recorded = json.loads((base / "manifest.json").read_text())["config"]["model"].get("fingerprint")
    write_drift(run / "drift", base_fingerprint=recorded)
    return run


def test_neighbours_of_one_shade_are_one_span_and_the_strongest_has_the_last_shade(tmp_path: Path) -> None:
    write_drift(tmp_path)
    found = read_drift(tmp_path)
    assert found is not None
    view = drift(found)
    (answer,) = view["answers"]
    levels = [span["level"] for span in answer["spans"]]
    assert levels[1] == 0
    assert 0 < levels[2] < levels[0] < levels[3] == LEVELS
    assert "".join(span["text"] for span in answer["spans"]).startswith("<b>Two and two\n</p>")
    assert [row["kl"]["text"] for row in view["rows"]] == ["123", "123", "123"]
    assert view["rows"][-1]["kl"]["error"] == ""


def test_the_page_shows_it_and_runs_none_of_it(moved: Path, base: Path, page: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(load_content(moved, [str(base)]), "html", 1_000_000), encoding="utf-8")
    tab = page.open(path)
    assert "<b>Two" in tab.locator("#drift .tokens").inner_text()
    assert tab.locator("#drift .tokens .k8").count() == 1
    assert tab.locator("#drift tbody tr").count() == 3
    page.assert_quiet(path)


def test_the_gate_tells_it_for_information(moved: Path, base: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["gate", str(moved), "--baseline", str(base), "-o", str(tmp_path / "g")])
    assert "drift (information, no part of the verdict): KL 123 thousandths" in " ".join(done.stdout.split())
    assert "no part of the verdict" in (tmp_path / "g" / "gate.md").read_text()
    write_drift(moved / "drift", base_fingerprint="another base")
    again = CliRunner().invoke(app, ["gate", str(moved), "--baseline", str(base), "-o", str(tmp_path / "g")])
    assert "drift" not in again.stdout


def test_a_folder_without_drift_and_by_without_a_base_are_refused(candidate: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no drift.json; measure it"):
        load_content(candidate, [str(base)], drift_folder=tmp_path)
    with pytest.raises(UserError, match="--by shows what was lost against a base run"):
        load_content(candidate, [], by=["subject"])


def test_slices_stand_on_the_page_where_they_are_asked_for(candidate: Path, base: Path) -> None:
    content = load_content(candidate, [str(base)], by=["length"])
    text = render(content, "html", 1_000_000)
    assert "<h3>By length</h3>" in text
    assert "over all slices" in text
    assert 'id="lost"' not in render(load_content(candidate, [str(base)]), "html", 1_000_000)


def test_drift_by_checkpoint_is_a_figure_of_its_own() -> None:
    entry = {"mean": 0.1, "stderr": 0.01, "interval": [0.08, 0.12]}
    comparison = {
        "base": {"model": "tiny"},
        "alpha": 0.05,
        "comparisons": [{"families": {"general": entry}, "overall": entry}] * 2,
        "curves": [
            {
                "training_run": "sft",
                "points": [
                    {"step": step, "comparison": at,
                     "drift": {"general": {"mean": kl, "stderr": 0.001, "z": 1.0}, "overall": {"mean": None}}}
                    for at, (step, kl) in enumerate([(10, 0.01), (20, 0.02)])
                ],
            }
        ],
    }  # fmt: skip
    differences, drifts = curves(comparison, None)
    assert [panel["title"] for panel in drifts["panels"]] == ["drift, general"]
    low, high = (point["y"] for point in drifts["panels"][0]["points"])
    assert low > high  # from the top
    assert drifts["ticks"] == differences["ticks"]
