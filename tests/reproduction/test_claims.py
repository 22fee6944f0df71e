"""The tests that decide claims: equal to textbooks where there is one, and right about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spot_eval.reproduction.claims import CLAIMS, Claim, Difference, decide, paired
from spot_eval.reproduction.exam import PARTS, WEIGHTS
from spot_eval.reproduction.protocol import FEW, FULL, MANY, METHODS
from spot_eval.reproduction.scores import drift_of, family_means, family_weights, gain_of, lost_of

LISTED = [part for part in PARTS for _ in range(20 * WEIGHTS[part])]


def bits(rng: np.random.Generator, share: float) -> str:
    return "".join("1" if one < share else "0" for one in rng.random(len(LISTED)))


def result(rng: np.random.Generator, share: float, kl: float = 0.01) -> dict[str, object]:
    return {"right": bits(rng, share), "kl": list(rng.gamma(2.0, kl / 2, len(LISTED))), "tokens": [1] * len(LISTED)}


def test_one_seed_and_one_stratum_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    mine, theirs = rng.random((1, 30)), rng.random((1, 30))
    found = paired(mine, theirs, np.full(30, 1 / 30), ["a"] * 30)
    known = stats.ttest_rel(mine[0], theirs[0], alternative="greater")
    assert found.mean == pytest.approx((mine - theirs).mean())
    assert found.df == pytest.approx(29)
    assert found.p_above(0.0) == pytest.approx(known.pvalue)


def test_seeds_widen_the_error_and_lower_the_degrees_of_freedom() -> None:
    rng = np.random.default_rng(2)
    items = rng.random(200)
    steady = np.stack([items + 0.1] * 5)
    moving = steady + np.array([-0.2, 0.2, 0.0, 0.1, -0.1])[:, None]
    weights = np.full(200, 1 / 200)
    quiet, loud = (paired(one, np.stack([items] * 5), weights, ["a"] * 200) for one in (steady, moving))
    assert quiet.stderr == pytest.approx(0, abs=1e-12)
    assert loud.stderr == pytest.approx(np.std([-0.2, 0.2, 0.0, 0.1, -0.1], ddof=1) / 5**0.5)
    assert loud.df == pytest.approx(4)
    assert Difference(0.1, 0.0, 1.0).p_above(0.0) == 0.0
    assert Difference(-0.1, 0.0, 1.0).p_above(0.0) == 1.0
    assert Difference(0.0, 0.0, 1.0).p_above(0.0) == 0.5  # equal throughout: neither a claim nor its opposite


def test_a_false_claim_holds_as_rarely_as_alpha_says() -> None:
    rng = np.random.default_rng(3)
    weights = family_weights(LISTED, ["in_domain", "ood"])
    held = 0
    for _ in range(400):
        truth = rng.random(len(LISTED)) * 0.5
        seeds = rng.normal(0, 0.02, (5, 1))  # a seed moves all items a little
        mine = rng.random((5, len(LISTED))) < np.clip(0.3 + truth + seeds, 0, 1)
        theirs = rng.random((5, len(LISTED))) < 0.3 + truth
        held += paired(mine.astype(float), theirs.astype(float), weights, LISTED).p_above(0.0) < 0.05
    assert held <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5


def test_large_effects_hold_their_opposites_are_contradicted_and_nothing_is_undecided() -> None:
    rng = np.random.default_rng(4)
    base = {"right": bits(rng, 0.4), "parts": LISTED}
    finals = {
        (MANY.name, "spot-bce"): [result(rng, 0.95, 0.001) for _ in range(5)],
        (MANY.name, "sft+"): [result(rng, 0.6, 0.05) for _ in range(5)],
        (MANY.name, "dpo"): [result(rng, 0.6) for _ in range(5)],
    }
    claims = (
        Claim("up", "spot-bce", "base"),
        Claim("not down", "spot-bce", "base", below=True),
        Claim("ahead", "spot-bce", "sft+"),
        Claim("drifts less", "spot-bce", "sft+", drift=True, below=True),
        Claim("a tie", "dpo", "sft+"),
        Claim("no worse", "dpo", "sft+", margin=0.2),
        Claim("not run", "rft", "sft+"),
    )
    found = {one.claim.text: one.verdict for one in decide(claims, finals, base)}
    assert found == {"up": "holds", "not down": "contradicted", "ahead": "holds", "drifts less": "holds",
                     "a tie": "undecided", "no worse": "holds"}  # fmt: skip


def test_scores_are_means_of_parts() -> None:
    rng = np.random.default_rng(5)
    base = {"right": "1" * len(LISTED), "parts": LISTED}
    lost = "".join("0" if part == "brief" else "1" for part in LISTED)
    assert family_means(lost, LISTED) == pytest.approx({"in_domain": 1.0, "ood": 1.0, "general": 2 / 3})
    assert lost_of({"right": lost}, base) == pytest.approx(1 / 3)
    assert gain_of({"right": lost}, base) == pytest.approx(0)
    assert family_weights(LISTED, ["in_domain", "ood"]).sum() == pytest.approx(1)
    made = result(rng, 0.5)
    assert drift_of(made, LISTED) == pytest.approx(np.mean(made["kl"]))  # type: ignore[arg-type]


def test_every_claim_is_about_methods_that_the_protocol_runs() -> None:
    for claim in CLAIMS:
        methods = {claim.method, claim.against} - {"base"}
        assert methods <= set(FULL.few if claim.regime == FEW.name else FULL.methods)
    assert set(FULL.methods) == set(METHODS)
    chosen = dict.fromkeys(FULL.methods, (0.0001, 5.0))
    names = [setting.name for setting in [*FULL.grid(), *FULL.finals(chosen)]]
    assert len(names) == len(set(names)) == 16 + 40 + 45 + 15
