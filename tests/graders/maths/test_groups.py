r"""Groups in braces: where they begin and end, and the commands that lack theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders.maths.grader import judge
from spot_eval.graders.maths.groups import group, group_end, starts_group
from spot_eval.graders.maths.tokens import UnreadableError


def test_a_group_ends_where_its_own_brace_closes() -> None:
    text = r"\text {a{b}\} c} d"
    start, end = group(text, 5)
    assert text[start:end] == r"a{b}\} c"
    assert text[group_end(text, 5) :] == " d"
    assert starts_group(text, 5)
    assert not starts_group(text, 0)


@pytest.mark.parametrize("text", ["{a", "{a{b}", "a{b}", "", r"{\}"])
def test_no_group(text: str) -> None:
    with pytest.raises(UnreadableError):
        group(text, 0)


@given(st.text(r"ab{}\ ", max_size=30), st.integers(0, 30))
def test_any_text_has_a_group_or_is_unreadable(text: str, at: int) -> None:
    try:
        start, end = group(text, at)
    except UnreadableError:
        return
    assert text[start - 1] == "{"
    assert text[end] == "}"
    assert text[at : start - 1].strip() == ""


@pytest.mark.parametrize("command", ["begin", "end", "tag", "label", "text", "mathbb", "color", "frac", "sqrt", "hat"])
def test_a_command_without_its_group_is_no_fault(command: str) -> None:
    for after in ("", " x", "\udcfb{x}", "}", "{x"):
        assert judge({"answer": r"\text{Tuesday}"}, rf"So $\boxed{{\{command}{after}}}$.").score == 0
