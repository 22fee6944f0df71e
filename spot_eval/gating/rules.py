"""`spot-eval gate`: the verdict on one comparison. What gate.json holds:

    {"schema": 1, "verdict": "pass" | "fail" | "inconclusive", "exit_code": 0 | 3 | 4,
     "summary": one sentence, "reasons": [the sentences that decide], "notes": [what a reader should know besides],
     "candidate": {…as in comparison.json…}, "base": {…}, "warnings": […], "alpha": 0.05,
     "policy": {"source": "gate.toml" | "default", …the settings in force…},
     "families": {name: {"verdict", "reason", "notes": […], "margin", "tasks": […], "missing": […],
                         "candidate", "base", "mean", "stderr", "lower", "p_harm", "p_harm_holm", "bounds", "test",
                         "imputed": null | {"worst" | "best": {"verdict", "mean", "lower", "p_harm_holm"}}}},
     "guards": {task: {"verdict": "pass" | "fail" | "inconclusive", "reason", "family", "drop": 0.05,
                       …as a family from "candidate" to "imputed"…}},
     "limits": [{"family", "flag": "truncated" | "unparsed" | "not_judged", "verdict", "reason", "limit",
                 "candidate", "base", "mean": the increase, "stderr", "p", "p_holm"}],
     "lost": docs in regressions.jsonl, "gained": docs}

Fractions of 1. docs/gate.md says the rule in words; this is the only place that decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spot_eval.comparison.compare import compare
from spot_eval.comparison.pairing import (
    DocPair,
    family_effects,
    paired_docs,
    task_effects,
)
from spot_eval.display.format import family_named, family_title
from spot_eval.gating.judgement import Judgement, family_rule, in_all_cases, points, task_rule
from spot_eval.gating.limits import judge_limits
from spot_eval.gating.policy import FAIL, INCONCLUSIVE, PASS, Policy
from spot_eval.metrics.paired import Effect, Pairs, holm
from spot_eval.runs.judged import JudgedRun

SCHEMA = 1
EXIT_CODES = {PASS: 0, FAIL: 3, INCONCLUSIVE: 4}


def gate(
    candidate: JudgedRun, base: JudgedRun, policy: Policy, source: str = "default"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return gate.json and comparison.json of a candidate against a base.

    Args:
        candidate: the run that is judged.
        base: the run it is compared with.
        policy: margins, guards, limits and alpha.
        source: the policy's file, for the record.

    Raises NotComparableError if they may not be compared, UserError if the policy names what the suite lacks.
    """
    margins = policy.margins(candidate.config["suite"])
    comparison = compare([candidate], base, policy.alpha)
    (entry,) = comparison["comparisons"]
    pairs = paired_docs(candidate, base)
    families = judge_families(entry, pairs, margins, policy)
    gated = [task for family in margins for task in entry["families"][family]["tasks"] if task in entry["tasks"]]
    guards = judge_tasks(entry, {task: pairs[task] for task in gated}, policy)
    limits = judge_limits(pairs, {family: entry["families"][family]["tasks"] for family in margins}, policy)
    return assemble(candidate, comparison, policy, source, families=families, guards=guards, limits=limits), comparison


