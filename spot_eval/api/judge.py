"""Judge finished runs and exams: compare, gate, power, certify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spot_eval.api.arguments import (
    PolicyLike,
    RunLike,
    judged_run,
    policy_of,
)
from spot_eval.api.results import Certificate, Comparison, Gate, Power

if TYPE_CHECKING:
    pass


def compare(a: RunLike, b: RunLike, *, by: Sequence[str] = (), alpha: float = 0.05) -> Comparison:
    """Return the paired differences of run `a` from its base `b`, doc by doc. Writes nothing.

    Args:
        a: the candidate.
        b: the base.
        by: columns to slice the docs by; the slices are in `data["comparisons"][0]["slices"]`.
        alpha: one-sided error of each bound.

    Raises NotComparableError if the runs differ in a setting that decides scores.
    """
    from spot_eval.comparison.full import compare_fully

    return Comparison(compare_fully([judged_run(a)], judged_run(b), by, alpha))


def gate(a: RunLike, b: RunLike, policy: PolicyLike = None) -> Gate:
    """Decide whether run `a` got worse than its base `b`. Writes nothing; `Gate.write` does.

    Args:
        a: the candidate.
        b: the base.
        policy: file such as gate.toml, or a mapping of its settings; None for the built-in policy.

    Raises NotComparableError if the runs differ in a setting that decides scores.
    """
    from spot_eval.gating.decide import gate as decide

    rules, source = policy_of(policy)
    candidate, base = judged_run(a), judged_run(b)
    verdict, comparison = decide(candidate, base, rules, source)
    return Gate(verdict, Comparison(comparison), candidate, base)


def power(
    base: RunLike | None = None,
    *,
    suite: str | None = None,
    policy: PolicyLike = None,
    margin: float | None = None,
    repeats: int | None = None,
    limit: int | None = None,
    docs: Mapping[str, int] | None = None,
    difficulty: float = 0.5,
    churn: float = 0.0,
) -> Power:
    """Return the smallest changes that an evaluation can detect, before it is run.

    Args:
        base: the base run; its suite, scores and spread are used. None: difficulty and spread are assumed.
        suite: the suite you plan to run; None for the suite of `base`, or `spot`.
        policy: margins and alpha, as `gate` takes them.
        margin: margin of every family, instead of the policy's; 0.03 is three points.
        repeats: samples per doc, for every task.
        limit: only the first docs of each task.
        docs: number of docs of tasks of your own.
        difficulty: assumed mean score of a task that `base` does not have.
        churn: assumed standard deviation over docs of true changes that cancel out.

    Raises UserError for a value out of range.
    """
    from spot_eval.gating.plan import plan_evaluation

    planned = plan_evaluation(
        None if base is None else judged_run(base),
        policy_of(policy)[0],
        suite=suite,
        margin=margin,
        repeats=repeats,
        limit=limit,
        docs=docs,
        difficulty=difficulty,
        churn=churn,
    )
    return Power(planned.suite, planned.power)


def certify(
    base: RunLike,
    policy: PolicyLike = None,
    *,
    draws: int = 200,
    seed: int = 0,
    repeats: int | None = None,
    by: str | None = None,
) -> Certificate:
    """Return how much harm the gate catches, planted into runs that are redrawn from the records of `base`.

    Args:
        base: the run whose records are redrawn.
        policy: margins and limits, as `gate` takes them.
        draws: pairs of runs per harm and size, at least 20.
        seed: decides what is redrawn and harmed; the same seed gives the same certificate.
        repeats: samples per doc of the candidates; None for those of the suite.
        by: column of the rows that names topics; None for the usual ones.

    Raises UserError if the base lacks a gated task, or if its answers never vary.
    """
    from spot_eval.gating.certify.certify import certify as found_by

    rules, source = policy_of(policy)
    return Certificate(found_by(judged_run(base), rules, source, draws=draws, seed=seed, repeats=repeats, by=by))
