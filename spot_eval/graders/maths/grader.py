r"""Maths answers: the last box or the stated final answer, compared with the gold by Math-Verify.

A worked example: of gold ``\frac{1}{2}`` and a generation ending in ``so $p = \boxed{0.5}$.`` the extracted
answer is ``0.5``, and it scores 1. A doc has `answer` (LaTeX or plain text) and may have OlympiadBench's
`unit` (taken off the answer), `error` (an absolute tolerance) and `precision` (decimals compared; 6).
`boxed`, `stated` and `extract` say where the answer is, `spelling` how it is spelled, `limits` what is refused unread,
`equality` what is equal; `pool` runs all of it where it can be killed, for sympy has no bounds on time or memory.

`score` is the verdict of `equality` on the extracted answer, Math-Verify's but for what that gets wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer, undecided
from spot_eval.graders.maths import normalize, safety
from spot_eval.graders.maths.comparison import UnsafeError
from spot_eval.graders.maths.decimals import DECIMALS
from spot_eval.graders.maths.equality import equal, holds
from spot_eval.graders.maths.extract import final_answer


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    r"""Judge a whole generation against ``doc["answer"]``; `score` and the metric `paper` are 0 or 1.

    `paper` is our reading of the paper's own metric, whose original is not in our data (it is known to differ
    from Math-Verify on percent golds only): the same comparison with percent signs ignored on both sides, so
    that 50% equals 50 and nothing else, where Math-Verify takes 0.5 as well (and for 62.5% only 0.625).
    Without a percent sign the two are equal.

    >>> judge({"answer": "62.5%"}, "So it is $\\boxed{62.5}$ percent.").metrics["paper"]
    1.0
    """
    answer = after_thinking(text)
    if answer is None:
        return no_answer("the thinking never ended", paper=0.0)
    extracted = final_answer(answer)
    if not extracted:
        return no_answer("no box and no stated answer", paper=0.0)
    shown = extracted if len(extracted) <= safety.MAX_CHARACTERS else extracted[: safety.MAX_CHARACTERS] + "..."
    gold, stated = str(doc["answer"]), _without_unit(extracted, doc.get("unit"))
    leeway: dict[str, Any] = {
        "tolerance": _tolerance(doc),
        "precision": int(doc.get("precision") or DECIMALS),
    }
    try:
        score = float(equal(gold, stated, **leeway))
        paper = score
        bare_gold, bare_answer = normalize.without_percent(gold), normalize.without_percent(stated)
        if (bare_gold, bare_answer) != (gold, stated):
            paper = float(equal(bare_gold, bare_answer, **leeway))
    except UnsafeError as reason:
        return undecided(str(reason), shown, paper=None)
    return Verdict(score, shown, metrics={"paper": paper})


def same(first: str, second: str) -> bool:
    """Return True if two extracted answers are one, either way round; raises `UnsafeError` beyond `limits`."""
    refusal: UnsafeError | None = None
    for gold, answer in ((first, second), (second, first)):
        try:
            if equal(gold, answer):
                return gold == answer or (holds(gold) and holds(answer))
        except UnsafeError as reason:
            refusal = reason
    if refusal:
        raise refusal
    return False


def _tolerance(doc: Mapping[str, Any]) -> float | None:
    try:
        return float(doc["error"]) if doc.get("error") else None
    except (TypeError, ValueError):
        return None


def _without_unit(answer: str, unit: object) -> str:
    if not unit:
        return answer
    name = re.escape(str(unit).strip("$ "))
    # The m of 5cm is no metre.
    apart = "(?<![A-Za-z])" if name[:1].isalpha() else ""
    wrapped = rf"\s*(?:\\[,;! ]|~)*\s*(?:\\(?:text|mathrm|mbox)\s?\{{[\s~]*{name}\s*\}}|{apart}\\?{name})\s*\$?$"
    return re.sub(wrapped, "", answer, flags=re.IGNORECASE) or answer


_WARM_UP = (  # every kind of answer once
    (r"\frac{1}{2}", "0.5"),
    (r"\frac{\sqrt{3}}{2}", r"\sqrt{\frac{3}{4}}"),
    ("x^2 + 2x - 1", "(x+1)^2"),
    ("y = 2x + 3", "2x - y + 3 = 0"),
    ("f(x) = x - 1", "f(x) = x + 1"),
    (r"\left(3, \frac{\pi}{2}\right)", r"(2, \frac{\pi}{3})"),
    ("[0, 1)", "(0, 1]"),
    (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty, 3] \cup [4, \infty)"),
    (r"\{1, 2, -3\}", "1, 2, 3"),
    ("(1,2), (3,4)", "(1,3), (2,4)"),
    (r"1 \pm \sqrt{19}", r"2 \pm \sqrt{17}"),
    ("1 < x < 2", r"x \leq 1"),
    (r"x \in [-2,7]", r"-2 \le x \le 7"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}"),
    (r"\sin^2 x + \cos(2x)", r"\tan \frac{x}{2} + \log_2 x"),
    (r"e^{-2t} + \ln 2", r"\frac{e^{t}}{3} - \arctan x"),
    (r"\binom{2n}{n}", r"\frac{n!}{2^{n-1}}"),
    (r"\lfloor \frac{n}{2} \rfloor", r"\lceil |x| \rceil"),
    (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
    ("3 + 2i", "2 - 3i"),
    (r"90^\circ", "45"),
    (r"12\%", "0.5"),
    ("x = 1, y = 2", "x = 2, y = 1"),
    ("x_1^2 + a_{n}", "a_{n-1}"),
    (r"\text{east}", r"\text{west}"),
    (r"10 \text{ cm}^2", r"1\frac{2}{3} \text{ m}"),
    ("1,234.5", "-1.5 \\times 10^{3}"),
    ("7:32", "p = 2 = 1 + 1"),
)


def warm_up() -> None:
    """Build the parser's tables and sympy's caches, half of all the work on a thousand answers."""
    for gold, answer in _WARM_UP:
        judge({"answer": gold}, f"\\boxed{{{answer}}}")
    judge({"answer": "7"}, "It was about 3 or 4, and 1,250.5 in the end.")


def perfect(row: Mapping[str, Any], gold: object) -> str:
    r"""The gold in a box.

    >>> perfect({"answer": "4"}, "4")
    '\\boxed{4}'
    """
    del gold
    return rf"\boxed{{{row['answer']}}}"


GRADER = Grader("maths", 4, judge, same, perfect, beside=True)
