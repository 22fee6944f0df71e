"""Scores and differences as text: an error, or exact bounds where there is none."""

from __future__ import annotations

from spot_eval.display.format import difference, percent, score, signed


def test_a_score_shows_its_error_or_its_exact_bounds() -> None:
    assert percent(0.312, 0.06) == "31.2 ± 6.0"
    assert percent(None) == "-"
    assert percent(1.0, None, [0.985, 1.0]) == "100.0 (≥98.5)"
    assert percent(0.0, None, [0.0, 0.015]) == "0.0 (≤1.5)"
    assert percent(0.5, None, [0.45, 0.55]) == "50.0 (45.0–55.0)"
    assert score(0.5) == ("50.0", "")


def test_a_difference_shows_the_bounds_it_has() -> None:
    assert signed(0.021, 0.008) == "+2.1 ± 0.8"
    assert signed(0.0, None, [-0.015, 0.015]) == "+0.0 (±1.5)"
    assert signed(-1.0, None, [-1.0, -0.97]) == "-100.0 (≤-97.0)"
    assert signed(1.0, None, [0.97, 1.0]) == "+100.0 (≥+97.0)"
    assert signed(0.25, None, [0.2, 0.26]) == "+25.0 (+20.0 to +26.0)"
    assert difference(-0.25, None, [-0.26, -0.2]) == ("−25.0", "(−26.0 to −20.0)")
    assert difference(0.0, None, [-0.015, 0.015]) == ("0.0", "(±1.5)")
    assert difference(0.021, 0.008) == ("+2.1", "± 0.8")
