"""The eight objectives against numbers worked by hand, and the running mean in both of its meanings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from trainer.batches.packing import BOTH, CHOSEN, REJECTED
from trainer.errors import TrainError
from trainer.objectives import TERMS, Objective, Scores, Shift, score

# two pairs; the first shares a token between its sides
TOKENS = torch.tensor([-0.5, -1.0, -2.0, -0.25, -1.5])
PAIR = torch.tensor([0, 0, 0, 1, 1])
SIDE = torch.tensor([BOTH, CHOSEN, REJECTED, CHOSEN, REJECTED])
REFERENCE = torch.tensor([[-1.0, -0.75], [-2.0, -1.0]], dtype=torch.float64)
BETA = 0.5
# l+ = -1.5, -0.25; l- = -2.5, -1.5; so r+ = 0.5 * (-0.5, 0.5), r- = 0.5 * (-0.5, -0.5)
UP, DOWN = (-0.25, 0.25), (-0.25, -0.25)
D = 0.1


def s(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def scores(tokens: torch.Tensor = TOKENS) -> Scores:
    return score(tokens, PAIR, SIDE, 2, reference=REFERENCE, beta=BETA)


WORKED = {
    "sft": (1.5 + 0.25) / 3,
    "rft": (1.5 + 0.25) / 3,
    "sft+": (1.5 + 0.25) / 3,
    "dft": sum(-math.exp(x) * x for x in (-0.5, -1.0, -0.25)) / 3,
    "reward-sft": sum(-math.log(s(up)) for up in UP) / 2,
    "dpo": sum(-math.log(s(up - down)) for up, down in zip(UP, DOWN, strict=True)) / 2,
    "spot-bce": sum(-math.log(s(up)) - math.log(s(-down)) for up, down in zip(UP, DOWN, strict=True)) / 2,
    "spot-bco": sum(-math.log(s(up - D)) - math.log(s(-(down - D))) for up, down in zip(UP, DOWN, strict=True)) / 2,
}


def loss(text: str, found: Scores) -> torch.Tensor:
    return Objective.parse(text).losses(found, torch.tensor(D), step_pairs=2, step_tokens=3).sum()


def test_all_eight_are_worked() -> None:
    assert set(WORKED) == set(TERMS)


@pytest.mark.parametrize("name", list(WORKED))
def test_losses_are_those_worked_by_hand(name: str) -> None:
    assert float(loss(name, scores())) == pytest.approx(WORKED[name], rel=1e-6)


def test_dft_weighs_by_a_probability_without_gradient() -> None:
    tokens = TOKENS.clone().requires_grad_()
    loss("dft", scores(tokens)).backward()
    assert tokens.grad is not None
    expected = [-math.exp(-0.5) / 3, -math.exp(-1.0) / 3, 0.0, -math.exp(-0.25) / 3, 0.0]
    assert tokens.grad.tolist() == pytest.approx(expected)


def test_a_shared_token_is_pulled_and_pushed() -> None:
    tokens = TOKENS.clone().requires_grad_()
    loss("spot-bce", scores(tokens)).backward()
    assert tokens.grad is not None
    shared, chosen, rejected = tokens.grad[:3].tolist()
    assert chosen == pytest.approx(-BETA * s(-UP[0]) / 2)
    assert rejected == pytest.approx(BETA * s(DOWN[0]) / 2)
    assert shared == pytest.approx(chosen + rejected)


def test_a_mixture_is_the_weighted_sum() -> None:
    mixed = float(loss("spot-bco + 0.5*sft+ + 2*dpo", scores()))
    assert mixed == pytest.approx(WORKED["spot-bco"] + 0.5 * WORKED["sft+"] + 2 * WORKED["dpo"])
    assert str(Objective.parse("spot-bce + 0.1*sft+")) == "spot-bce + 0.1*sft+"
    assert str(Objective.parse("sft+")) == "sft+"


@pytest.mark.parametrize("text", ["spot", "", "x*sft", "sft + ", "0.1*", "sft++"])
def test_an_unknown_objective_is_one_sentence(text: str) -> None:
    with pytest.raises(TrainError, match="is not known; there are sft, rft"):
        Objective.parse(text)


@dataclass
class MicroBatchRewards:
    """What a process sees in one micro-batch."""

    chosen: list[float]
    rejected: list[float]


# three steps; in each, one micro-batch a process; worked by hand below
FIRST = [MicroBatchRewards([1.0, 3.0], [0.0, 0.0]), MicroBatchRewards([2.0], [-2.0]), MicroBatchRewards([4.0], [2.0])]
SECOND = [MicroBatchRewards([5.0], [1.0]), MicroBatchRewards([0.0, 6.0], [0.0, 2.0]), MicroBatchRewards([0.0], [0.0])]


def paper(streams: list[list[MicroBatchRewards]]) -> list[float]:
    shift, seen = Shift("paper"), []
    for step in zip(*streams, strict=True):
        seen.append(shift.value)
        rewards = [value for part in step for value in part.chosen + part.rejected]
        shift.add(sum(rewards), len(rewards))
    return seen


def trl020(streams: list[list[MicroBatchRewards]]) -> list[float]:
    shift, seen = Shift("trl020"), []
    for step in zip(*streams, strict=True):
        means = [sum(part.chosen + part.rejected) / len(part.chosen + part.rejected) for part in step]
        shift.add(sum(means), len(means))
        seen.append(shift.value)
    return seen


def test_the_paper_s_shift_lags_a_step_and_weighs_pairs() -> None:
    assert paper([FIRST]) == [0.0, 1.0, 4 / 6]
    assert paper([FIRST, SECOND]) == pytest.approx([0.0, 10 / 6, 18 / 12])


def test_trl_020_s_shift_takes_the_current_in_and_weighs_micro_batches() -> None:
    assert trl020([FIRST]) == pytest.approx([1.0, 0.5, 4 / 3])
    assert trl020([FIRST, SECOND]) == pytest.approx([2.0, 1.5, 1.5])


def test_an_unknown_shift_is_refused() -> None:
    with pytest.raises(TrainError, match="paper and trl020"):
        Shift("mean")
