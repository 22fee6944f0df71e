"""Differences, bounds and tests, against statsmodels, scipy and cases worked by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spot_eval.metrics import bounds
from spot_eval.metrics.paired import Pairs, effect, holm, lower_bound, mcnemar, screened_p_harm, sign_flip, upper_bound

FIFTHS = np.array([-0.4, 0.2, 0.0, -0.2, -0.6, 0.2, 0.0, -0.2, 0.4, -0.8, 0.0, -0.2])


def pairs(*differences: float, **kind: object) -> Pairs:
    return Pairs(np.array(differences, dtype=float), **kind)  # type: ignore[arg-type]


def test_a_tasks_bounds_are_those_of_its_docs() -> None:
    found = effect([Pairs(FIFTHS)], alpha=0.05)
    assert found.mean == pytest.approx(FIFTHS.mean())
    assert found.stderr == pytest.approx(stats.sem(FIFTHS))
    assert found.lower == bounds.lower_bound(FIFTHS, 0.05)
    assert found.upper == bounds.upper_bound(FIFTHS, 0.05)
    assert found.interval == (bounds.lower_bound(FIFTHS, 0.025), bounds.upper_bound(FIFTHS, 0.025))
    assert (found.bounds, found.test, found.df) == ("exact", "sign-flip", pytest.approx(11))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 6)), min_size=8, max_size=40))
def test_the_error_is_that_of_a_regression_with_clustered_errors(docs: list[tuple[int, int]]) -> None:
    from statsmodels.regression.linear_model import OLS

    differences = np.array([value / 5 for value, _ in docs])
    clusters = np.array([cluster for _, cluster in docs])
    groups = len(set(clusters.tolist()))
    if groups < 2:
        return
    ours = effect([Pairs(differences, clusters)]).stderr
    fit = OLS(differences, np.ones(len(docs))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert ours == pytest.approx(float(fit.bse[0]), abs=1e-12)
    alone = OLS(differences, np.ones(len(docs))).fit(cov_type="cluster", cov_kwds={"groups": np.arange(len(docs))})
    assert effect([Pairs(differences)]).stderr == pytest.approx(float(alone.bse[0]), abs=1e-12)


def test_a_familys_distances_add_up_as_squares() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-5, 6, 300) / 5 for _ in range(2))
    parts = [Pairs(a), Pairs(b)]
    apart = [one.mean() - bounds.lower_bound(one, 0.01) for one in (a, b)]
    assert lower_bound(parts, 0.01) == pytest.approx((a.mean() + b.mean()) / 2 - math.hypot(*apart) / 2)
    assert upper_bound(parts, 0.01) == pytest.approx(-lower_bound([Pairs(-a), Pairs(-b)], 0.01))
    # close to the interval of the mean of a and b that scipy knows: half the difference of a and -b
    welch = stats.ttest_ind(a, -b, equal_var=False, alternative="greater").confidence_interval(0.99).low / 2
    assert lower_bound(parts, 0.01) == pytest.approx(welch, abs=0.004)
    assert effect(parts).df == pytest.approx(stats.ttest_ind(a, -b, equal_var=False).df)


DOCS = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.2, 0.0, 0.0, 0.2, 1.0]), st.integers(0, 9)), min_size=2, max_size=30
)


@settings(max_examples=80, deadline=None)
@given(st.lists(DOCS, min_size=1, max_size=3), st.booleans(), st.integers(0, 29))
def test_bounds_of_a_family_fall_with_its_docs_and_lie_in_its_interval(
    tasks: list[list[tuple[float, int]]], clustered: bool, at: int
) -> None:
    def parts(worse: bool) -> list[Pairs]:
        made = []
        for number, docs in enumerate(tasks):
            values = np.array([value for value, _ in docs])
            if worse and number == 0:
                values[at % len(values)] = -1.0
            made.append(Pairs(values, np.array([cluster for _, cluster in docs]) if clustered else None))
        return made

    before, after = (effect(parts(worse), 0.05) for worse in (False, True))
    assert before.interval is not None
    assert before.lower is not None
    assert before.upper is not None
    assert after.lower is not None
    assert after.upper is not None
    assert after.lower <= before.lower + 1e-9
    assert after.upper <= before.upper + 1e-9
    assert before.interval[0] <= before.lower + 1e-9
    assert before.upper <= before.interval[1] + 1e-9


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (5, 2), (12, 3), (3, 12)])
def test_mcnemar_is_statsmodels(lost: int, gained: int) -> None:
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    differences = np.array([-1.0] * lost + [1.0] * gained + [0.0] * 20)
    harm, gain, both = mcnemar(differences)
    assert both == pytest.approx(theirs([[10, lost], [gained, 10]], exact=True).pvalue)
    if lost + gained:
        assert harm == pytest.approx(stats.binomtest(lost, lost + gained, alternative="greater").pvalue)
        assert gain == pytest.approx(stats.binomtest(gained, lost + gained, alternative="greater").pvalue)
    one = effect([Pairs(differences, binary=True)])
    assert (one.test, one.p) == ("mcnemar", pytest.approx(both))


def by_all_flips(values: np.ndarray) -> tuple[float, float]:
    sums = [sum(s * v for s, v in zip(flips, values, strict=True)) for flips in
            itertools.product((1, -1), repeat=len(values))]  # fmt: skip
    return (
        float(np.mean([total <= values.sum() + 1e-12 for total in sums])),
        float(np.mean([total >= values.sum() - 1e-12 for total in sums])),
    )


def test_few_differences_go_through_all_flips() -> None:
    harm, gain, both = sign_flip(FIFTHS)
    assert (harm, gain) == pytest.approx(by_all_flips(FIFTHS[FIFTHS != 0]))
    assert both == pytest.approx(2 * harm)
    assert sign_flip(np.array([-0.2, -0.4]))[0] == 1 / 4
    assert sign_flip(np.zeros(5)) == (1, 1, 1)


def test_many_differences_are_drawn_and_come_close_to_all_flips() -> None:
    values = np.array([-0.8, 0.6, -0.4, -0.4, 0.2, 0.2, -0.2, -0.6, 0.4, -0.2, 0.3, -0.1, -0.3, 0.1, -0.5, 0.05])
    harm, gain, _ = sign_flip(values)
    assert (harm, gain) == pytest.approx(by_all_flips(values), abs=0.012)  # four errors of 19,999 draws
    assert sign_flip(values) == sign_flip(values)
    theirs = stats.permutation_test(
        (values,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", n_resamples=9999, alternative="less",
        vectorized=True, rng=1,
    )  # fmt: skip
    assert harm == pytest.approx(theirs.pvalue, abs=0.02)


def test_a_familys_test_weighs_tasks_alike() -> None:
    # one task of 2 docs and one of 6: a doc of the first weighs three times as much
    found = effect([pairs(-0.5, -0.5), pairs(0.5, 0.5, 0, 0, 0, 0)])
    assert found.mean == pytest.approx((-0.5 + 1 / 6) / 2)
    assert found.p_harm == pytest.approx(by_all_flips(np.array([-0.25, -0.25, 0.5 / 12, 0.5 / 12]))[0])


def test_identical_records_leave_nothing_to_doubt() -> None:
    found = effect([pairs(0, 0, 0, identical=True)])
    assert (found.mean, found.lower, found.upper, found.p_harm, found.bounds) == (0, 0, 0, 1, "identity")
    beside = effect([pairs(0, 0, 0, identical=True), Pairs(FIFTHS)])
    alone = effect([Pairs(FIFTHS)])
    assert beside.lower == pytest.approx((alone.lower or 0) / 2)


def test_one_doc_that_differs_gives_an_exact_bound() -> None:
    found = effect([pairs(*[0.0] * 29, -1.0, binary=True)], alpha=0.05)
    assert found.bounds == "exact"
    # one loss in 30: the share p with P(X <= 1) = 0.05
    p = -(found.lower or 0)
    assert (1 - p) ** 30 + 30 * p * (1 - p) ** 29 == pytest.approx(0.05)
    none = 1 - 0.05 ** (1 / 30)  # the share gained, of which none was seen; the doc that was lost stays lost
    assert found.upper == pytest.approx(none - (1 - none) / 30)


def test_no_doc_that_differs_is_not_certainty() -> None:
    found = effect([pairs(*[0.0] * 100)], alpha=0.05)
    assert found.lower == pytest.approx(-(1 - 0.05 ** (1 / 100)))
    assert found.p_harm == 1


def test_a_few_differing_docs_and_many_join_in_a_family() -> None:
    few, many = pairs(*[0.0] * 399, -0.5), Pairs(np.random.default_rng(2).integers(-5, 6, 400) / 5)
    assert effect([few, many]).bounds == "mixed"
    assert effect([many, many]).bounds == "likelihood"
    assert effect([few]).bounds == "exact"


@settings(max_examples=40)
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.5, 1.0]), min_size=1, max_size=30))
def test_bounds_hold_the_mean_and_are_never_of_no_width(values: list[float]) -> None:
    found = effect([pairs(*values)])
    assert found.mean is not None
    assert found.interval is not None
    assert found.lower is not None
    assert found.upper is not None
    assert -1 <= found.interval[0] <= found.lower <= found.mean <= found.upper <= found.interval[1] <= 1
    assert found.lower < found.upper


def test_no_docs_are_no_effect() -> None:
    assert effect([]).mean is None
    assert effect([pairs()]).lower is None
    assert effect([pairs(), Pairs(FIFTHS)]).mean is None


def test_one_doc_has_bounds_but_no_error() -> None:
    found = effect([pairs(-0.2)])
    assert found.stderr is None
    assert found.lower == -1


def test_holm_is_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    for p_values in ([0.2], [0.01, 0.04, 0.03, 0.04], [0.9, 0.001, 0.02, 0.02, 0.5, 0.013], [1.0, 0.0, 1.0]):
        assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_docs_that_differ_alike_have_bounds_and_no_standard_error() -> None:
    for value in (0.0, -0.2, 0.1):
        found = effect([Pairs(np.full(60, value))])
        assert found.stderr is None
        assert found.lower is not None
        assert found.lower < value < (found.upper or 0)
    assert effect([Pairs(np.zeros(60), identical=True)]).stderr == 0
    mixed = effect([Pairs(np.zeros(60)), Pairs(np.array([0.0, 1.0, 0.0, 0.0]))])
    assert mixed.stderr == pytest.approx(0.125)


@given(
    values=st.lists(st.lists(st.sampled_from([-1.0, -0.4, -0.2, 0.0, 0.2, 0.4]), min_size=1, max_size=40), min_size=1,
                    max_size=3),
    level=st.sampled_from([0.035, 0.01, 0.2]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_screened_p_is_on_the_side_of_the_exact_one(values: list[list[float]], level: float) -> None:
    parts = [Pairs(np.array(one)) for one in values]
    exact, screened = effect(parts).p_harm, screened_p_harm(parts, level, 4)
    assert exact is not None
    if screened not in {0.0, 1.0}:
        assert screened == exact
    elif screened == 0:
        assert exact <= level / 4
    else:
        assert exact > level
