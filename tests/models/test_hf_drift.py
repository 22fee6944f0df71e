"""Drift token by token: the exact full-vocabulary KL, whatever the batch."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM

from spot_eval.models import hf_forced
from spot_eval.models.forced import Forced
from spot_eval.models.hf_drift import differences


@pytest.fixture(scope="module")
def models(tiny):
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).eval()
    candidate = copy.deepcopy(base)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in candidate.parameters():
            weight.add_(0.05 * weight.std() * torch.randn_like(weight))
    return base, candidate


def sequences(count: int = 7) -> list[Forced]:
    draw = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 40, (count, 2), generator=draw).tolist()
    return [
        Forced(f"k{number}", *(torch.randint(3, 200, (length,), generator=draw).tolist() for length in pair))
        for number, pair in enumerate(lengths)
    ]


def exact(base, candidate, one):
    """By definition: one row, no cache, double precision."""
    ids = torch.tensor([[*one.prompt, *one.answer]])
    with torch.no_grad():
        p, q = (torch.log_softmax(model(ids).logits[0].double(), -1) for model in (base, candidate))
    places = range(len(one.prompt) - 1, ids.shape[1] - 1)
    kl = [float((p[at].exp() * (p[at] - q[at])).sum()) for at in places]
    change = [float(q[at, ids[0, at + 1]] - p[at, ids[0, at + 1]]) for at in places]
    return kl, change


@pytest.mark.parametrize(("budget", "segment"), [(4096, 512), (1, 512), (64, 8)])
def test_it_equals_the_definition(models, monkeypatch, budget, segment):
    monkeypatch.setattr(hf_forced, "SEGMENT", segment)
    asked = sequences()
    found = {one.key: one for one in differences(*models, asked, token_budget=budget)}
    assert found.keys() == {one.key for one in asked}
    for one in asked:
        kl, change = exact(*models, one)
        assert found[one.key].kl == pytest.approx(kl, abs=1e-5)
        assert found[one.key].logprob == pytest.approx(change, abs=1e-5)
        assert len(found[one.key].base_logprob) == len(one.answer)
    assert sum(sum(one.kl) for one in found.values()) > 0.01  # the two do differ


def test_a_model_has_not_moved_from_itself(models):
    base, _ = models
    for one in differences(base, base, sequences()):
        assert set(one.kl) == set(one.logprob) == {0.0}


def test_a_token_that_became_likelier_has_a_positive_change(models):
    base, _ = models
    candidate = copy.deepcopy(base)
    bias = torch.zeros(base.config.vocab_size)
    bias[5] = 2.0
    candidate.lm_head.register_forward_hook(lambda module, given, logits: logits + bias)
    (found,) = differences(base, candidate, [Forced("k", [7, 8], [5, 6])])
    assert found.logprob[0] > 0 > found.logprob[1]
