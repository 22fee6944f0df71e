"""The report as Markdown, against golden files, and with hostile names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spot_eval.report.content import load_content
from spot_eval.report.markdown import inert
from spot_eval.report.render import render
from tests.report.made_up_runs import write_run

DATA = Path(__file__).parents[1] / "data"
GATE = {
    "verdict": "fail",
    "summary": "this checkpoint got worse (general -25.0 points)",
    "notes": ["a note"],
    "lost": 2,
    "gained": 1,
    "families": {
        "in_domain": {"verdict": "pass", "reason": "family in_domain keeps within the margin", "margin": 0.03},
        "general": {"verdict": "fail", "reason": "family general got worse: -25.0 points", "margin": 0.03},
    },
    "guards": {"orders": {"verdict": "inconclusive", "reason": "task orders has no doc"},
               "sums": {"verdict": "pass", "reason": "task sums: no fall"}},
    "limits": [{"family": "general", "flag": "not_judged", "verdict": "inconclusive", "reason": "family general: 9 %"}],
}  # fmt: skip


@pytest.mark.parametrize(("form", "file"), [("md", "report.md"), ("model-card", "model_card.md")])
def test_the_golden_markdown(candidate: Path, base: Path, form: str, file: str) -> None:
    content = replace(load_content(candidate, [str(base)]), gate=GATE)
    assert render(content, form, 0) == (DATA / file).read_text(encoding="utf-8")


def test_one_run_alone(candidate: Path) -> None:
    shown = render(load_content(candidate, []), "md", 0)
    assert shown.startswith("## ")
    assert "difference" not in shown
    assert "| sums | 75.0 ± 17.1 | 6 × 4 | 16.7 | 16.7 | 0.0 | 7 |" in shown


def test_names_are_inert(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>|@someone https://a.example [x](javascript:y) `code` **b**"
    run = write_run(tmp_path / "run", model=name, suite={"<b>family": {"task|1": (2, 1)}})
    for form in ("md", "model-card"):
        shown = render(load_content(run, []), form, 0)
        for markup in ("<img", "<b>", "@someone", "https://", "[x](", "`code`", "**b"):
            assert markup not in shown
        assert "task\\|1" in shown


def test_inert_leaves_plain_names_alone() -> None:
    assert inert("Qwen3-8B-SPoT gpqa_diamond +2.8 ± 0.8") == "Qwen3-8B-SPoT gpqa_diamond +2.8 ± 0.8"
    assert inert("_x_\ny") == "\\_x\\_ y"
