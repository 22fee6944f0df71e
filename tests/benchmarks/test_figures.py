"""Every figure of speed or memory that the docs quote is one of a kept run, and every kept figure reads as quoted."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.benchmarks.figures import BENCHES, Figure, all_figures, not_kept

ROOT = Path(__file__).parents[2]
QUOTED = re.compile(r"\b\d+\.\d+x\b|\b\d+(?:\.\d+)? times (?:the|one|vLLM|as)\b|\b\d+(?:\.\d+)? s of CPU\b")
"""Ratios and CPU times, as the docs write them."""
OTHERS = {
    "docs/code.md": {"10 s of CPU"},  # the sandbox's own limit
    "docs/security.md": {"20 s of CPU"},  # the limit of the fuzz
    "docs/gpu.md": None,  # a table of its own kept run, with a test of its own
}
"""Page to what looks like a figure and is none; None for a page that another test holds against its run."""


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return [figure for _, figure in all_figures()]


def page(name: str) -> str:
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def test_every_run_is_kept() -> None:
    """Those of vLLM are not yet; docs/engines.md says so."""
    assert set(not_kept()) <= {"vllm", "api"}
    assert ("no run of it is kept yet" in page("docs/engines.md")) == bool(not_kept())


def test_the_docs_say_what_was_measured(figures: list[Figure]) -> None:
    quoted = [figure for figure in figures if figure.quote]
    assert len(quoted) >= 10
    for figure in quoted:
        assert figure.quote in page(figure.page), figure


def test_the_docs_quote_nothing_that_was_not_measured(figures: list[Figure]) -> None:
    said = defaultdict(list)
    for figure in figures:
        said[figure.page].append(figure.quote)
    for file in ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]:
        if OTHERS.get(file, set()) is None:
            continue
        known = {quote for sentence in said[file] for quote in QUOTED.findall(sentence)} | (OTHERS.get(file) or set())
        assert set(QUOTED.findall(page(file))) <= known, file


def test_every_benchmark_that_is_run_is_in_the_table() -> None:
    made = set(re.findall(r"tests\.benchmarks\.bench_(\w+)", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert made == set(BENCHES)


def test_who_is_ahead() -> None:
    assert Figure("w", "TRL", 0.5).ahead == "ours"
    assert Figure("w", "TRL", 1.2).ahead == "TRL, aim 1"
    assert Figure("w", "TRL", 0.5, aim=0.4).ahead == "ours, aim 0.4"
    assert (Figure("w", "limit", 0.9).ahead, Figure("w", "limit", 1.1).ahead) == ("ok", "ABOVE")
