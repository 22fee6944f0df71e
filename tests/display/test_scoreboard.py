"""What a reader sees: fits a terminal, says what is missing, lets no markup through."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

from rich.console import Console

from spot_eval.display.format import clock, percent
from spot_eval.display.scoreboard import markdown, print_scoreboard
from spot_eval.metrics.scoreboard import scoreboard
from spot_eval.runs.baseline import difference
from spot_eval.runs.judged import judged_docs
from tests.metrics.test_scoreboard import SUITE, sample, two_docs
from tests.runs.test_baseline import CONFIG, base


def board(with_base: bool = False) -> dict[str, Any]:
    samples = two_docs("a") + [sample("c", doc, 0, 1.0, metrics={"paper": 0.5}) for doc in range(3)]
    made = {"model": "tiny", **scoreboard(samples, suite=SUITE, left_out={"b": "gated"})}
    if with_base:
        made["difference"] = difference(made, judged_docs(samples), CONFIG["suite"], base())
    return made


def text(board: dict[str, Any], width: int) -> str:
    out = io.StringIO()
    print_scoreboard(board, Console(file=out, width=width, no_color=True))
    return out.getvalue()


def test_the_table_fits_eighty_columns_with_every_number_whole() -> None:
    for with_base in (False, True):
        shown = text(board(with_base), 80)
        table = shown[: shown.index("overall")]
        assert max(map(len, table.splitlines())) <= 80
        assert "37.5 ± 12.5" in shown
        assert "…" not in shown


def test_what_is_missing_is_said() -> None:
    shown = text(board(), 100)
    assert "left out" in shown
    assert "b left out: gated" in shown
    assert shown.count("partial") == 2  # the family and overall


def test_differences_carry_their_error() -> None:
    assert "+37.5 ± 12.5" in text(board(with_base=True), 120)


def test_markdown_lets_nothing_through() -> None:
    hostile = copy.deepcopy(board())
    hostile["changes"] = {"limit": 3}
    hostile["model"] = "<script>alert(1)</script>|x"
    hostile["left_out"] = {"b": "<img onerror=x>\n# title"}
    made = markdown(hostile)
    assert "<script" not in made
    assert "v1, limit 3\n" in made
    assert "<img" not in made
    assert "\n# title" not in made


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    made = board()
    made["left_out"] = {"b": "[red]not markup[/red]"}
    assert "[red]not markup[/red]" in text(made, 120)


def test_numbers_for_people() -> None:
    assert [clock(seconds) for seconds in (4.23, 200, 7500)] == ["4.2 s", "3 min 20 s", "2 h 05 min"]
    assert percent(None) == "-"
    assert percent(0.3121, 0.0604) == "31.2 ± 6.0"


def test_the_golden_markdown() -> None:
    assert markdown(board()) == (Path(__file__).parents[1] / "data" / "scoreboard.md").read_text()
