"""Log-probs of answers that a model is made to read: those of one plain forward pass, whatever the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from spot_eval.models import hf_forced
from spot_eval.models.hf_forced import token_logprobs
from tests.models.test_hf_drift import sequences


@pytest.mark.parametrize(("budget", "segment"), [(4096, 512), (1, 512), (64, 8)])
def test_they_equal_a_plain_forward_pass(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, budget: int, segment: int
) -> None:
    monkeypatch.setattr(hf_forced, "SEGMENT", segment)
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).eval()
    asked = sequences()
    found = dict(token_logprobs(model, asked, token_budget=budget))
    assert found.keys() == {one.key for one in asked}
    for one in asked:
        ids = torch.tensor([[*one.prompt, *one.answer]])
        with torch.no_grad():
            logprobs = torch.log_softmax(model(ids).logits[0].double(), -1)
        plain = [float(logprobs[len(one.prompt) - 1 + at, token]) for at, token in enumerate(one.answer)]
        assert found[one.key] == pytest.approx(plain, abs=1e-5)
