"""Which runs a report may be about, and whose policy its verdict follows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.report.content import load_content
from spot_eval.report.render import render
from tests.report.made_up_runs import SAMPLING, write_run
from tests.report.report_pages import candidate_answer


def test_the_verdict_is_the_gates(candidate: Path, base: Path) -> None:
    from spot_eval.gating.decide import gate
    from spot_eval.gating.policy import load_policy

    content = load_content(candidate, [str(base)])
    decided, _ = gate(content.candidate, content.bases[0], *load_policy(None))
    assert content.gate == decided


def test_the_policy_of_the_last_gate_holds_until_another_is_named(base: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", candidate_answer, model="tiny-sft")
    own = tmp_path / "wide.toml"
    own.write_text("margin = 0.5\n[guards]\ndrop = 0.9\n[limits]\nunparsed = 0.9\ntruncated = 0.9\nnot_judged = 0.9\n")
    result = CliRunner().invoke(app, ["gate", str(run), "--baseline", str(base), "--policy", str(own)])
    decided = json.loads((run / "gate.json").read_text())
    assert result.exit_code == decided["exit_code"]
    content = load_content(run, [str(base)])
    assert content.gate is not None
    assert content.gate["policy"] == decided["policy"]
    assert content.gate["policy"]["margin"] == 0.5
    other = write_run(tmp_path / "other", model="other")
    assert load_content(run, [str(other)]).gate["policy"]["source"] == "default"  # type: ignore[index]
    stock = tmp_path / "stock.toml"
    stock.write_text("margin = 0.04\n")
    assert load_content(run, [str(base)], stock).gate["policy"]["margin"] == 0.04  # type: ignore[index]
    (run / "gate.json").write_text("{}")
    with pytest.raises(UserError, match=r"gate\.json is not a gate.json of this version"):
        load_content(run, [str(base)])


def test_what_makes_no_sense_is_refused(candidate: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is the run itself"):
        load_content(candidate, [str(candidate)])
    with pytest.raises(UserError, match="does not exist"):
        load_content(tmp_path / "nowhere", [])
    with pytest.raises(UserError, match="neither a run directory nor a published table"):
        load_content(candidate, ["qwen3-80b"])
    hotter = write_run(tmp_path / "hotter", model="hot")
    manifest = json.loads((hotter / "manifest.json").read_text())
    for task in manifest["config"]["suite"]["tasks"].values():
        task["sampling"] = {**SAMPLING, "temperature": 1.0}
    (hotter / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NotComparableError, match="temperature"):
        load_content(candidate, [str(hotter)])
    (tmp_path / "ungraded").mkdir()
    (tmp_path / "ungraded" / "manifest.json").write_text((base / "manifest.json").read_text())
    with pytest.raises(UserError, match=r"no samples\.jsonl"):
        load_content(tmp_path / "ungraded", [])


def test_a_saved_baseline_and_a_published_table_stand_beside_a_run(candidate: Path, base: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    done = CliRunner().invoke(app, ["baseline", "save", str(base), str(saved)])
    assert done.exit_code == 0, done.output
    page = render(load_content(candidate, [str(saved), "qwen3-8b"]), "html", 1_000_000)
    assert "scores, no texts" in page
    assert "46.8" in page  # the table's in-domain mean
    assert "for display only" in page
    against_run, against_saved = load_content(candidate, [str(base)]), load_content(candidate, [str(saved)])
    assert against_saved.verdict == against_run.verdict


def test_the_command_writes_beside_the_run_and_says_where(base: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", candidate_answer, model="tiny-sft")
    runner = CliRunner()
    done = runner.invoke(app, ["report", str(run), str(base)])
    assert done.exit_code == 0
    assert (run / "report.html").read_text().startswith("<!doctype html>")
    assert "report.html" in done.output
    done = runner.invoke(app, ["report", str(run), "--format", "md"])
    assert done.output.startswith("## ")
    problem = runner.invoke(app, ["report", str(run), "-o", str(tmp_path / "no" / "folder.html")])
    assert isinstance(problem.exception, UserError)


def test_a_report_is_built_without_torch(candidate: Path, base: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from spot_eval.report.render import render; "
        "from spot_eval.report.content import load_content; "
        f"render(load_content(Path({str(candidate)!r}), [{str(base)!r}]), 'html', 10**6); "
        "print({'torch', 'transformers', 'lm_eval', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
