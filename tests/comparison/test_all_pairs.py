"""Every pair of several runs: the numbers of a comparison of the two, with Holm over all pairs."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from statsmodels.stats.multitest import multipletests

from spot_eval.comparison.all_pairs import compare_pairs
from spot_eval.comparison.compare import compare_one
from spot_eval.display.comparison import print_pairs
from tests.gating.test_rules import still, task
from tests.made_runs import made

QUIET = still()


def run(name: str, lost: int) -> object:
    return made({"a": QUIET[0], "b": QUIET[0], "c": task(400, lost=lost, gained=4, wrong=100)[0]}, name, name=name)


def test_each_pair_has_the_numbers_of_its_own_comparison_and_holm_over_the_pairs() -> None:
    runs = [run("one", 2), run("two", 30), run("three", 60), run("four", 61)]
    found = compare_pairs(runs)  # type: ignore[arg-type]
    assert [(row["a"], row["b"]) for row in found["rows"]] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    for row in found["rows"]:
        alone = compare_one(runs[row["a"]], runs[row["b"]])  # type: ignore[arg-type]
        for name in ("mean", "stderr", "interval", "p"):
            assert row["overall"][name] == alone["overall"][name]
            assert row["families"]["general"][name] == alone["families"]["general"][name]
    for entries in (
        [row["overall"] for row in found["rows"]],
        [entry for row in found["rows"] for entry in row["families"].values()],
    ):
        peer = multipletests([entry["p"] for entry in entries], method="holm")
        assert [entry["p_holm"] for entry in entries] == pytest.approx(list(peer[1]))
        assert [entry["differ"] for entry in entries] == [bool(one) for one in peer[0]]
    verdicts = {(row["a"], row["b"]): row["overall"]["differ"] for row in found["rows"]}
    assert verdicts[0, 2]
    assert not verdicts[2, 3]


def test_a_pair_that_is_not_comparable_is_named_and_the_others_are_compared() -> None:
    first, second, third = run("one", 2), run("two", 30), run("three", 60)
    third = replace(third, graders=dict.fromkeys("abc", "maths/2"))  # type: ignore[type-var]
    found = compare_pairs([first, second, third])  # type: ignore[list-item]
    reasons = {(row["a"], row["b"]): row["not_comparable"] for row in found["rows"]}
    assert reasons[0, 1] is None
    assert "judged by" in reasons[0, 2]
    assert found["rows"][1]["overall"] == {
        "mean": None, "stderr": None, "exact": None, "interval": None, "p": None, "p_holm": None, "differ": None,
    }  # fmt: skip
    text = StringIO()
    print_pairs(found, Console(file=text, width=80))
    assert "A - C is not compared" in text.getvalue()


def test_the_table_fits_eighty_columns_and_marks_what_differs() -> None:
    found = compare_pairs([run("a" * 50, 2), run("[red]\x1b[31m", 30), run("three", 60)])  # type: ignore[list-item]
    text = StringIO()
    print_pairs(found, Console(file=text, width=80))
    table, _, rest = text.getvalue().partition("A: ")
    assert max(map(len, table.splitlines())) <= 80
    assert any("*" in line for line in table.splitlines() if line.strip().startswith("A - C"))
    assert "\x1b" not in rest
    assert "[red]" in rest
    assert "pairs that differ: A-B, A-C" in rest
