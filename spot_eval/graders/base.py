"""What a grader says of one answer: right, wrong, or not judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """One answer, judged.

    `score` is a fraction of 1, or None where the grader could not judge (it is then left out of every mean, and
    `why` says what happened). `extracted` is what was read as the answer; `unparsed` says that an answer was looked
    for and none was found, which scores 0 and is counted apart from wrong. `metrics` holds further scores of the same
    answer by name (another paper's metric, the parts of a joint score), fractions of 1 or None. `weights` says how much
    of a metric's mean over docs this doc carries, where that is not 1 (three instructions count three times).
    """

    score: float | None
    extracted: str | None = None
    why: str = ""
    unparsed: bool = False
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def not_judged(self) -> bool:
        """Whether the grader gave up; then `score` is None and `why` says the reason."""
        return self.score is None


def no_answer(why: str, **metrics: float | None) -> Verdict:
    """An answer was looked for and none was found: scores 0, counted as unparsed."""
    return Verdict(0.0, None, why, unparsed=True, metrics=metrics)


def undecided(why: str, extracted: str | None = None, **metrics: float | None) -> Verdict:
    """The grader could not judge: outside the mean."""
    return Verdict(None, extracted, why, metrics=metrics)


@dataclass(frozen=True)
class Grader:
    """A judge by name.

    `judge(doc, text)` reads the whole generation (thinking included) and never raises on hostile text; `doc` is the
    task's row. `same(a, b)` says whether two extracted answers are one answer, for majority votes; None where a vote
    makes no sense. `version` goes up whenever a verdict could change. `perfect(row, gold)` is a reply that must score
    1, made of the doc's own gold; None where a gold is no reply.
    """

    name: str
    version: int
    judge: Callable[[Mapping[str, Any], str], Verdict]
    same: Callable[[str, str], bool] | None = None
    perfect: Callable[[Mapping[str, Any], Any], str | None] | None = None


OPEN, CLOSE = "<think>", "</think>"


def after_thinking(text: str) -> str | None:
    """The part of a generation that is meant as the answer; None when the thinking never ended.

    A chat template may already have opened the block in the prompt, so a closing tag alone ends one.

    >>> after_thinking("<think>2+2, so 4</think>The answer is 4.")
    'The answer is 4.'
    >>> after_thinking("<think>2+2, so") is None
    True
    """
    answer = text.rpartition(CLOSE)[2]
    return None if OPEN in answer else answer
