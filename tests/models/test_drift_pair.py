"""A pair of models that read the same answers: the bound from the likeliest tokens, and how a pair is asked for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.models.drift_pair import Reading, lower_bound
from spot_eval.models.forced import Forced

VOCABULARY = 30


def logprobs(seed: int, spread: float) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, spread, VOCABULARY)
    return logits - np.log(np.exp(logits).sum())


def named(logprob: np.ndarray, top: int, token: int) -> dict[int, float]:
    """Return what vLLM says of a place: the likeliest tokens, and the token itself."""
    return {int(each): float(logprob[each]) for each in {*np.argsort(-logprob)[:top].tolist(), token}}


@given(
    seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)),
    spread=st.floats(0.1, 8),
    top=st.integers(1, VOCABULARY),
    token=st.integers(0, VOCABULARY - 1),
)
def test_it_is_never_above_the_exact_value_and_meets_it_where_all_is_known(seeds, spread, top, token) -> None:
    p, q = (logprobs(seed, spread) for seed in seeds)
    exact = float((np.exp(p) * (p - q)).sum())
    one = Forced("k", [1], [token])
    (bound,), (logprob,), (base,) = lower_bound(one, [named(p, top, token)], [named(q, top, token)])[1:]
    assert 0 <= bound <= exact + 1e-9
    assert logprob == pytest.approx(q[token] - p[token])
    assert base == pytest.approx(p[token])
    if top == VOCABULARY:
        assert bound == pytest.approx(exact, abs=2e-6)  # the rest is nothing, and is taken for 1e-7
    if seeds[0] == seeds[1]:
        assert bound == pytest.approx(0, abs=1e-9)


def test_more_tokens_never_lower_the_bound_here() -> None:
    p, q = logprobs(1, 2.0), logprobs(2, 2.0)
    bounds = [lower_bound(Forced("k", [1], [0]), [named(p, top, 0)], [named(q, top, 0)]).kl[0] for top in (1, 5, 30)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[2]


def test_a_place_where_one_token_has_all_the_mass_is_no_division_by_zero() -> None:
    sure = {3: 0.0, 5: -40.0}
    (kl,) = lower_bound(Forced("k", [1], [3]), [sure], [{3: math.log(0.5), 5: math.log(0.5)}]).kl
    assert kl == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize(
    ("engine", "arguments", "words"),
    [
        ("api", {}, "drift reads answers by --engine hf or vllm, not 'api'"),
        ("hf", {"dtpye": "float32"}, "dtpye"),
    ],
)
def test_bad_input_is_one_sentence(engine: str, arguments: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Reading.parse(engine, arguments, 4096)
