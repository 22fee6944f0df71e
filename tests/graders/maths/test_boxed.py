r"""Finding the answer in a text: properties of the scanner, on any text, and its cost on the worst ones."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders.maths.boxed import boxed_answer, boxes, joins
from spot_eval.graders.maths.normalize import plain, without_percent
from spot_eval.graders.maths.stated import bare, bold_line, correction, is_expression, stated_answer, without_denials
from tests.cpu_time import least_cpu_s

PIECES = st.lists(
    st.sampled_from(
        ["\\boxed{", "\\fbox{", "{", "}", "\\{", "\\}", "\\", "x", "1", ",", " and ", "$", "\n", "answer is "]
    )
)
BALANCED = st.recursive(
    st.sampled_from(["1", "x+2", "\\pi", "\\{", "\\}", "\\left\\{1\\right."]),
    lambda inner: st.tuples(st.sampled_from(["\\frac{%s}{2}", "{%s}", "\\sqrt{%s}"]), inner).map(lambda p: p[0] % p[1]),
    max_leaves=4,
)


@given(PIECES)
def test_a_box_is_brace_balanced_and_lies_outside_every_other(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = boxes(text)
    assert all(first.end <= second.start for first, second in pairwise(found))
    for box in found:
        inner = text[box.inner : box.close].replace("\\\\", "").replace("\\{", "").replace("\\}", "")
        assert inner.count("{") == inner.count("}")


@given(BALANCED, PIECES)
def test_the_last_box_is_found_whatever_stands_before_it(content: str, pieces: list[str]) -> None:
    before = "".join(pieces) + "."  # a full stop joins nothing
    if before.rstrip(".").endswith("\\"):
        before += " "
    answer = boxed_answer(before + "\n\n\\boxed{" + content + "}")
    assert answer
    assert answer[0] == content.strip() or "boxed{" in before or "fbox{" in before


@given(
    st.lists(BALANCED, min_size=1, max_size=6),
    st.sampled_from([", ", " and ", " or ", "$, and $", r"\) or \(y = "]),
)
def test_joined_boxes_are_one_answer(contents: list[str], gap: str) -> None:
    text = gap.join(f"\\boxed{{{content}}}" for content in contents)
    assert boxed_answer(text) == (", ".join(contents), len(text))


@given(st.text())
def test_nothing_raises(text: str) -> None:
    for function in (
        boxes,
        boxed_answer,
        stated_answer,
        without_denials,
        bold_line,
        lambda text: correction(text, "3"),
        is_expression,
        bare,
        joins,
        plain,
        without_percent,
    ):
        function(text)  # type: ignore[operator]


@given(st.text(alphabet="x12+ ,", min_size=1), st.sampled_from([r"\left", "$", r"\,", r"\quad "]))
def test_layout_makes_no_difference(text: str, layout: str) -> None:
    assert plain(text) == plain(layout + " " + text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{10} and then \boxed{42}", "42"),
        (r"\boxed{9} \boxed{9} \boxed{42}", "42"),
        (r"\[ \boxed{-2} \quad \text{and} \quad \boxed{1}. \]", "-2, 1"),
        (r"$y_1 = \boxed{x^2} \) and \( y_2 = \boxed{x}", "x^2, x"),
        ("\\boxed{1},\n\n\\boxed{2}", "2"),
        (r"\boxed{3} or so they say. \boxed{4", "3"),
        (r"\boxed{5} Write it as \boxed{}.", "5"),
        (r"\\boxed{-3}", "-3"),
        (r"\fbox{\boxed{7}}", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    ],
)
def test_boxes(text: str, answer: str) -> None:
    found = boxed_answer(text)
    assert found
    assert found[0] == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Therefore the answer is +7", "+7"),
        ("the answer is $x$ or $y$, of course", "x, y"),
        ("Answer: 28 percent", "28 percent"),
        ('Final Answer: The final answer is "$12$ and $13$". I hope it is correct.', "12, 13"),
        ("A: 5\nNo.\nA: 6", "6"),
        ("The answers were written down.", None),
    ],
)
def test_stated_answers(text: str, answer: str | None) -> None:
    assert stated_answer(text) == answer


HOSTILE = [
    r"\boxed{", r"\boxed{1}, ", "\\", "{", "$", "answer is ", "answer ", "final answer ", "A: ", "9", " ", "\n", "*",
    r"\( ", "$1$ and ", "answer is $1$,", "#### ", "é", r"\sqrt(", "1 000", r"\text{",
    "not 2 ", "not ", "not $", r"not \(", "between 1 and ", "the answer is ", "the answer is 5 and ", "minus ",
    "**a", "n't ", "isn't equal to ", "not $1", "wait, let me ", "twenty-", "solutions are ", "oxed{",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_200_kilobytes_are_scanned_at_once(unit: str) -> None:
    text = unit * (200_000 // len(unit))

    def scan() -> None:
        for function in (boxed_answer, stated_answer, without_denials, bold_line, is_expression, plain):
            function(text)  # type: ignore[operator]
        correction(text, "3")

    assert least_cpu_s(scan) < 2  # linear: 0.1 to 0.5 s; what backtracks takes minutes
