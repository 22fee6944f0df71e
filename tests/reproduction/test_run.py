"""A small experiment, whole: run, killed, gone on with, shown; and its numbers beside those of the kept full run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.reproduction import exam
from spot_eval.reproduction.protocol import FULL, QUICK
from spot_eval.reproduction.run import at_edge, choose, run_experiment
from spot_eval.reproduction.table import results_of, rows_of, summary
from tests.command_line import spot_eval

KEPT = Path(__file__).parents[1] / "benchmarks" / "reproduction.json"
SMALL = replace(QUICK, methods=("sft+", "spot-bce"), seeds=(0,), test_items=60)
BAND = 0.12
"""How far 60 items a part may lie from the full run's mean: about three standard errors."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reproduction") / "small"
    run_experiment(SMALL, place, jobs=2)
    return place


@pytest.mark.slow
def test_gain_and_retention_are_those_of_the_full_run(folder: Path) -> None:
    found = {row.method: row for row in rows_of(run_experiment(SMALL, folder, jobs=1))}
    kept = {row["method"]: row for row in read_json(KEPT)["rows"] if row["regime"] in ("", "many pairs, few steps")}
    row = found["spot-bce"]
    assert row.gain is not None
    assert row.gain.mean == pytest.approx(kept["spot-bce"]["gain"]["mean"], abs=BAND)
    assert row.changes["general"].mean == pytest.approx(kept["spot-bce"]["changes"]["general"]["mean"], abs=BAND)
    assert row.drift < found["sft+"].drift


@pytest.mark.slow
def test_a_result_that_is_lost_is_made_again_and_is_the_same(folder: Path) -> None:
    before = summary(run_experiment(SMALL, folder, jobs=1))
    (file,) = folder.glob("results/spot-bce-*.json")
    content = json.loads(file.read_text())
    file.unlink()
    assert summary(run_experiment(SMALL, folder, jobs=1)) == before
    again = json.loads(file.read_text())
    assert {**again, "last": None} == {**content, "last": None}
    assert not list(folder.glob("setting-*"))


def test_another_experiment_in_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = spot_eval("reproduce", "--quick", "-o", tmp_path)
    assert done.returncode == 2
    assert "exists and holds no experiment; choose another with --out" in done.stderr
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "protocol.json").write_text("{}")
    with pytest.raises(UserError, match="holds another experiment \\(its methods differs\\)"):
        run_experiment(QUICK, tmp_path / "other")


def test_the_exam_has_what_it_says_and_closing_needs_its_steps() -> None:
    asked = exam.questions("dev", 7, 5)
    parts = [one.part for one in asked]
    assert {part: parts.count(part) for part in exam.PARTS} == {part: 5 * exam.WEIGHTS[part] for part in exam.PARTS}
    assert {one.item.kind for one in asked if one.part == "closing"} == {"closing"}
    assert not {one.item.kind for one in asked if one.part == "words"} & {"brief", "closing"}
    closing = next(one for one in asked if one.part == "closing")
    ((label, one),) = closing.item.sums.items()
    worked = f"{label}: well {one.a} {one.sign} {one.b} gives {{}}. Answer: {label} {{}}. {closing.item.answer}"
    right, wrong = (worked.format(result, result) for result in (one.result, one.result + 1))
    assert exam.judged([closing] * 3, [right, wrong, closing.item.answer]) == [True, False, False]


def test_the_best_mean_of_families_is_chosen_and_an_edge_is_said() -> None:
    parts = ["arithmetic", "bags", "brief"]
    base = {"parts": parts}

    def result(method: str, rate: float, right: str) -> dict[str, object]:
        return {"setting": {"method": method, "rate": rate, "beta": None}, "right": right}

    protocol = replace(FULL, methods=("sft", "sft+"))
    grid = [result("sft", 1e-4, "110"), result("sft", 1e-3, "111"), result("sft+", 1e-4, "010"),
            result("sft+", 3e-4, "010")]  # fmt: skip
    chosen = choose(grid, base)
    assert chosen == {"sft": (1e-3, None), "sft+": (1e-4, None)}
    assert at_edge(protocol, chosen) == ["sft"]
    finals = [{"setting": {"regime": "a", "method": "m", "seed": seed}} for seed in (1, 0)]
    assert [one["setting"]["seed"] for one in results_of(finals)["a", "m"]] == [0, 1]
