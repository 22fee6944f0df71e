"""A table on a narrow terminal: names fold, and every number stays whole."""

from __future__ import annotations

import io
import re

import pytest
from rich import box
from rich.table import Table

from spot_eval.display.terminal import Terminal

NUMBERS = ["82.5 ± 2.7", "100.0 (≥98.0)", "+37.0 ± 3.8", "200"]


def shown(width: int, name: str, edge: bool = True) -> str:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=edge, padding=0)
    table.add_column("", no_wrap=True)
    for number in NUMBERS:
        table.add_column(number.split()[0], justify="right", no_wrap=True)
    table.add_row(name, *NUMBERS)
    out = io.StringIO()
    Terminal(file=out, width=width, no_color=True).print(table)
    return out.getvalue()


@pytest.mark.parametrize("edge", [True, False])
@pytest.mark.parametrize("width", [20, 40, 60, 66, 80, 200])
@pytest.mark.parametrize("name", ["mini_instructions", "a_task_with_a_very_long_name_of_its_own", "x"])
def test_numbers_stay_whole_at_any_width(width: int, name: str, edge: bool) -> None:
    text = shown(width, name, edge)
    assert "…" not in text
    for number in NUMBERS:
        assert number in text
    assert re.sub(r"[^a-z_]", "", text) == name, "a part of the name on each line"


def test_a_name_folds_only_if_it_must() -> None:
    assert "mini_instructions" in shown(80, "mini_instructions")
    assert "mini_instructions" not in shown(50, "mini_instructions")


def test_any_column_of_names_gives_way_before_the_table_runs_over() -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("docs", justify="right", no_wrap=True)
    table.add_column("source")
    table.add_column("at hand", no_wrap=True)
    table.add_row("olympiadbench", "12,345", "a_very_long/name-of-a-data-set-on-the-hub", "no, gated")
    out = io.StringIO()
    Terminal(file=out, width=60, no_color=True).print(table)
    assert max(map(len, out.getvalue().splitlines())) <= 60
    assert all(word in out.getvalue() for word in ("12,345", "olympiadbench", "no, gated"))
