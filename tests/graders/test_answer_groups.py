"""Grouping answers for majority votes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders.answer_groups import group_answers
from spot_eval.graders.pool import Job, Pool

ANSWERS = st.lists(st.one_of(st.none(), st.sampled_from(["1/2", "2/4", "3/6", "1", "2/2", "7", "x"])))


def vote_groups(answers: Sequence[str | None], same: Callable[[str, str], bool]) -> list[int | None]:
    """The oracle: the group of each answer of one doc, numbered from 0 in order of appearance; None for None."""
    groups: dict[str, int] = {}
    first: list[str] = []
    for answer in answers:
        if answer is None or answer in groups:
            continue
        group = next((i for i, member in enumerate(first) if same(member, answer)), len(first))
        if group == len(first):
            first.append(answer)
        groups[answer] = group
    return [None if answer is None else groups[answer] for answer in answers]


def fractions_equal(a: str, b: str) -> bool:
    return "x" not in a + b and Fraction(a) == Fraction(b)


@given(ANSWERS)
def test_groups_are_the_classes_of_equality_in_order_of_appearance(answers: list[str | None]) -> None:
    groups = vote_groups(answers, fractions_equal)
    assert [group is None for group in groups] == [answer is None for answer in answers]
    for a, i in zip(answers, groups, strict=True):
        for b, j in zip(answers, groups, strict=True):
            if a is not None and b is not None:
                assert (i == j) == (a == b or fractions_equal(a, b))
    seen = [group for group in dict.fromkeys(groups) if group is not None]
    assert seen == list(range(len(seen)))


def test_identical_strings_are_never_compared() -> None:
    def refuse(a: str, b: str) -> bool:
        raise AssertionError((a, b))

    assert vote_groups(["1", "1", None], refuse) == [0, 0, None]


def test_an_answer_joins_the_first_group_it_equals() -> None:
    # Equality within a tolerance is not transitive: 2 is near 1 and near 3.
    assert vote_groups(["1", "3", "2"], lambda a, b: abs(int(a) - int(b)) < 2) == [0, 1, 0]


def test_in_the_pool_as_in_plain_python_and_a_hostile_pair_is_different() -> None:
    hostile = "(x+y+z)^{300}-(x+y)^{300}"
    answers: dict[str, list[str | None]] = {
        "a": ["1/2", "0.5", None, r"\frac{2}{4}", "3", "1/2", "3.0", "7"],
        "b": ["(x+1)^2", "x^2+2x+1", "x^2"],
        "c": [hostile, "2", "4/2"],
        "d": [None, None],
        "e": [],
    }
    with Pool(2, cpu_seconds=1) as pool:
        groups = group_answers(pool, "maths", answers)
    assert groups == {
        "a": [0, 0, None, 0, 1, 0, 1, 2],
        "b": [0, 0, 1],
        "c": [0, 1, 1],
        "d": [None, None],
        "e": [],
    }


@given(st.dictionaries(st.integers(0, 5), ANSWERS))
def test_rounds_group_as_one_pass_does(answers: dict[int, list[str | None]]) -> None:
    class Inline(Pool):
        def run(self, jobs):  # type: ignore[no-untyped-def]
            return [(i, fractions_equal(*job.args)) for i, job in enumerate(jobs) if isinstance(job, Job)]

    expected = {doc: vote_groups(given, fractions_equal) for doc, given in answers.items()}
    assert group_answers(Inline(), "maths", answers) == expected
