"""Does the gate keep its word? False alarms, false passes and power, by simulation and on resampled real generations.

    python tests/benchmarks/calibration_gate.py [--sims 5000] [--write]     # --write: into docs/statistics.md

Suites shaped like `spot` and smaller ones; docs with a chance of their own to be right. All simulations of a scenario
are computed at once, by the rule of spot_eval/gating/rules.py written for arrays; some of them go through the real
gate, and the two must agree. Says what does not hold, and exits 1; but that `power` foretells what real labels drawn
again give is measured and told, not asserted (docs/statistics.md says why it does not). Three minutes of CPU.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from spot_eval.gating.policy import SHARES, Policy
from spot_eval.gating.power import plan_power
from spot_eval.gating.rules import gate
from spot_eval.metrics.power import TaskPlan, chance_to_find, smallest_drop
from spot_eval.runs.judged import JudgedDoc, JudgedRun

ROOT = Path(__file__).parents[2]
FLIPS = 5999
FEW = 5
POLICY = Policy()
AGREE = 10  # simulations of a scenario that go through the real gate
START, END = "<!-- calibration: made by tests/benchmarks/calibration_gate.py -->", "<!-- end of calibration -->"


@dataclass(frozen=True)
class Task:
    """`mean` is the mean chance to be right; `pool`, where given, is each doc's chance, from real labels."""

    family: str
    docs: int
    repeats: int
    mean: float
    base_repeats: int | None = None
    pool: tuple[float, ...] | None = None

    @property
    def plan(self) -> TaskPlan:
        """What `power` assumes of such a task."""
        square = self.mean - self.mean * (1 - self.mean) / 2
        if self.pool is not None:
            square = sum(chance**2 for chance in self.pool) / len(self.pool)
        return TaskPlan(self.family, self.docs, self.repeats, self.base_repeats or self.repeats, self.mean, square)


SPOT = {  # sizes and repeats of the suite; chances as an 8B instruct model might have them
    "aime24": Task("in_domain", 30, 16, 0.3),
    "aime25": Task("in_domain", 30, 16, 0.2),
    "amc23": Task("in_domain", 40, 16, 0.65),
    "math500": Task("in_domain", 500, 5, 0.83),
    "minerva": Task("in_domain", 272, 5, 0.4),
    "olympiadbench": Task("in_domain", 675, 5, 0.5),
    "gpqa_diamond": Task("ood", 198, 5, 0.49),
    "connect4": Task("ood", 500, 5, 0.2),
    "ifeval": Task("general", 541, 5, 0.83),
}
QUICK = {name: replace(task, repeats=1) for name, task in SPOT.items()}
UNEQUAL = {name: replace(task, repeats=2, base_repeats=task.repeats) for name, task in SPOT.items()}
SMALL = {
    "mini_arithmetic": Task("in_domain", 200, 1, 0.45),
    "mini_bags": Task("ood", 150, 1, 0.35),
    "mini_boards": Task("ood", 150, 1, 0.5),
    "mini_instructions": Task("general", 200, 1, 0.87),
}


@dataclass
class Scenario:
    """`drops` are true drops by task; `redrawn` is the share of docs whose chance is drawn anew (a true change)."""

    name: str
    tasks: Mapping[str, Task]
    drops: Mapping[str, float] = field(default_factory=dict)
    redrawn: float = 0.0

    @property
    def simulated(self) -> bool:
        """Whether the chances are drawn, and not real labels'."""
        return all(task.pool is None for task in self.tasks.values())


class Drawn(NamedTuple):
    """Right answers a doc, arrays of (simulations, docs), and the same for truncated answers."""

    base: np.ndarray
    candidate: np.ndarray
    base_flags: np.ndarray
    candidate_flags: np.ndarray