def assemble(
    candidate: JudgedRun,
    comparison: Mapping[str, Any],
    policy: Policy,
    source: str,
    *,
    families: dict[str, dict[str, Any]],
    guards: dict[str, dict[str, Any]],
    limits: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return gate.json from what was judged.

    Args:
        candidate: the run, for its suite.
        comparison: comparison.json of it against the base.
        policy: the policy in force.
        source: the policy's file, or `default`; goes into gate.json as it is.
        families: each gated family, judged.
        guards: each guarded task, judged.
        limits: each limit, judged.
    """
    (entry,) = comparison["comparisons"]
    margins = policy.margins(candidate.config["suite"])
    judged = [*families.values(), *guards.values(), *limits]
    found = {one["verdict"] for one in judged}
    verdict = FAIL if FAIL in found else INCONCLUSIVE if INCONCLUSIVE in found else PASS
    ungated = [family for family in entry["families"] if family not in margins]
    return {
        "schema": SCHEMA,
        "verdict": verdict,
        "exit_code": 0 if verdict == INCONCLUSIVE and policy.inconclusive == "warn" else EXIT_CODES[verdict],
        "summary": _summary(verdict, families),
        "reasons": [one["reason"] for one in judged if one["verdict"] == verdict and verdict != PASS],
        "notes": [
            *(note for one in families.values() for note in one["notes"]),
            *(f"{family_named(family)} is not gated by this policy" for family in ungated),
            *(one["reason"] for one in judged if one["verdict"] == INCONCLUSIVE and verdict == FAIL),
            *(
                one["reason"]
                for one in limits
                if one["verdict"] == PASS and (one["mean"] or 0.0) > one["limit"] + 1e-12
            ),
        ],
        "candidate": entry["candidate"],
        "base": comparison["base"],
        "warnings": entry["warnings"],
        "alpha": policy.alpha,
        "policy": {"source": source, **policy.model_dump()},
        "families": families,
        "guards": guards,
        "limits": limits,
        "lost": sum(flip["outcome"] == "lost" for flip in entry["flips"]),
        "gained": sum(flip["outcome"] == "gained" for flip in entry["flips"]),
    }


def judge_families(
    entry: Mapping[str, Any], pairs: Mapping[str, Sequence[DocPair]], margins: Mapping[str, float], policy: Policy
) -> dict[str, dict[str, Any]]:
    """Judge each gated family PASS, FAIL or INCONCLUSIVE, for each way to score the answers that were not judged.

    Args:
        entry: the comparison, as comparison.json has it.
        pairs: task to the paired docs.
        margins: gated family to its margin, a fraction.
        policy: alpha, and how it is shared out.
    """
    members = {family: entry["families"][family]["tasks"] for family in margins}

    def judge(by_task: Mapping[str, Pairs]) -> dict[str, Judgement]:
        effects = family_effects(by_task, members, policy.alpha)
        adjusted = _holm(effects)
        return {name: family_rule(name, one, adjusted[name], margins[name], policy) for name, one in effects.items()}

    found = {}
    for family, (judgement, imputed) in in_all_cases("family", pairs, judge).items():
        numbers = entry["families"][family]
        verdict, reason, notes = judgement.verdict, judgement.reason, []
        if numbers["missing"]:
            verdict = INCONCLUSIVE
            reason = f"{family_named(family)} lacks {', '.join(numbers['missing'])} in one of the runs"
        elif verdict == PASS and judgement.effect.bounds != "identity":
            room = room_to_lose({task: entry["tasks"][task]["base"] for task in members[family]}, policy)
            if room <= margins[family]:
                verdict = INCONCLUSIVE
                reason = (
                    f"{family_named(family)}: the base scores {100 * room:.1f} points above the floor: "
                    f"there is no room to lose more than the margin of {100 * margins[family]:g}"
                )
            elif judgement.p_holm is not None and judgement.p_holm <= policy.share("families"):
                notes.append(
                    f"{family_named(family)} passes with a small but significant drop: {points(judgement.effect)}"
                )
        found[family] = {
            "verdict": verdict,
            "reason": reason,
            "notes": notes,
            "margin": margins[family],
            "tasks": members[family],
            "missing": numbers["missing"],
            **_numbers(numbers, judgement),
            "imputed": imputed,
        }
    return found


def judge_tasks(
    entry: Mapping[str, Any], pairs: Mapping[str, Sequence[DocPair]], policy: Policy
) -> dict[str, dict[str, Any]]:
    """Judge each guarded task: FAIL if its fall is larger than its guard, and significant."""
    drops = {task: policy.guards.tasks.get(task, policy.guards.drop) for task in pairs}

    def judge(by_task: Mapping[str, Pairs]) -> dict[str, Judgement]:
        effects = task_effects(by_task, policy.alpha)
        adjusted = _holm(effects)
        return {name: task_rule(name, one, adjusted[name], drops[name], policy) for name, one in effects.items()}

    return {
        task: {
            "verdict": judgement.verdict,
            "reason": judgement.reason,
            "family": entry["tasks"][task]["family"],
            "drop": drops[task],
            **_numbers(entry["tasks"][task], judgement),
            "imputed": imputed,
        }
        for task, (judgement, imputed) in in_all_cases("task", pairs, judge).items()
    }


def _holm(effects: Mapping[str, Effect]) -> dict[str, float | None]:
    """Return the p of harm of each effect, adjusted by Holm's method over those that have one."""
    known = [name for name, one in effects.items() if one.p_harm is not None]
    adjusted = dict(zip(known, holm([effects[name].p_harm or 0.0 for name in known]), strict=True))
    return {name: adjusted.get(name) for name in effects}


def room_to_lose(bases: Mapping[str, float], policy: Policy) -> float:
    """Return how far the base's scores of a family's tasks stand above their floors, on average."""
    return sum(max(0.0, score - policy.floors.get(task, 0.0)) for task, score in bases.items()) / len(bases)


def _numbers(sides: Mapping[str, Any], judgement: Judgement) -> dict[str, Any]:
    one = judgement.effect
    return {
        "candidate": sides["candidate"],
        "base": sides["base"],
        "mean": one.mean,
        "stderr": one.stderr,
        "lower": one.lower,
        "p_harm": one.p_harm,
        "p_harm_holm": judgement.p_holm,
        "bounds": one.bounds,
        "test": one.test,
    }


def _summary(verdict: str, families: Mapping[str, Mapping[str, Any]]) -> str:
    shown = ", ".join(
        f"{family_title(family)} {100 * one['mean']:+.1f}" if one["mean"] is not None else f"{family_title(family)} -"
        for family, one in families.items()
    )
    said = {
        PASS: "no family lost more than its margin",
        FAIL: "this checkpoint got worse",
        INCONCLUSIVE: "neither harm nor its absence is shown",
    }
    return f"{said[verdict]} ({shown} points)"
