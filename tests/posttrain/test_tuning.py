"""Tuning, whole: a grid trained and scored, chosen on dev docs alone, resumed; and what it says of the grid's ends."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.posttrain import tuning
from spot_eval.posttrain.tuned_grid import is_held_out
from spot_eval.posttrain.tuning import TuneOptions, grid_of, tune

PAIRS = Path(__file__).parents[2] / "examples" / "miniature_pairs.jsonl"


def options(out: Path, **given: Any) -> TuneOptions:
    settings: dict[str, Any] = {
        "model": "miniature", "pairs": PAIRS, "out": out, "suite": "miniature-dev", "objectives": ["sft+", "spot-bce"],
        "rates": (3e-4,), "betas": (1.0, 5.0), "limit": 12, "tasks": ("mini_arithmetic_dev", "mini_instructions_dev"),
        "train": {"steps": "4", "device": "cpu"}, "engine_args": ("device=cpu",),
    }  # fmt: skip
    return TuneOptions(**settings | given)


class InProcess:
    """Runs our verbs here, where torch is loaded already, and remembers them."""

    def __init__(self) -> None:
        self.verbs: list[str] = []

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        self.verbs.append(arguments[0])
        done = CliRunner().invoke(app, list(arguments))
        why = str(done.exception) if done.exception else ""
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, why)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """(folder, tune.json, verbs that were run)."""
    folder = tmp_path_factory.mktemp("tune") / "grid"
    runner = InProcess()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "spot_eval", runner)
        found = tune(options(folder), lambda sentence: None)
    return folder, found, runner.verbs


def test_every_setting_is_trained_scored_and_measured(tuned: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, found, verbs = tuned
    assert [verbs.count(verb) for verb in ("train", "run", "drift")] == [3, 4, 3]
    assert {(row["method"], row["rate"], row["beta"]) for row in found["points"]} == {
        ("sft+", 3e-4, None), ("spot-bce", 3e-4, 1.0), ("spot-bce", 3e-4, 5.0),
    }  # fmt: skip
    assert all(row["drift"] > 0 for row in found["points"])
    assert any(row["on_frontier"] for row in found["points"])
    assert json.loads((folder / "tune.json").read_text()) == found
    assert not list(folder.glob("points/*/checkpoint"))
    assert found["docs"]["dev"] + found["docs"]["held_out"] == 24
    (warning,) = found["warnings"]  # two betas: either choice is an end of the grid
    assert warning.startswith("spot-bce: the chosen beta ")
    assert "of the grid, so a better one may lie" in warning


def test_only_dev_docs_choose(tuned: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, found, _ = tuned
    base = [json.loads(line) for line in (folder / "base" / "samples.jsonl").read_text().splitlines()]
    (row,) = [one for one in found["points"] if (one["method"], one["rate"]) == ("sft+", 3e-4)]
    (place,) = folder.glob("points/sft+*rate-0.0003*/run")
    mine = [json.loads(line) for line in (place / "samples.jsonl").read_text().splitlines()]
    scores = {(one["task"], one["doc_hash"]): one["score"] for one in base}
    changes = [
        one["score"] - scores[one["task"], one["doc_hash"]]
        for one in mine
        if one["task"] == "mini_arithmetic_dev" and not is_held_out(one["doc_hash"], None, 0.5)
    ]
    assert row["families"]["in_domain"]["mean"] == pytest.approx(sum(changes) / len(changes))
    assert 0 < len(changes) < 12


def test_the_same_command_runs_only_what_is_missing(
    tuned: tuple[Path, dict[str, Any], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found, _ = tuned
    runner = InProcess()
    monkeypatch.setattr(tuning, "spot_eval", runner)
    assert tune(options(folder), lambda sentence: None) == found
    assert runner.verbs == ["run"]  # the base, which answers at once
    (file,) = folder.glob("points/spot-bce*beta-5*/point.json")
    file.unlink()
    assert tune(options(folder), lambda sentence: None) == found
    assert runner.verbs.count("train") == 1
    with pytest.raises(UserError, match="its points differs"):
        tune(options(folder, rates=(1e-4,)), lambda sentence: None)
    with pytest.raises(UserError, match="its limit differs"):
        tune(options(folder, limit=13), lambda sentence: None)


def test_docs_of_a_cluster_stand_on_one_side_and_the_share_is_kept() -> None:
    held = [is_held_out(f"doc {number}", None, 0.3) for number in range(4000)]
    assert 0.27 < sum(held) / len(held) < 0.33
    assert len({is_held_out(f"doc {number}", "one source", 0.5) for number in range(20)}) == 1
    assert not any(is_held_out(f"doc {number}", None, 0.0) for number in range(100))


def test_the_default_grid_lies_around_the_recipe() -> None:
    points = grid_of(TuneOptions("miniature", PAIRS, Path("x"), "miniature-dev", ["spot-bce", "sft+"]))
    assert len(points) == 15 + 5
    assert {point.rate for point in points} == {1e-5, 3e-5, 1e-4, 3e-4, 1e-3}
    assert {point.beta for point in points} == {1.0, 5.0, 25.0, None}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"objectives": ["spott"]}, "objective 'spott' is not known"),
        ({"rates": (0.0,)}, "--rates 0: expected numbers above 0"),
        ({"held_out": 1.0}, "--held-out 1: expected a fraction"),
        ({"train": {"beta": "1"}}, "--train-arg beta: tune itself says that"),
        ({"pairs": Path("none.jsonl")}, "--pairs none.jsonl: cannot be read"),
        ({"held_out": 0.999}, "docs of mini_.*_dev are held out, so none can decide"),
    ],
)
def test_bad_input_is_one_sentence(
    given: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "spot_eval", InProcess())
    with pytest.raises(UserError, match=says):
        tune(options(tmp_path / "grid", **given), lambda sentence: None)


def test_a_setting_that_cannot_be_trained_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "spot_eval", InProcess())
    given = options(tmp_path / "grid", limit=6, tasks=("mini_instructions_dev",), train={"max-tokens": "3"})
    with pytest.raises(UserError, match=r"sft\+, rate 0.0003 cannot be trained: no pair is left of 176"):
        tune(given, lambda sentence: None)


def test_as_it_is_typed(tuned: tuple[Path, dict[str, Any], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, found, _ = tuned
    monkeypatch.setattr(tuning, "spot_eval", InProcess())
    typed = ["tune", "--model", "miniature", "--pairs", PAIRS, "--suite", "miniature-dev", "-o", folder,
             "--rates", "3e-4", "--objective", "sft+", "--objective", "spot-bce", "--betas", "1,5", "--limit", 12,
             "--tasks", "mini_arithmetic_dev,mini_instructions_dev", "--train-arg", "steps=4",
             "--train-arg", "device=cpu", "--engine-arg", "device=cpu"]  # fmt: skip
    done = CliRunner().invoke(app, [*map(str, typed)], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.partition("*: chosen")[0].splitlines())) <= 80
    beta = found["chosen"]["spot-bce"]["beta"]
    assert f"--lr 0.0003 --beta {beta:g} --steps 4 --device cpu -o CKPT" in done.stdout
    assert "held-out docs: in-domain" in done.stdout
    with pytest.raises(UserError, match="--rates 'fast': expected numbers such as 1e-5,1e-4"):
        CliRunner().invoke(app, [*map(str, [*typed, "--rates", "fast"])], catch_exceptions=False)
