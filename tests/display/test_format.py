"""Scores and differences as text: an error, or exact bounds where there is none."""

from __future__ import annotations

from spot_eval.display.format import exact_difference, percent, score


def test_a_score_shows_its_error_or_its_exact_bounds() -> None:
    assert percent(0.312, 0.06) == "31.2 ± 6.0"
    assert percent(None) == "-"
    assert percent(1.0, None, [0.985, 1.0]) == "100.0 (≥98.5)"
    assert percent(0.0, None, [0.0, 0.015]) == "0.0 (≤1.5)"
    assert percent(0.5, None, [0.45, 0.55]) == "50.0 (45.0–55.0)"
    assert score(0.5) == ("50.0", "")


def test_a_difference_shows_the_bounds_it_has() -> None:
    assert exact_difference(0.0, [-0.015, 0.015]) == "+0.0 (±1.5)"
    assert exact_difference(-1.0, [-1.0, -0.97]) == "-100.0 (≤-97.0)"
    assert exact_difference(1.0, [0.97, 1.0]) == "+100.0 (≥+97.0)"
    assert exact_difference(0.25, [0.2, 0.26]) == "+25.0 (+20.0 to +26.0)"
