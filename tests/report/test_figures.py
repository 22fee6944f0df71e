"""Numbers on their way to a page: places, axes, histograms, and the words for those who do not see them."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spot_eval.display import format
from spot_eval.report import figures
from tests.metrics.test_scoreboard import sample

NAMES = ("now", "base")
ENTRY = {"stderr": 0.01, "p": 0.03, "p_holm": 0.06}


def entry(mean: float | None, low: float = 0.0, high: float = 0.0) -> dict[str, Any]:
    return {**ENTRY, "mean": mean, "interval": None if mean is None else (low, high)}


def comparison(overall: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    return {"overall": overall, "families": {"ood": {**overall, "tasks": ["t"]}}, "tasks": {"t": task}}


def test_a_bar_is_where_its_number_is() -> None:
    bar = figures.bar("aime24", 0.25, 0.05, 0.5)
    assert bar == {"at": 25.0, "low": 20.0, "high": 30.0, "base": 50.0,
                   "words": "aime24: 25.0 ± 5.0 percent; base 50.0"}  # fmt: skip
    assert figures.bar("x", None, None, None) is None
    near_the_wall = figures.bar("x", 0.99, 0.05, None)
    assert near_the_wall is not None
    assert near_the_wall["high"] == 100.0


def test_the_forest_holds_every_interval_zero_and_the_margin() -> None:
    figure = figures.forest(comparison(entry(0.02, 0.01, 0.03), entry(-0.1, -0.2, 0.0)), 0.05, {"ood": 0.03}, NAMES)
    overall, family, task = figure["rows"]
    assert [row["level"] for row in figure["rows"]] == ["overall", "family", "task"]
    assert family["title"] == "out-of-domain"
    assert (overall["tone"], task["tone"]) == ("better", "")  # a bound of zero is no proof
    assert 0 < task["low"] < task["at"] < figure["margin"] < figure["zero"] < overall["low"] < overall["high"] < 100
    assert figure["zero"] in [tick["at"] for tick in figure["ticks"]]
    assert "−3.0 points" in figure["hint"]
    assert figure["hint"].startswith("now minus base")
    assert overall["words"] == "overall: +2.0 ± 1.0 points, from +1.0 to +3.0"


def test_what_is_not_known_is_said() -> None:
    figure = figures.forest(comparison(entry(None), entry(0.0)), 0.05, None, NAMES)
    assert figure["rows"][0]["at"] is None
    assert "not known" in figure["rows"][0]["words"]
    assert 0 < figure["zero"] < 100  # identical runs have an axis, too


@given(st.floats(-1, 1), st.floats(1e-3, 1))
def test_ticks_are_round_few_and_inside(low: float, width: float) -> None:
    values = figures.round_values(low, low + width)
    assert 2 <= len(values) <= 8
    assert all(low - 1e-9 <= value <= low + width + 1e-9 for value in values)
    step = values[1] - values[0]
    assert any(
        math.isclose(step / 10 ** math.floor(math.log10(step) + 1e-9), factor, rel_tol=1e-6) for factor in (1, 2, 5)
    )


def docs(*scores: list[float | None]) -> list[list[Any]]:
    return [[sample("t", doc, r, score) for r, score in enumerate(of_doc)] for doc, of_doc in enumerate(scores)]


def test_a_histogram_counts_every_judged_doc() -> None:
    figure = figures.score_histogram([docs([1, 1], [1, 0], [0, 0], [None, None]), docs([0, 0])], ["now", "base"])
    assert figure is not None
    said = [bar["words"] for bar in figure["bars"]]
    assert said == ["base: 1 of 1, 0.0 %", "now: 1 of 3, 0.0 %", "now: 1 of 3, 50.0 %", "now: 1 of 3, 100.0 %"]
    assert {bar["side"] for bar in figure["bars"]} == {"candidate", "base"}
    assert all(bar["x"] >= 0 and bar["x"] + bar["width"] <= 100 for bar in figure["bars"])


def test_fractions_share_ten_bins() -> None:
    figure = figures.score_histogram([docs([0.33], [0.999], [1.0])], ["now"])
    assert figure is not None
    assert [bar["words"] for bar in figure["bars"]] == ["now: 1 of 3, 30 to 40 %", "now: 2 of 3, 90 to 100 %"]
    assert figures.score_histogram([docs([None])], ["now"]) is None


def test_lengths_keep_all_answers_and_mark_medians() -> None:
    figure = figures.length_histogram([[1, 10, 100, 1000], [10, 10, 10]], ["now", "base"])
    assert figure is not None
    assert sum(int(bar["words"].split(" of ")[0].split(": ")[1]) for bar in figure["bars"]) == 4
    assert [mark["side"] for mark in figure["means"]] == ["candidate", "base"]
    assert "1 to 1,000" in figure["words"]
    assert figures.length_histogram([[7, 7, 7]], ["now"]) is not None
    assert figures.length_histogram([[0]], ["now"]) is not None
    assert figures.length_histogram([[], []], ["now", "base"]) is None


def test_numbers_for_people() -> None:
    assert str(format.difference(-0.004, 0.001)) == "−0.4 ± 0.1"
    assert str(format.difference(-0.00001)) == "0.0"  # no sign where nothing is to be seen
    assert [format.p_phrase(p) for p in (0.0004, 0.031, 1.0, None)] == ["p < .001", "p = .031", "p = 1", ""]
    assert format.with_minus("from -1.5 to x-2 (-3)") == "from −1.5 to x-2 (−3)"
    assert format.sentence("it is so") == "It is so."
    assert [format.size(count) for count in (10, 812_000, 3_400_000)] == ["1 kB", "812 kB", "3.4 MB"]
