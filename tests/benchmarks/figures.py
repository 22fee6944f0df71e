"""The figures that the docs quote, each from the kept run of a benchmark.

A benchmark module has `KEPT`, the JSON file of its last kept run, and `figures(kept)`. `python -m tests.benchmarks`
prints all of them as one table; tests/benchmarks/test_figures.py holds every figure of the docs against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from spot_eval.core.files import read_json

BENCHES = (
    "startup", "harness", "grading", "grading_peers", "grade_meanwhile", "likelihood", "hf_batches", "adapters",
    "report", "connect4", "connect4_boards", "pairs", "code", "trainer", "vllm", "api",
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """Our cost of some work beside another's, or beside a limit.

    `ratio` is ours over theirs, so less is better; `aim` is the largest ratio that was wanted. `quote` is what `page`
    says of it, to the letter but for line breaks; both are empty if the docs do not say it.
    """

    work: str
    beside: str
    ratio: float
    aim: float = 1.0
    page: str = ""
    quote: str = ""

    @property
    def ahead(self) -> str:
        """Who needs less, in words; the limit has no word of its own."""
        if self.beside == "limit":
            return "ok" if self.ratio <= 1 else "ABOVE"
        who = "ours" if self.ratio < 1 else self.beside if self.ratio > 1 else "equal"
        return who if self.ratio <= self.aim else f"{who}, aim {self.aim:g}"


def all_figures() -> Iterator[tuple[str, Figure]]:
    """Yield (bench, figure) of every kept run."""
    for name in BENCHES:
        bench = import_module(f"tests.benchmarks.bench_{name}")
        if bench.KEPT.exists():
            for figure in bench.figures(read_json(bench.KEPT)):
                yield name, figure


def not_kept() -> list[str]:
    """Return the benches whose run is not kept."""
    return [name for name in BENCHES if not import_module(f"tests.benchmarks.bench_{name}").KEPT.exists()]
