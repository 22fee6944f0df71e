"""The trainer on a card."""

from __future__ import annotations

import pytest
import torch

from tests.gpu.models import SHAPES, random_model
from tests.gpu.precision import TOLERANCE, steps_of

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_steps_of_spot_bce_are_those_of_the_cpu_within_tolerance(dtype: str) -> None:
    causal = random_model(SHAPES["tiny"], "cpu", torch.float32)
    exact = steps_of("spot-bce", causal, "cpu", "float32")
    found = steps_of("spot-bce", causal, "cuda", dtype)
    for name, most in TOLERANCE[dtype].items():
        assert [one[name] for one in found] == pytest.approx([one[name] for one in exact], rel=most)


def test_a_step_leaves_the_reward_at_zero_before_it_and_moves_it_after() -> None:
    causal = random_model(SHAPES["tiny"], "cpu", torch.float32)
    first, second, *_ = steps_of("spot-bco", causal, "cuda", "bfloat16")
    assert first["reward_chosen"] == 0.0
    assert second["reward_chosen"] != 0.0