def draw(task: Task, drop: float, redrawn: float, sims: int, rng: np.random.Generator) -> Drawn:
    """Both runs of one task. A drop takes the same share of every doc's chance."""
    kb, kc = task.base_repeats or task.repeats, task.repeats

    def chances() -> np.ndarray:
        if task.pool is not None:
            return np.broadcast_to(np.asarray(task.pool), (sims, task.docs))
        return rng.beta(task.mean, 1 - task.mean, (sims, task.docs))

    before = chances()
    after = np.where(rng.random((sims, task.docs)) < redrawn, chances(), before) if redrawn else before
    cut = rng.beta(0.2, 4.8, (sims, task.docs))  # 4 % of the answers truncated, most of them in few docs
    return Drawn(
        rng.binomial(kb, before), rng.binomial(kc, after * (1 - drop / task.mean)), rng.binomial(kb, cut),
        rng.binomial(kc, cut),
    )  # fmt: skip


@dataclass
class Numbers:
    """What the gate needs of tasks, or of families: arrays of (simulations,)."""

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p: np.ndarray  # of harm; for flags, of growth
    stderr: np.ndarray


def one_task(d: np.ndarray, null: np.ndarray, single: bool, alpha: float) -> tuple[Numbers, dict[str, np.ndarray]]:
    """A task's numbers from its differences (simulations, docs) and their sign-flipped means (simulations, flips)."""
    n = d.shape[1]
    mean, stderr = d.mean(1), d.std(1, ddof=1) / math.sqrt(n)
    worse, better = (d < 0).sum(1), (d > 0).sum(1)
    few = worse + better < FEW
    if single:
        p = np.where(worse + better > 0, stats.binom.sf(worse - 1, worse + better, 0.5), 1.0)
    else:
        p = (1 + (null <= mean[:, None] + 1e-6).sum(1)) / (null.shape[1] + 1)
    exact_low = np.where(worse < n, stats.beta.isf(alpha, worse + 1, n - worse), 1.0)
    exact_high = np.where(better < n, stats.beta.isf(alpha, better + 1, n - better), 1.0)
    t = stats.t.isf(alpha, n - 1)
    lower = np.where(few, -exact_low, mean - t * stderr)
    upper = np.where(few, exact_high, mean + t * stderr)
    parts = {
        "few": few, "variance": np.where(few, 0, stderr**2), "df": np.full(len(mean), n - 1),
        "below": np.where(few, (mean - lower) ** 2, 0), "above": np.where(few, (upper - mean) ** 2, 0),
    }  # fmt: skip
    return Numbers(mean, lower, upper, p, stderr), parts


