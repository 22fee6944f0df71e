"""One preparation for `run` and `run --dry-run`: they end in the same requests, configuration and folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.dry_run import LocalOnly
from spot_eval.evaluation.prepare import Fetching, prepare


@pytest.fixture
def options(tiny: Path, boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOptions:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOT_EVAL_DATA", "")
    return RunOptions(
        model=str(tiny),
        suite="spot",
        tasks=["connect4"],
        data_files={"connect4": boards},
        engine_args={"device": "cpu"},
        limit=2,
        repeats=1,
        max_new_tokens=6,
    )


def test_a_dry_run_prepares_what_the_run_prepares(options: RunOptions) -> None:
    said: list[str] = []
    dry = prepare(options, LocalOnly(said.append, may_fetch=False), said.append)
    real = prepare(options, Fetching(said.append), said.append)
    assert real.plan == dry.plan
    assert (real.config, real.out, real.suite) == (dry.config, dry.out, dry.suite)
    assert len(real.complete()[1].requests) == 2


def test_a_problem_stops_a_run_and_a_dry_run_goes_on(options: RunOptions, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "todo.txt").write_text("")
    taken = replace(options, out=tmp_path / "taken", engine_args={"device": "cpu", "max_model_len": "30"})
    with pytest.raises(UserError, match="do not fit"):
        prepare(taken, Fetching(print), print)
    inputs = LocalOnly(print, may_fetch=False)
    assert prepare(taken, inputs, print).out == tmp_path / "taken"
    assert [problem.split(":")[0] for problem in inputs.problems] == [
        "2 prompts do not fit the model's context of 30 tokens",
        f"{tmp_path / 'taken'} exists and is not a run directory; choose another with --out",
    ]
