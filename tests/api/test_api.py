"""The Python API: light to import, one row per sample, the numbers of the command line, old options refused."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import spot_eval
from spot_eval import api
from spot_eval.cli import app
from spot_eval.core.files import read_json
from spot_eval.runs.baseline import save_baseline
from tests.made_runs import write_run

BASE = {"a": [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, None]], "b": [[1.0], [1.0], [0.0]], "c": [[1.0], [1.0]]}
NEW = {"a": [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]], "b": [[1.0], [1.0], [1.0]], "c": [[1.0], [1.0]]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A candidate and its base."""
    folder = tmp_path_factory.mktemp("api")
    return write_run(folder / "new", NEW, "n", name="new"), write_run(folder / "base", BASE, "b", name="base")


def command(*words: Any) -> Any:
    """What a verb prints with --json."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def test_importing_it_is_cheap_and_loads_nothing_heavy() -> None:
    code = (
        "import time, sys; before = time.process_time(); import spot_eval; spot_eval.run; spot_eval.UserError; "
        "print(time.process_time() - before); print(*sys.modules)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    seconds, modules = runs[0].stdout.splitlines()
    assert min(float(one.stdout.splitlines()[0]) for one in runs) < 0.1
    assert not {"torch", "pandas", "numpy", "pydantic", "lm_eval", "transformers", "rich"} & set(modules.split()), (
        seconds
    )


def test_every_name_is_there_typed_and_described() -> None:
    for name in spot_eval.__all__:
        value = getattr(spot_eval, name)
        assert name in dir(spot_eval)
        if not inspect.isfunction(value):
            continue
        parameters = inspect.signature(value).parameters
        assert all(one.annotation is not inspect.Parameter.empty for one in parameters.values()), name
        text = inspect.getdoc(value) or ""
        if len(parameters) > 3:
            described = text[text.index("Args:") :]
            assert not [one for one in parameters if f"\n    {one}: " not in described], name
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        spot_eval.runn  # noqa: B018


def test_a_run_has_one_record_per_sample(runs: tuple[Path, Path]) -> None:
    run = spot_eval.load_run(runs[1])
    records = run.records
    assert len(records) == 8 + 3 + 2
    assert dict(records.groupby("task")["family"].first()) == {"a": "in_domain", "b": "in_domain", "c": "general"}
    assert records["score"].isna().sum() == records["not_judged"].sum() == 1
    docs = records.groupby(["task", "doc_id"])["score"].mean()  # the scoreboard's mean, by hand
    assert docs.groupby("task").mean()["a"] == pytest.approx(run.scoreboard["tasks"]["a"]["mean"])
    assert run.scoreboard["tasks"] == read_json(runs[1] / "scoreboard.json")["tasks"]
    assert run.tasks.loc["b", "mean"] == run.scoreboard["tasks"]["b"]["mean"]
    assert list(run.families.index) == ["in_domain", "general"]
    assert "base on s v1" in repr(run)


def test_metrics_are_columns(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", BASE)
    lines = [json.loads(line) for line in (path / "samples.jsonl").read_text().splitlines()]
    for line in lines:
        line["metrics"] = {"strict": 0.5, "odd": None} if line["task"] == "b" else {}
    (path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    records = spot_eval.load_run(path).records.set_index("task")
    assert list(records.loc["b", "metric.strict"]) == [0.5] * 3
    assert records.loc["a", "metric.strict"].isna().all()
    assert str(records["metric.odd"].dtype) == "float64"


def test_texts_are_those_of_the_run_and_a_saved_baseline_has_records_only(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    base = spot_eval.load_run(runs[1])
    save_baseline(base.finished, tmp_path / "saved")
    saved = spot_eval.load_run(tmp_path / "saved")
    for frame in (base.records, saved.records):
        assert list(frame.groupby("task")["score"].count()) == [7, 3, 2]
    with pytest.raises(spot_eval.UserError, match="saved baseline"):
        saved.texts()
    with pytest.raises(spot_eval.UserError, match="no task 'z'; it has a, b, c"):
        base.texts(["z"])


def test_compare_gate_and_power_are_those_of_the_command_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    new, base = runs
    found = spot_eval.compare(new, spot_eval.load_run(base))
    assert found.data == command("compare", new, base, "-o", tmp_path / "comparison.json")
    one = found.data["comparisons"][0]
    assert found.tasks.loc["a", "lower"] == one["tasks"]["a"]["lower"]
    assert found.families.loc["in_domain", "interval.low"] == one["families"]["in_domain"]["interval"][0]
    assert list(found.flips["outcome"]) == ["lost", "gained"]
    assert list(found.flips["task"]) == ["a", "b"]
    decided = spot_eval.gate(new, base)
    assert decided.data == command("gate", new, "--baseline", base, "-o", tmp_path / "gate")
    assert decided.families.loc["general", "verdict"] == decided.data["families"]["general"]["verdict"]
    decided.write(tmp_path / "again")
    assert (tmp_path / "again" / "gate.json").read_bytes() == (tmp_path / "gate" / "gate.json").read_bytes()
    power = spot_eval.power(base, repeats=4)
    assert power.data == command("power", "--baseline", base, "--repeats", 4)
    assert list(power.families.index) == ["in_domain", "general"]


def test_the_same_run_has_no_flips_and_its_frame_keeps_its_columns(runs: tuple[Path, Path]) -> None:
    found = spot_eval.compare(runs[0], runs[0])
    assert len(found.flips) == 0
    assert "outcome" in found.flips.columns


def test_a_policy_is_a_file_or_a_mapping(runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("margin = 0.5\n")
    of_file, given = (spot_eval.gate(*runs, policy).data for policy in (tmp_path / "gate.toml", {"margin": 0.5}))
    assert {**of_file, "policy": None} == {**given, "policy": None}
    assert given["policy"] == {**of_file["policy"], "source": "given in Python"}
    with pytest.raises(spot_eval.UserError, match=r"policy: margin: 3 is not between 0 and 1"):
        spot_eval.gate(*runs, {"margin": 3})


def test_a_report_is_that_of_the_command_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    new, base = runs
    page = spot_eval.write_report(spot_eval.load_run(new), [base], tmp_path / "report.html")
    assert "<html" in page.read_text()
    done = CliRunner().invoke(app, ["report", str(new), "--baseline", str(base), "--format", "md"])
    assert spot_eval.report_text(new, [base], form="md") == done.stdout


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda run: spot_eval.run(limit=0), "limit is 0; expected at least 1"),
        (lambda run: spot_eval.run(policy={"margin": 0.1}), "until_verdict"),
        (lambda run: spot_eval.load_run(run / "none"), "none"),
        (lambda run: spot_eval.compare(run, "qwen3-8b"), "published table"),
        (lambda run: spot_eval.power(margin=3), "three points are 0.03"),
        (lambda run: spot_eval.power(difficulty=1.0), "difficulty 1 is not between"),
        (lambda run: spot_eval.power(docs={"aime": 3}), "expected a task of suite spot"),
        (lambda run: spot_eval.grade(run, suite="spot"), "suite applies to a FILE"),
        (lambda run: spot_eval.train("none/such", "pairs.jsonl", run / "out"), "none/such"),
    ],
)
def test_bad_input_is_one_sentence(call: Any, says: str, runs: tuple[Path, Path]) -> None:
    with pytest.raises(spot_eval.UserError, match=says):
        call(runs[1])


def test_runs_that_differ_in_what_decides_scores_are_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", BASE, skip_too_long=True, seed=1)
    suite = read_json(other / "manifest.json")
    suite["config"]["suite"]["version"] = 2
    (other / "manifest.json").write_text(json.dumps(suite))
    with pytest.raises(spot_eval.NotComparableError):
        spot_eval.compare(other, runs[1])


def test_results_are_classes_of_the_api() -> None:
    assert {"Run", "Comparison", "Gate", "Power", "Training"} <= set(api.__all__)


def test_certify_is_that_of_the_command_line(tmp_path: Path) -> None:
    right = {"a": [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]] * 8}
    base = write_run(tmp_path / "base", right, families={"general": ["a"]})
    found = spot_eval.certify(base, draws=20)
    assert found.data == command("certify", base, "--draws", 20)
    last = found.harms.loc["wrong answers"].iloc[-1]
    assert last["families.general.points"] < 0
    assert found.smallest.keys() == {harm["name"] for harm in found.data["harms"]}
    with pytest.raises(spot_eval.UserError, match="draws is 3"):
        spot_eval.certify(base, draws=3)
