"""A judgement, and what becomes of it where samples were not judged: the worst and the best case.

A verdict that is not the same in all cases is inconclusive, since it hangs on what was not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spot_eval.comparison.pairing import (
    AS_JUDGED,
    BEST,
    WORST,
    DocPair,
    as_pairs,
)
from spot_eval.display.format import family_named
from spot_eval.gating.policy import FAIL, INCONCLUSIVE, PASS, Policy
from spot_eval.metrics.paired import Effect, Pairs


@dataclass(frozen=True)
class Judgement:
    """A verdict with the numbers it stands on; `p_holm` is the harm's p, adjusted over what was judged together."""

    verdict: str
    reason: str
    effect: Effect
    p_holm: float | None

    def brief(self) -> dict[str, Any]:
        """Return an imputed case as it is shown."""
        return {
            "verdict": self.verdict,
            "mean": self.effect.mean,
            "lower": self.effect.lower,
            "p_harm_holm": self.p_holm,
        }


def family_rule(family: str, one: Effect, p_holm: float | None, margin: float, policy: Policy) -> Judgement:
    """The heart of the gate: what the numbers alone say of a family.

    Args:
        family: name of the family.
        one: its mean difference with bounds.
        p_holm: p-value of harm after Holm's correction; None if there is none.
        margin: the family's margin, a fraction.
        policy: alpha, and how it is shared out.
    """
    if one.mean is None or one.lower is None:
        verdict, reason = INCONCLUSIVE, f"{family_named(family)} has no mean difference"
    elif one.bounds == "identity":
        verdict, reason = PASS, f"{family_named(family)}: every record is the same in both runs"
    elif one.lower > -margin:
        verdict, reason = PASS, f"{family_named(family)} keeps within the margin of {100 * margin:g}: {points(one)}"
    elif p_holm is not None and p_holm <= policy.share("families"):
        verdict, reason = FAIL, f"{family_named(family)} got worse: {points(one)}, p {p_holm:.2g} after Holm"
    else:
        verdict = INCONCLUSIVE
        reason = (
            f"{family_named(family)}: a drop beyond {100 * margin:g} points is neither shown nor excluded: "
            f"{points(one)}"
        )
    return Judgement(verdict, reason, one, p_holm)


def task_rule(task: str, one: Effect, p_holm: float | None, drop: float, policy: Policy) -> Judgement:
    """Return what the numbers alone say of a guarded task.

    Args:
        task: name of the task.
        one: its mean difference with bounds.
        p_holm: p-value of harm after Holm's correction; None if there is none.
        drop: how far the task may fall, a fraction.
        policy: alpha, and how it is shared out.
    """
    if one.mean is None:
        return Judgement(INCONCLUSIVE, f"task {task} has no doc that was judged in both runs", one, p_holm)
    if one.mean < -drop and p_holm is not None and p_holm <= policy.share("guards"):
        reason = f"task {task} fell by more than {100 * drop:g} points: {points(one)}, p {p_holm:.2g} after Holm"
        return Judgement(FAIL, reason, one, p_holm)
    return Judgement(PASS, f"task {task}: no fall of more than {100 * drop:g} points: {points(one)}", one, p_holm)


def in_all_cases(
    what: str, pairs: Mapping[str, Sequence[DocPair]], judge: Callable[[Mapping[str, Pairs]], dict[str, Judgement]]
) -> dict[str, tuple[Judgement, dict[str, Any] | None]]:
    """Return what `judge` says of the samples as judged, with the worst and the best cases where some were not.

    A verdict that is not the same in all three is inconclusive: it hangs on what was not judged.
    """
    cases = {
        case: judge({task: as_pairs(docs, imputed) for task, docs in pairs.items()})
        for case, imputed in {"judged": AS_JUDGED, "worst": WORST, "best": BEST}.items()
        if case == "judged" or any(_imputable(docs) for docs in pairs.values())
    }
    found: dict[str, tuple[Judgement, dict[str, Any] | None]] = {}
    for one, judgement in cases["judged"].items():
        of_one = {case: judged[one] for case, judged in cases.items()}
        imputed: dict[str, Any] = {case: judged.brief() for case, judged in of_one.items() if case != "judged"}
        settled = settle(f"{what} {one}", of_one)
        same = settled is judgement and all(case["mean"] == judgement.effect.mean for case in imputed.values())
        found[one] = settled, None if same else imputed
    return found


def settle(what: str, cases: Mapping[str, Judgement]) -> Judgement:
    """Return the judgement as judged, or an inconclusive one if it hangs on what was not judged.

    Args:
        what: how a sentence names what is judged.
        cases: the judgements of the samples as "judged", and of the "worst" and "best" cases if some were not.
    """
    judgement = cases["judged"]
    if judgement.verdict == INCONCLUSIVE or len({one.verdict for one in cases.values()}) == 1:
        return judgement
    reason = (
        f"{what}: the verdict hangs on what was not judged ({cases['worst'].verdict} in the worst case, "
        f"{cases['best'].verdict} in the best)"
    )
    return replace(judgement, verdict=INCONCLUSIVE, reason=reason)


def _imputable(docs: Sequence[DocPair]) -> bool:
    """Return True if a doc that one of the runs has a verdict on lacks a verdict somewhere."""
    return any((any(a.not_judged) or any(b.not_judged)) and not (a.mean is None and b.mean is None) for a, b in docs)


def points(one: Effect) -> str:
    """Return a difference and its bound in points, for a sentence."""
    assert one.mean is not None
    assert one.lower is not None
    return f"{100 * one.mean:+.1f} points, at least {100 * one.lower:+.1f}"
