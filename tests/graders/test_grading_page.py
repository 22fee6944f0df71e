"""docs/grading.md: every row of its tables of verdicts is judged as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spot_eval.graders import load_grader

PAGE = Path(__file__).parents[2] / "docs" / "grading.md"
ROW = re.compile(r"\| `(?P<gold>[^`|]+)` \| `(?P<reply>[^`]+)` \| (?P<verdict>right|wrong|unparsed) \|")


def rows(section: str) -> list[tuple[str, str, str]]:
    """Return (gold, reply, verdict) of each row below a heading."""
    text = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [(found["gold"], found["reply"], found["verdict"]) for found in ROW.finditer(text)]


@pytest.mark.parametrize(
    ("section", "grader", "least"), [("Mathematics", "maths", 30), ("Multiple choice", "choice", 7)]
)
def test_the_page_says_what_the_grader_does(section: str, grader: str, least: int) -> None:
    found = rows(section)
    assert len(found) >= least
    judge = load_grader(grader).judge
    wrong = []
    for gold, reply, said in found:
        verdict = judge({"answer": gold}, reply)
        is_ = "unparsed" if verdict.unparsed else "right" if verdict.score == 1 else "wrong"
        if is_ != said:
            wrong.append((gold, reply, said, is_))
    assert not wrong
