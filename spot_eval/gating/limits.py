"""The gate's limits: how much more of the answers may be truncated, unparsed or not judged than in the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spot_eval.comparison.pairing import FLAGS, DocPair, clusters_of, flag_rates
from spot_eval.display.format import family_named
from spot_eval.gating.policy import FAIL, INCONCLUSIVE, PASS, Policy
from spot_eval.metrics.paired import Effect, Pairs, effect, holm


def judge_limits(
    pairs: Mapping[str, Sequence[DocPair]], members: Mapping[str, Sequence[str]], policy: Policy
) -> list[dict[str, Any]]:
    """Judge each family's increase of truncated, unparsed and not judged answers.

    Truncated and unparsed fail above their limit where the increase is significant after Holm over all of them. What
    was not judged says nothing of the checkpoint: above its limit the gate is inconclusive.
    """
    limits = policy.limits.model_dump()
    unknown: list[dict[str, Any]] = []
    effects: dict[tuple[str, str], Effect] = {}
    sides: dict[tuple[str, str], dict[str, float]] = {}
    for family, tasks in members.items():
        known = [pairs[task] for task in tasks if task in pairs]
        for flag in FLAGS if known else ():
            rates = [flag_rates(docs, flag) for docs in known]
            if not all(len(mine) for mine, _ in rates):
                unknown.append(_unknown(family, flag, limits[flag]))
                continue
            effects[family, flag] = effect(
                [Pairs(a - b, clusters_of(docs)) for docs, (a, b) in zip(known, rates, strict=True)], policy.alpha
            )
            sides[family, flag] = {
                side: sum(float(pair[at].mean()) for pair in rates) / len(rates)
                for at, side in enumerate(("candidate", "base"))
            }
    tested = [which for which in effects if which[1] != "not_judged"]
    adjusted = dict(zip(tested, holm([effects[which].p_gain or 0.0 for which in tested]), strict=True))
    return [
        _limit(which, limits[which[1]], one, adjusted.get(which), sides=sides[which], level=policy.share("limits"))
        for which, one in effects.items()
    ] + unknown


def _unknown(family: str, flag: str, limit: float) -> dict[str, Any]:
    """Answers made elsewhere may not say how they ended; what is unknown is within no limit."""
    reason = (
        f"{family_named(family)}: it is not known which answers were {flag}, so the limit of "
        f"{100 * limit:g} points more cannot be judged; the column finish_reason of the file they came from tells"
    )
    numbers = dict.fromkeys(("candidate", "base", "mean", "stderr", "p", "p_holm"))
    return {"family": family, "flag": flag, "verdict": INCONCLUSIVE, "reason": reason, "limit": limit, **numbers}


def _limit(
    which: tuple[str, str], limit: float, one: Effect, p_holm: float | None, *, sides: dict[str, float], level: float
) -> dict[str, Any]:
    family, flag = which
    above = _above(one.mean, limit)
    reason = (
        f"{family_named(family)}: {flag.replace('_', ' ')} went from {100 * sides['base']:.1f} to "
        f"{100 * sides['candidate']:.1f} %, the limit is {100 * limit:g} points more"
    )
    verdict = limit_rule(one.mean, limit, p_holm, level)
    if above and p_holm is not None:
        reason += f" (p {p_holm:.2g} after Holm{'' if verdict == FAIL else ', which may be chance'})"
    numbers = {"mean": one.mean, "stderr": one.stderr, "p": None if p_holm is None else one.p_gain, "p_holm": p_holm}
    return {"family": family, "flag": flag, "verdict": verdict, "reason": reason, "limit": limit, **sides, **numbers}


def limit_rule(mean: float | None, limit: float, p_holm: float | None, level: float) -> str:
    """Return the verdict of a limit.

    Args:
        mean: by how much the flagged answers grew.
        limit: by how much they may.
        p_holm: the adjusted p of the growth; None for answers that were not judged, which cannot fail a checkpoint.
        level: the share of alpha of all limits.
    """
    if not _above(mean, limit):
        return PASS
    if p_holm is None:
        return INCONCLUSIVE
    return FAIL if p_holm <= level else PASS


def _above(mean: float | None, limit: float) -> bool:
    return (mean or 0.0) > limit + 1e-12
