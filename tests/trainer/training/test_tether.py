"""Warnings about beta: each appears for the run it describes, and for no other."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from trainer.objectives import Objective
from trainer.training.tether import FEWEST_STEPS, tether_warnings

RISING = [0.05 * step for step in range(100)]


def warnings(objective: str, rewards: list[float], shift: float = 0.0) -> list[str]:
    rows = [
        {"reward_chosen": r, "reward_rejected": -r, "tether": 1 / (1 + math.exp(min(r, 700))), "shift": shift}
        for r in rewards
    ]
    return tether_warnings(rows, Objective.parse(objective), 0.3)


@pytest.mark.parametrize("objective", ["reward-sft", "spot-bce"])
def test_a_tether_that_acts_is_no_fault_and_one_that_does_not_is(objective: str) -> None:
    assert warnings(objective, RISING) == []
    (said,) = warnings(objective, [r / 10 for r in RISING])
    assert said.startswith("the tether hardly acted: 0.38 of its pull")
    assert "take more than 0.3" in said
    assert warnings(objective, [-r for r in RISING]) == []
    assert warnings(objective, [10 * r for r in RISING]) == []
    (said,) = warnings(objective, [100 * r for r in RISING])
    assert said.startswith("the sigmoid was saturated from the start: r+ was 22.5 in the first tenth")
    assert "take a beta below 0.3" in said


def test_dpo_and_the_shifted_loss_are_judged_by_what_stands_in_their_sigmoid() -> None:
    tiny = [r / 20 for r in RISING]
    (said,) = warnings("dpo", tiny)
    assert "r+ - r- was 0.47 at the end, where the sigmoid is nearly linear" in said
    assert warnings("dpo", RISING) == []
    (said,) = warnings("spot-bco", tiny)
    assert "r+ - d was 0.24 at the end" in said
    assert warnings("spot-bco", tiny, shift=-1.5) == []


def test_a_shift_that_falls_is_a_fault_only_where_the_chosen_answers_rise_no_further() -> None:
    falling = [min(0.5 * step, 8 - 0.04 * step) for step in range(100)]
    (said,) = warnings("spot-bco", falling, shift=-9.1)
    assert "ended at -9.1, while r+ rose no further (7.0 in the first half, 4.2 at the end)" in said
    assert warnings("spot-bco", RISING, shift=-9.1) == []
    assert warnings("spot-bco", falling, shift=-1.7) == []


def test_what_has_no_tether_or_another_pull_or_few_steps_is_not_judged() -> None:
    still = [0.0] * 100
    for objective in ("sft+", "spot-bce + 0.1*sft+"):
        assert warnings(objective, still, shift=-9) == []
    assert warnings("spot-bce", still[: FEWEST_STEPS - 1]) == []
    assert warnings("spot-bce", still[:FEWEST_STEPS])


def test_what_the_page_says_of_betas_is_what_was_measured() -> None:
    root = Path(__file__).parents[3]
    kept = {
        (one["objective"], one["beta"]): one
        for one in json.loads((root / "tests" / "benchmarks" / "tether_betas.json").read_text())
    }
    low, middle, high = (kept["spot-bce", beta] for beta in (0.1, 5.0, 50.0))
    page = " ".join((root / "docs" / "training.md").read_text().split())
    assert f"at beta 0.1 ({low['tether_last_tenth']:.2f} left)" in page
    assert f"and 50 (r+ {high['reward_chosen_first_tenth']:.1f} in the first tenth), and not at 5" in page
    assert not middle["warnings"]
    # each objective is warned of at its ends and nowhere else
    assert [len(one["warnings"]) for one in kept.values()] == [1, 0, 1] * 4
