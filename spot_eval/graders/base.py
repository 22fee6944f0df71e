"""The verdict of a grader on one answer: right, wrong, or not judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spot_eval.core.thinking import after_thinking

__all__ = ["Grader", "Verdict", "after_thinking", "no_answer", "undecided"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of an answer.

    `score` is a fraction of 1, or None if the grader could not judge (the answer is then left out of every mean, and
    `why` gives the reason). `extracted` is the answer that was read; `unparsed` is True if none was found, which
    scores 0 and is counted apart from wrong. `metrics` holds further scores of the same answer by name (another
    paper's metric, the parts of a joint score), fractions of 1 or None. `weights` holds the weight of this doc in a
    metric's mean if it is not 1 (three instructions count three times).
    """

    score: float | None
    extracted: str | None = None
    why: str = ""
    unparsed: bool = False
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def not_judged(self) -> bool:
        """Return True if the grader gave up; then `score` is None and `why` gives the reason."""
        return self.score is None


def no_answer(why: str, **metrics: float | None) -> Verdict:
    """Return the verdict on a text in which no answer was found: scores 0, counted as unparsed."""
    return Verdict(0.0, None, why, unparsed=True, metrics=metrics)


def undecided(why: str, extracted: str | None = None, **metrics: float | None) -> Verdict:
    """Return the verdict of a grader that could not judge: outside the mean."""
    return Verdict(None, extracted, why, metrics=metrics)


@dataclass(frozen=True)
class Grader:
    """A grader by name.

    `judge(doc, text)` reads the whole generation (thinking included, with the mark of a block that the prompt opened
    put back before it) and never raises on hostile text; `doc` is the task's row. `same(a, b)` returns True if two
    extracted answers are one answer, for majority votes; None if a vote makes no sense. `version` goes up whenever a
    verdict could change. `perfect(row, gold)` returns a reply that must score 1, made of the doc's own gold; None if
    no gold is a reply. `beside` is True if answers may be judged while others are generated: by computation alone, with
    little memory, and without a program of the answer's, a model or a server.
    """

    name: str
    version: int
    judge: Callable[[Mapping[str, Any], str], Verdict]
    same: Callable[[str, str], bool] | None = None
    perfect: Callable[[Mapping[str, Any], Any], str | None] | None = None
    beside: bool = False
