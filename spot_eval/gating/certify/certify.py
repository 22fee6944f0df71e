"""Plant harm into pairs of redrawn runs and count how often the gate fails them: `spot-eval certify`. certify.json:

    {"schema": 1, "base": {…as in comparison.json…}, "policy": {"source", …}, "draws": 200, "seed": 0, "power": 0.8,
     "warnings": [sentence, …],
     "tasks": {name: {"family", "docs", "repeats", "base_repeats", "noise": "measured" | "assumed" | "none",
                      "concentration"}},
     "families": {name: {"tasks": […], "margin"}},
     "false_alarms": {"redrawn": Cell, "split": Cell | null},
     "harms": [{"name", "unit", "tasks": […], "smallest": size | null, "cells": [Cell with "size", …]}]}

A Cell: {"draws", "fail", "pass", "error": Monte-Carlo error of fail, "output_tokens": of the candidate, mean, or null,
"families": {name: {"points": mean change planted, "fail", "family", "guards", "limits": rates by the rule that
failed it; several rules may fail one draw}}}.

Fractions of 1. `smallest` is the least size from which on at least `power` of the draws fail. Sizes above one that
every draw caught are not drawn. docs/certify.md explains the design.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spot_eval.core.errors import UserError
from spot_eval.core.progress import Advance, progress
from spot_eval.gating.certify.answers import ASSUMED_NOISE, NONE, recorded_tasks
from spot_eval.gating.certify.harms import Harm, harms_of, of_unknown_reading
from spot_eval.gating.certify.sides import Sides, redrawn_pair, split_pair
from spot_eval.gating.certify.slices import slices_of
from spot_eval.gating.certify.verdicts import Evidence, Exam, ExamVerdict, gather, verdict
from spot_eval.gating.policy import FAIL, PASS, Policy
from spot_eval.metrics.power import POWER
from spot_eval.runs.judged import JudgedRun

SCHEMA = 1
DRAWS = 200
LEAST_DRAWS = 20
QUIET = 5
"""Pairs without harm per pair with harm: false alarms are rare, and need more draws to be counted."""


@dataclass(frozen=True)
class _Pair:
    """A redrawn pair, with the evidence on it as long as nothing is planted."""

    base: Sides
    candidate: Sides
    evidence: Evidence


@dataclass(frozen=True)
class _Outcome:
    """A draw: the verdict, the tokens of the candidate, and what was planted, by family."""

    verdict: ExamVerdict
    tokens: float
    points: Mapping[str, float]


def certify(
    base: JudgedRun,
    policy: Policy,
    source: str = "default",
    *,
    draws: int = DRAWS,
    seed: int = 0,
    repeats: int | None = None,
    by: str | None = None,
) -> dict[str, Any]:
    """Return certify.json of a base run.

    Args:
        base: the run whose answers are redrawn.
        policy: the policy that is certified.
        source: the policy's file, or `default`; goes into certify.json as it is.
        draws: pairs of runs per harm and size.
        seed: seed of all draws.
        repeats: repeats of the candidate; None for those of the base's suite.
        by: column of the rows that names topics; None for the usual ones.

    Raises UserError if the base lacks a gated task, has no noise to draw from, or has no column `by`.
    """
    if draws < LEAST_DRAWS:
        raise UserError(f"draws is {draws}; fewer than {LEAST_DRAWS} say nothing about a rate of {100 * POWER:g} %")
    suite = base.config["suite"]
    margins = policy.margins(suite)
    tasks = recorded_tasks(base, policy, repeats)
    exam = Exam(tasks, {family: suite["families"][family] for family in margins}, margins, policy)
    harms = harms_of(tasks, *slices_of(base, tasks, by))
    with progress("certify", draws * (1 + sum(len(harm.sizes) for harm in harms))) as advance:
        pairs, quiet = [], []
        for number in range(draws * QUIET):
            sides = redrawn_pair(tasks, _rng(seed, number, "pair"))
            evidence = gather(exam, *sides)
            quiet.append(_outcome(exam, evidence, sides[1], sides[1]))
            if number < draws:
                pairs.append(_Pair(*sides, evidence))
                advance()
        caught = [_harm(exam, harm, pairs, seed, advance) for harm in harms]
    return {
        "schema": SCHEMA,
        "base": base.about(),
        "policy": {"source": source, **policy.model_dump()},
        "draws": draws,
        "seed": seed,
        "power": POWER,
        "warnings": _warnings(exam),
        "tasks": {
            name: {
                "family": task.family, "docs": len(task.hashes), "repeats": task.repeats,
                "base_repeats": pairs[0].base[name].scores.shape[1], "noise": task.noise, "concentration": task.weight,
            }
            for name, task in tasks.items()
        },
        "families": {name: {"tasks": list(of), "margin": margins[name]} for name, of in exam.members.items()},
        "false_alarms": {"redrawn": _cell(exam, quiet), "split": _split(exam, draws * QUIET, seed)},
        "harms": caught,
    }  # fmt: skip


def _rng(seed: int, number: int, what: str) -> np.random.Generator:
    return np.random.default_rng([seed, number, zlib.crc32(what.encode())])


def _harm(exam: Exam, harm: Harm, pairs: list[_Pair], seed: int, advance: Advance) -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    for size in harm.sizes:
        outcomes = []
        for number, pair in enumerate(pairs):
            planted, touched = harm.plant(exam.tasks, pair.candidate, size, _rng(seed, number, harm.name))
            evidence = gather(exam, pair.base, planted, pair.evidence, touched)
            outcomes.append(_outcome(exam, evidence, pair.candidate, planted))
            advance(note=harm.name)
        cells.append({"size": size, **_cell(exam, outcomes)})
        if cells[-1]["fail"] == 1:
            advance(len(pairs) * (len(harm.sizes) - len(cells)))
            break
    smallest = None
    for cell in reversed(cells):
        if cell["fail"] < POWER:
            break
        smallest = cell["size"]
    return {"name": harm.name, "unit": harm.unit, "tasks": list(harm.tasks), "smallest": smallest, "cells": cells}


def _split(exam: Exam, draws: int, seed: int) -> dict[str, Any] | None:
    """Return the false alarms if the recorded repeats are split; None if a task has one repeat."""
    if any(task.count.min() < 2 for task in exam.tasks.values()):
        return None
    outcomes = []
    for number in range(draws):
        base, candidate = split_pair(exam.tasks, _rng(seed, number, "split"))
        outcomes.append(_outcome(exam, gather(exam, base, candidate), candidate, candidate))
    return _cell(exam, outcomes)


def _outcome(exam: Exam, evidence: Evidence, before: Sides, after: Sides) -> _Outcome:
    points = {
        family: float(np.mean([_change(before[task].scores, after[task].scores) for task in members]))
        for family, members in exam.members.items()
    }
    return _Outcome(verdict(exam, evidence), sum(float(side.tokens.sum()) for side in after.values()), points)


def _change(before: np.ndarray, after: np.ndarray) -> float:
    return 0.0 if before is after else float(np.nanmean(after) - np.nanmean(before))


def _cell(exam: Exam, outcomes: list[_Outcome]) -> dict[str, Any]:
    count = len(outcomes)
    fail = _share(one.verdict.gate == FAIL for one in outcomes)
    tokens = float(np.mean([one.tokens for one in outcomes]))
    families = {}
    for family in exam.members:
        caught = np.array([one.verdict.caught_by(exam, family) for one in outcomes])
        by_rule = dict(zip(("family", "guards", "limits"), map(float, caught.mean(axis=0)), strict=True))
        points = float(np.mean([one.points[family] for one in outcomes]))
        families[family] = {"points": points, "fail": float(caught.any(axis=1).mean()), **by_rule}
    return {
        "draws": count,
        "fail": fail,
        "pass": _share(one.verdict.gate == PASS for one in outcomes),
        "error": math.sqrt(fail * (1 - fail) / count),
        "output_tokens": None if math.isnan(tokens) else round(tokens),
        "families": families,
    }


def _share(flags: Iterable[bool]) -> float:
    return float(np.mean(list(flags)))


def _warnings(exam: Exam) -> list[str]:
    assumed = [name for name, task in exam.tasks.items() if task.noise == ASSUMED_NOISE]
    without = [name for name, task in exam.tasks.items() if task.noise == NONE]
    found = []
    if assumed:
        found.append(
            f"{', '.join(assumed)}: one repeat on record, so the noise is assumed (half of the variance within docs); "
            "a base with two repeats or more measures it"
        )
    if strange := of_unknown_reading(exam.tasks):
        found.append(
            f"another language is not planted in {', '.join(strange)}: it is not known what that does to the verdicts "
            "of the grader"
        )
    if without:
        found.append(
            f"{', '.join(without)}: the recorded answers of a doc never vary (greedy, log-likelihoods, or one score "
            "everywhere), so harm there is caught without noise, too easily"
        )
    return found
