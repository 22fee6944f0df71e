"""The kept comparison of runs until a verdict with whole ones is that of the page, and its verdicts agree."""

from __future__ import annotations

from tests.benchmarks import miniature_verdicts

KEPT = miniature_verdicts.kept()
TEXT = miniature_verdicts.PAGE.read_text(encoding="utf-8")


def test_the_page_shows_the_kept_result() -> None:
    assert TEXT.count(miniature_verdicts.START) == 1
    shown = TEXT.partition(miniature_verdicts.START)[2].partition(miniature_verdicts.END)[0]
    assert shown.strip() == miniature_verdicts.page(KEPT).strip()


def test_a_stopped_run_ends_with_the_verdict_of_the_whole_and_asks_less() -> None:
    assert len(KEPT) == 4
    assert [one["until"]["gate"] == one["whole"]["gate"] for one in KEPT.values()] == [True, False, True, True]
    for name, one in KEPT.items():
        assert one["until"]["output_tokens"] < one["whole"]["output_tokens"], name
        assert one["whole"]["answers"] == 3500
        opposite = {"pass": "fail", "fail": "pass"}
        for family, found in one["until"]["families"].items():
            assert one["whole"]["families"][family]["verdict"] != opposite.get(found["verdict"]), (name, family)