def one_family(
    tasks: Sequence[Numbers], parts: Sequence[Mapping[str, np.ndarray]], null: np.ndarray, alpha: float
) -> Numbers:
    """The unweighted mean of tasks."""
    share = 1 / len(tasks)
    mean = sum(task.mean for task in tasks) * share
    variance = sum(part["variance"] for part in parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / sum(part["variance"] ** 2 / part["df"] for part in parts)
        t = np.where(variance > 0, stats.t.isf(alpha, np.where(variance > 0, df, 1)), 0.0)
    lower = mean - share * np.sqrt(t**2 * variance + sum(part["below"] for part in parts))
    upper = mean + share * np.sqrt(t**2 * variance + sum(part["above"] for part in parts))
    p = (1 + (null <= mean[:, None] + 1e-6).sum(1)) / (null.shape[1] + 1)
    return Numbers(mean, lower, upper, p, np.sqrt(sum(task.stderr**2 for task in tasks)) * share)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjustment of each row."""
    order, m = np.argsort(p, 1), p.shape[1]
    adjusted = np.maximum.accumulate(np.take_along_axis(p, order, 1) * (m - np.arange(m)), 1)
    found = np.empty_like(adjusted)
    np.put_along_axis(found, order, np.minimum(adjusted, 1), 1)
    return found


@dataclass
class Outcome:
    """What all simulations of a scenario gave; arrays of (simulations,) by name."""

    tasks: dict[str, Numbers]
    families: dict[str, Numbers]
    passed: np.ndarray  # (simulations, families)
    failed: np.ndarray
    guard: np.ndarray  # (simulations, tasks)
    limit: np.ndarray  # (simulations,)
    unshared: np.ndarray  # FAIL if families, guards and limits each spent all of alpha
    uncorrected: np.ndarray  # FAIL of a family without Holm
    agreement: str = ""
    disagreed: int = 0

    @property
    def gate_fails(self) -> np.ndarray:
        """FAIL of the whole gate."""
        return self.failed.any(1) | self.guard.any(1) | self.limit

    @property
    def gate_passes(self) -> np.ndarray:
        """PASS of the whole gate."""
        return self.passed.all(1) & ~self.gate_fails


def run(scenario: Scenario, sims: int, rng: np.random.Generator) -> Outcome:
    """All simulations of one scenario, in blocks that fit in memory."""
    still = not scenario.drops
    blocks = [_block(scenario, min(1000, sims - start), rng, real=AGREE if still and start == 0 else 0)
              for start in range(0, sims, 1000)]  # fmt: skip
    first = blocks[0]

    def joined(numbers: Sequence[Numbers]) -> Numbers:
        return Numbers(*(np.concatenate([getattr(one, name) for one in numbers]) for name in Numbers.__annotations__))

    return Outcome(
        {name: joined([block.tasks[name] for block in blocks]) for name in first.tasks},
        {name: joined([block.families[name] for block in blocks]) for name in first.families},
        *(np.concatenate([getattr(block, name) for block in blocks])
          for name in ("passed", "failed", "guard", "limit", "unshared", "uncorrected")),
        first.agreement, first.disagreed,
    )  # fmt: skip


def _block(scenario: Scenario, sims: int, rng: np.random.Generator, real: int) -> Outcome:
    alpha = POLICY.alpha
    drawn: dict[str, Drawn] = {}
    tasks: dict[str, Numbers] = {}
    parts, nulls, grown, flag_nulls = {}, {}, {}, {}
    for name, task in scenario.tasks.items():
        one = drawn[name] = draw(task, scenario.drops.get(name, 0.0), scenario.redrawn, sims, rng)
        kb, kc = task.base_repeats or task.repeats, task.repeats
        signs = rng.integers(0, 2, (task.docs, FLIPS), dtype=np.int8).astype(np.float32) * 2 - 1
        d = one.candidate / kc - one.base / kb
        nulls[name] = d.astype(np.float32) @ signs / task.docs
        tasks[name], parts[name] = one_task(d, nulls[name], kb == kc == 1, alpha)
        if not scenario.drops:
            grown[name] = one.base_flags / kb - one.candidate_flags / kc  # turned round: growth is the harm
            flag_nulls[name] = grown[name].astype(np.float32) @ signs / task.docs
    names = list(dict.fromkeys(task.family for task in scenario.tasks.values()))
    families, growth = {}, {}
    for family in names:
        members = [name for name, task in scenario.tasks.items() if task.family == family]
        null = sum(nulls[name] for name in members) / len(members)
        families[family] = one_family([tasks[m] for m in members], [parts[m] for m in members], null, alpha)
        growth[family] = (np.zeros(sims), np.ones(sims))
        if not scenario.drops:
            flag_null = sum(flag_nulls[name] for name in members) / len(members)
            mean = sum(grown[name].mean(1) for name in members) / len(members)
            growth[family] = (-mean, (1 + (flag_null <= mean[:, None] + 1e-6).sum(1)) / (FLIPS + 1))
    lower = np.stack([one.lower for one in families.values()], 1)
    p_families = np.stack([one.p for one in families.values()], 1)
    p_tasks = np.stack([one.p for one in tasks.values()], 1)
    fell = np.stack([one.mean for one in tasks.values()], 1) < -POLICY.guards.drop
    passed = lower > -POLICY.margin
    above = np.stack([mean > POLICY.limits.truncated for mean, _ in growth.values()], 1)
    p_limits = holm(np.stack([p for _, p in growth.values()] * 2, 1))[:, : len(names)]  # half of what is tested
    adjusted, adjusted_tasks = holm(p_families), holm(p_tasks)

    def fails(level_families: float, level_guards: float, level_limits: float) -> tuple[np.ndarray, ...]:
        return (
            (adjusted <= level_families) & ~passed,
            (adjusted_tasks <= level_guards) & fell,
            (above & (p_limits <= level_limits)).any(1),
        )

    failed, guard, limit = fails(*(alpha * SHARES[name] for name in ("families", "guards", "limits")))
    whole = fails(alpha, alpha, alpha)
    outcome = Outcome(
        tasks, families, passed, failed, guard, limit, whole[0].any(1) | whole[1].any(1) | whole[2],
        ((p_families <= alpha) & ~passed).any(1),
    )  # fmt: skip
    if real:
        outcome.disagreed, outcome.agreement = _agreement(scenario, drawn, outcome, real)
    return outcome


def _agreement(scenario: Scenario, drawn: Mapping[str, Drawn], outcome: Outcome, real: int) -> tuple[int, str]:
    """The real gate on the first simulations: bounds must be equal, verdicts too (p may differ by its draws)."""
    apart, differ = 0.0, 0
    families = list(outcome.families)
    for at in range(real):
        verdict, _ = gate(
            as_run(scenario.tasks, {name: one.candidate[at] for name, one in drawn.items()}, {
                name: one.candidate_flags[at] for name, one in drawn.items()}, "candidate"),
            as_run(scenario.tasks, {name: one.base[at] for name, one in drawn.items()}, {
                name: one.base_flags[at] for name, one in drawn.items()}, "base"),
            POLICY,
        )  # fmt: skip
        for number, family in enumerate(families):
            said = verdict["families"][family]
            apart = max(apart, abs(said["lower"] - outcome.families[family].lower[at]))
            ours = "pass" if outcome.passed[at, number] else "fail" if outcome.failed[at, number] else "inconclusive"
            differ += said["verdict"] != ours
        for number, task in enumerate(outcome.tasks):
            apart = max(apart, abs(verdict["guards"][task]["lower"] - outcome.tasks[task].lower[at]))
            differ += (verdict["guards"][task]["verdict"] == "fail") != outcome.guard[at, number]
    wrong = differ + (apart > 1e-9)
    return wrong, f"{real} through the real gate: bounds within {apart:.0e}, {differ} verdicts differ"


def as_run(
    tasks: Mapping[str, Task], right: Mapping[str, np.ndarray], cut: Mapping[str, np.ndarray], side: str
) -> JudgedRun:
    """Counts of right (and of truncated) answers as a judged run."""
    families: dict[str, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        families[task.family].append(name)
    docs = {}
    for name, task in tasks.items():
        k = task.repeats if side == "candidate" else task.base_repeats or task.repeats
        docs[name] = {
            str(i): JudgedDoc(
                doc_id=i, doc_hash=str(i),
                scores=tuple(float(r < right[name][i]) for r in range(k)),
                truncated=tuple(bool(r < cut[name][i]) for r in range(k)), unparsed=(False,) * k,
                output_tokens=(1,) * k, text_hashes=(side,) * k,
            )
            for i in range(task.docs)
        }  # fmt: skip
    settings = {"sampling": {}, "repeats": 1}
    config = {
        "suite": {"name": "s", "version": 1, "thinking": False, "families": dict(families),
                  "tasks": {name: {**settings, "family": task.family} for name, task in tasks.items()}},
        "seed": 0, "engine": {}, "model": {"chat_template": ""}, "data": {},
    }  # fmt: skip
    return JudgedRun(Path(side), {"config": config, "model": {"name": side}}, docs, {})


class Claim(NamedTuple):
    """One thing that should hold, with the figure it was held against; what is not `asserted` is told all the same."""

    what: str
    found: str
    limit: str
    holds: bool
    asserted: bool = True


def error(rate: float, count: int) -> float:
    """The standard error of a rate."""
    return math.sqrt(rate * (1 - rate) / count)


def at_most(what: str, rate: float, limit: float, count: int) -> Claim:
    """A rate that must not be above `limit` by more than two of its standard errors."""
    allowed = limit + 2 * error(limit, count)
    return Claim(what, f"{100 * rate:.2f} %", f"<= {100 * allowed:.2f} %", rate <= allowed)


def predicted(what: str, rate: float, expected: float, asserted: bool) -> Claim:
    """A chance that `power` foretold, to three points."""
    return Claim(what, f"{100 * rate:.1f} %", f"{100 * expected:.1f} % ± 3", abs(rate - expected) <= 0.03, asserted)


def no_change(scenario: Scenario, sims: int, rng: np.random.Generator) -> tuple[list[str], list[Claim]]:
    """A table row and the claims of a scenario in which no mean changed."""
    got = run(scenario, sims, rng)
    alpha = POLICY.alpha
    task_p = np.stack([one.p for one in got.tasks.values()]) <= alpha
    family_p = np.stack([one.p for one in got.families.values()]) <= alpha
    everything = [*got.tasks.values(), *got.families.values()]
    missed = np.stack([one.lower > 0 for one in everything] + [one.upper < 0 for one in everything])
    test = "McNemar" if all(t.repeats == (t.base_repeats or t.repeats) == 1 for t in scenario.tasks.values()) else (
        "sign flips")  # fmt: skip
    name = scenario.name
    claims = [
        at_most(f"{name}: harm by {test}, tasks", task_p.mean(), alpha, task_p.size),
        at_most(f"{name}: harm by sign flips, families", family_p.mean(), alpha, family_p.size),
        at_most(f"{name}: bounds that miss", missed.mean(), alpha, missed.size),
        at_most(f"{name}: gate FAIL", got.gate_fails.mean(), alpha, sims),
        Claim(f"{name}: {got.agreement}", str(got.disagreed), "0", got.disagreed == 0),
    ]
    expected = None
    if not scenario.redrawn:
        plans = {task: one.plan for task, one in scenario.tasks.items()}
        members: dict[str, list[str]] = defaultdict(list)
        for task, one in scenario.tasks.items():
            members[one.family].append(task)
        expected = plan_power(plans, members, POLICY)["pass_at_no_change"]
        claims.append(predicted(f"{name}: gate PASS", got.gate_passes.mean(), expected, scenario.simulated))
    row = [
        name, *(f"{100 * rate:.1f}" for rate in (
            task_p.mean(), task_p.mean(1).max(), family_p.mean(), missed.mean(), got.uncorrected.mean(),
            got.unshared.mean(), got.gate_fails.mean(), got.gate_passes.mean())),
        "" if expected is None else f"{100 * expected:.1f}",
    ]  # fmt: skip
    return row, claims


def one_drop(scenario: Scenario, family: str, what: str, sims: int, rng: np.random.Generator) -> tuple[
    list[str], list[Claim]
]:  # fmt: skip
    """A table row and the claims of a scenario in which every task of `family` drops alike, by `what`."""
    members = {name: task for name, task in scenario.tasks.items() if task.family == family}
    parts = [task.plan for task in members.values()]
    alpha, margin = POLICY.alpha, POLICY.margin
    level = POLICY.share("families") / len({task.family for task in scenario.tasks.values()})
    gated = (margin, alpha)
    drop = {
        "detected": smallest_drop(parts, alpha), "failed": smallest_drop(parts, level, gated), "margin": margin,
    }[what]  # fmt: skip
    if drop is None:
        return [scenario.name, family, what, "-", "", "", "", ""], []
    got = run(replace(scenario, drops=dict.fromkeys(members, drop)), sims, rng)
    numbers, at = got.families[family], list(got.families).index(family)
    found, failed, passed = (numbers.p <= alpha).mean(), got.failed[:, at].mean(), got.passed[:, at].mean()
    label = f"{scenario.name}: {family} down {100 * drop:.1f}"
    expect_found, expect_failed = chance_to_find(parts, drop, alpha), chance_to_find(parts, drop, level, gated)
    claims = [predicted(f"{label}: harm found", found, expect_found, scenario.simulated),
              predicted(f"{label}: family FAIL", failed, expect_failed, scenario.simulated)]  # fmt: skip
    if what == "margin":
        claim = at_most(f"{label}: family PASS though the drop is the margin", passed, alpha, sims)
        # t bounds of small tasks with skewed differences are a little short (docs/statistics.md): told, and held to 6 %
        claims.append(claim._replace(asserted=bool(passed > 0.06)))
    pairs = ((found, expect_found), (failed, expect_failed))
    row = [scenario.name, family, f"{100 * drop:.1f}", *(f"{100 * x:.1f}" for pair in pairs for x in pair),
           f"{100 * passed:.1f}", f"{100 * got.gate_fails.mean():.1f}"]  # fmt: skip
    return row, claims


def real_pools(data: Path) -> dict[str, Task]:
    """Real labelled generations as pools: each doc's share of right ones among a model's (or four models') samples."""

    def chances(name: str, doc: str, least: int) -> tuple[float, ...]:
        of_doc: dict[str, list[bool]] = defaultdict(list)
        for line in (data / "graders" / f"{name}_open.jsonl").read_text(encoding="utf-8").split("\n"):
            row = json.loads(line) if line else {}
            label = row.get("expected_corrected", row.get("expected"))
            if label is not None:
                of_doc[str(row[doc])].append(bool(label))
        return tuple(sum(labels) / len(labels) for labels in of_doc.values() if len(labels) >= least)

    qwen = chances("qwen_math_cot_100x8", "problem_id", 2)
    gsm8k = chances("gsm8k_openai_solutions", "problem_id", 2)
    return {
        "qwen_math_cot": Task("in_domain", len(qwen), 8, sum(qwen) / len(qwen), pool=qwen),
        "gsm8k_openai": Task("ood", len(gsm8k), 4, sum(gsm8k) / len(gsm8k), pool=gsm8k),
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def main() -> int:
    """All scenarios; 0 if everything holds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sims", type=int, default=5000)
    options.add_argument("--write", action="store_true", help="put the tables into docs/statistics.md")
    asked = options.parse_args()
    sims, rng, started = asked.sims, np.random.default_rng(20261124), time.process_time()
    still = [
        Scenario("spot", SPOT), Scenario("spot, one repeat", QUICK), Scenario("spot, 2 repeats, base all", UNEQUAL),
        Scenario("spot, 10 % of docs redrawn", SPOT, redrawn=0.1), Scenario("four tasks of 150-200, one repeat", SMALL),
    ]  # fmt: skip
    drops = [(Scenario("spot", SPOT), family, what)
             for family in ("in_domain", "ood", "general") for what in ("detected", "failed", "margin")]  # fmt: skip
    drops += [(Scenario("spot, one repeat", QUICK), family, "failed") for family in ("in_domain", "ood", "general")]
    data = Path(os.environ.get("SPOT_EVAL_DATA", ROOT / "nowhere"))
    if (data / "graders").is_dir():
        real = Scenario("real labels, resampled", real_pools(data))
        still.append(real)
        drops += [(real, family, what) for family in ("in_domain", "ood") for what in ("detected", "failed")]
    claims: list[Claim] = []

    def rows(made: Sequence[Callable[[], tuple[list[str], list[Claim]]]]) -> list[list[str]]:
        found = []
        for make in made:
            row, more = make()
            found.append(row)
            claims.extend(more)
            print(f"{time.process_time() - started:5.0f} s  {' | '.join(row)}", file=sys.stderr, flush=True)
        return found

    first = table(
        ["nothing changed", "tasks", "worst task", "families", "bounds miss", "no Holm", "alpha thrice", "FAIL", "PASS",
         "foretold"],
        rows([lambda one=one: no_change(one, sims, rng) for one in still]),
    )  # fmt: skip
    second = table(
        ["a family drops", "family", "points", "found", "foretold", "FAIL", "foretold", "PASS", "gate FAIL"],
        rows([lambda one=one, f=f, w=w: one_drop(one, f, w, sims, rng) for one, f, w in drops]),
    )  # fmt: skip
    broken = [claim for claim in claims if not claim.holds]
    failed = [claim for claim in broken if claim.asserted]
    verdict = f"{len(claims) - len(broken)} of {len(claims)} claims hold, {sims:,} simulations each"
    said = [f"Does not hold: {claim.what}: {claim.found}, where {claim.limit} was claimed." for claim in broken]
    text = "\n\n".join([first, second, verdict + ".", *said])
    print(text)
    print(f"{time.process_time() - started:.0f} s of CPU", file=sys.stderr)
    if asked.write:
        page = ROOT / "docs" / "statistics.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(START)
        page.write_text(f"{before}{START}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
