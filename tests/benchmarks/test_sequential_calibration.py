"""The sequential calibration: its short form, its kept result beside the page, and its rule against the gate's."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spot_eval.gating.look_plan import task_counts, task_fractions
from spot_eval.gating.policy import Policy
from spot_eval.gating.sequential import FamilyState, Rules, judge_look
from spot_eval.metrics import sequential
from spot_eval.runs.judged import JudgedDoc, JudgedRun
from tests.benchmarks import calibration_sequential, sequential_cells
from tests.benchmarks.calibration_sequential import SUITES, all_cells
from tests.benchmarks.calibration_worlds import SPOT, Task, altered
from tests.benchmarks.sequential_cells import judged, rules_of
from tests.benchmarks.sequential_worlds import paths
from tests.made_runs import made

KEPT = calibration_sequential.load()
TEXT = calibration_sequential.PAGE.read_text(encoding="utf-8")
SHORT = 300


def test_the_page_shows_the_kept_result() -> None:
    assert TEXT.count(calibration_sequential.START) == 1
    shown = TEXT.partition(calibration_sequential.START)[2].partition(calibration_sequential.END)[0]
    assert shown.strip() == calibration_sequential.page(KEPT).strip()


def test_the_kept_result_has_every_cell_and_names_its_commit() -> None:
    assert [row["key"] for row in KEPT["cells"]] == list(all_cells())
    assert len(KEPT["commit"]) == 40, "the result was made from files that differ from their commit"
    assert KEPT["sims"] >= 10_000


def test_the_boundaries_of_the_page_are_those_in_use() -> None:
    fractions = task_fractions(task_counts(100, 5, 5), 5)
    rows = {
        "fraction": [f"{one:.3f}" for one in fractions[:-1]] + ["1"],
        "z of PASS": [f"{z:.3f}" for z in sequential.boundaries(fractions, 0.05)],
        "z of FAIL": [f"{z:.3f}" for z in sequential.boundaries(fractions, 0.05 * 0.7 / 3)],
    }
    for name, cells in rows.items():
        assert f"| {name} | {' | '.join(cells)} |" in TEXT
    assert [repeats for _, repeats in task_counts(30, 16, 5)] == [3, 6, 10, 13, 16]


QUICK = [key for key in all_cells() if key.startswith(("unchanged", "curve/spot/")) or "whole" in key or "ood" in key]


@pytest.mark.parametrize("key", QUICK)
def test_a_rate_stays_in_its_band(key: str) -> None:
    """A false alarm has a chance of 1 in 20,000 per cell; seeds are fixed."""
    _in_band(key, SHORT)


def _in_band(key: str, sims: int) -> None:
    (cell,) = all_cells()[key](sims, np.random.default_rng([1, zlib.crc32(key.encode())]))
    kept = next(row for row in KEPT["cells"] if row["key"] == key)
    low = stats.binom.ppf(2.5e-5, sims, max(0.0, kept["rate"] - 3 * kept["error"])) / sims
    high = stats.binom.isf(2.5e-5, sims, min(1.0, kept["rate"] + 3 * kept["error"])) / sims
    assert low <= cell.rate <= high
    if "share" in (cell.extra or {}):
        assert cell.extra is not None
        assert cell.extra["share"] == pytest.approx(kept["extra"]["share"], abs=0.08)


def test_a_gate_that_looks_at_the_fixed_boundary_leaves_its_band(monkeypatch: pytest.MonkeyPatch) -> None:
    # the short form can fail: naive peeking passes harm far too often
    levels = sequential.levels
    monkeypatch.setattr(
        "spot_eval.gating.sequential.levels", lambda fractions, alpha: levels((1.0,), alpha) * len(fractions)
    )
    with pytest.raises(AssertionError):
        _in_band("margin/spot/ood/whole", 2000)


TINY = {
    "a": Task("in_domain", 60, 4, 0.6),
    "b": Task("in_domain", 40, 4, 0.5, concentration=0.5),
    "c": Task("general", 90, 4, 0.7),
}


@pytest.mark.parametrize("drop", [0.0, 0.08, 0.2])
def test_the_rule_of_the_cells_is_the_gates(drop: float, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(margin=0.1)
    monkeypatch.setattr(sequential_cells, "POLICY", policy)
    rules = replace(rules_of(TINY), policy=policy, margins={"in_domain": 0.1, "general": 0.1})
    rng = np.random.default_rng(int(100 * drop))
    drawn = {name: paths(task, rules.plan[name], "whole", drop, 5, rng) for name, task in TINY.items()}
    ended = judged(rules, drawn)
    for number in range(5):
        states = _real(rules, drawn, number)
        for column, (name, state) in enumerate(states.items()):
            expected = {"pass": 1, "fail": -1, "inconclusive": 0}[state.verdict]
            assert ended.verdict[number, column] == expected, (number, name)
            assert ended.closed[number, column] == state.closed - 1


def _real(rules: Rules, drawn: dict[str, list], number: int) -> dict[str, FamilyState]:  # type: ignore[type-arg]
    """What the gate's own looks say of the same differences, given as fractional scores of one repeat each."""
    states = {family: FamilyState() for family in rules.margins}
    for look in range(rules.looks):
        base, candidate = {}, {}
        for task, of in drawn.items():
            part = of[look]
            differences = np.repeat(part.values, part.counts[number].astype(int))
            sides = np.stack([(1 + differences) / 2, (1 - differences) / 2], axis=1)
            for side, run in ((0, candidate), (1, base)):
                run[task] = {str(doc): _doc(doc, float(sides[doc, side]), side) for doc in range(len(sides))}
        judge_look(states, _run(candidate), _run(base), rules, look + 1)
    return states


def _doc(number: int, score: float, side: int) -> JudgedDoc:
    return JudgedDoc(number, str(number), (score,), (False,), (False,), (1,), (f"{side} {score}",))


def _run(docs: dict[str, dict[str, JudgedDoc]]) -> JudgedRun:
    families = {"in_domain": ["a", "b"], "general": ["c"]}
    return replace(made({task: [[1.0]] for task in docs}, families=families), docs=docs)


def test_what_power_foretells_is_near_what_was_measured() -> None:
    for row in KEPT["cells"]:
        extra = row["extra"]
        if extra.get("foretold_share") is not None:
            assert -0.03 < extra["share"] - extra["foretold_share"] < 0.07, row["key"]
            assert abs(extra["pass"] - extra["foretold_pass"]) < 0.1, row["key"]


def test_the_readme_states_the_kept_figures() -> None:
    rows = {row["key"]: row for row in KEPT["cells"]}
    assert all(row["holds"] is not False for row in rows.values()), "the README claims that every cell holds"
    readme = " ".join((calibration_sequential.PAGE.parents[1] / "README.md").read_text(encoding="utf-8").split())
    still, lost = (f"{100 * rows[key]['extra']['share']:.0f} %" for key in ("unchanged/spot", "curve/spot/-0.03"))
    assert f"it asks for {still} of the answers if nothing changed, and for {lost} if every family lost 3" in readme


def test_one_repeat_is_seen_in_halves_of_the_docs() -> None:
    rules = rules_of(altered(SPOT, repeats=1))
    assert rules.looks == 2
    assert rules.plan["ifeval"].docs == (271, 541)
    assert set(SUITES) >= {"spot", "spot, base of 4x"}
