r"""What the maths grader promises: one verdict an answer, and none it cannot stand by."""

from __future__ import annotations

import doctest

import pytest

from spot_eval.graders import load_grader
from spot_eval.graders.maths import boxed, extract, grader, normalize, safety, stated
from spot_eval.graders.maths.grader import judge, same
from tests.cpu_time import least_cpu_s


def score(gold: str, text: str, **doc: object) -> float | None:
    return judge({"answer": gold, **doc}, text).score


@pytest.mark.parametrize("module", [boxed, extract, safety, grader, normalize, stated])
def test_examples_in_docstrings(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried
    assert not failed


def test_is_registered() -> None:
    grader = load_grader("maths")
    assert (grader.name, grader.judge, grader.same) == ("maths", judge, same)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{43}{2}", r"21\frac{1}{2}"),
        ("3.83e35", r"3.83 \times 10^{35}"),
        ("8.7e8", "870000000"),
        ("1e-5", "10^{-5}"),
        ("2.88e-19", r"2.88\cdot 10^{-19} \text{ J}"),
        ("np.arcsin(10/13)", r"\arcsin\left(\frac{10}{13}\right)"),
        ("-1./3", r"-\frac{1}{3}"),
        (r"\frac{1}{2a}(\exp{a*t} - \exp{-a*t})", r"\frac{e^{at}-e^{-at}}{2a}"),
        (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{E_1+2E_2}{3}"),
        ("2**(1/4)", r"\sqrt{\sqrt{2}}"),
        ("$69$,$84$", "84, 69"),
        ("$f(n)=n$, $g(n)=1$", "g(n) = 1, f(n) = n"),
        (r"\text{Evelyn}", "Evelyn"),
        (r"\text{4:30 p.m.}", r"4:30 \text{ PM}"),
        (r"\text{(C)}", r"\textbf{(C)}"),
        (r"\$32,\!348", "32348"),
        ("58,500", "58500"),
        ("12345678", r"12\,345\,678"),
        ("y=2x+3", "y = 3+2x"),
        ("2=x", "2"),
        ("x \\in [-2,7]", "[-2,7]"),
        (r"\{1\pm\sqrt{5},-2\}", r"1+\sqrt5, 1-\sqrt5, -2"),
        ("50\\%", "0.5"),
        ("21", r"\binom{7}{2} = 21"),
        (r"\frac{1}{3}", r"p = \frac{1}{3} = 0.333"),
        ("12", "S = a + b = 12"),
        ("MR=SRMC", "SRMC=MR"),
        ("2024^{4046}", "2024^{4046}"),
        ("17", r"\approx 17"),
        ("17", "≈ 17"),
        ("-7", r"\text{negative } 7"),
        ("3", r"\text{(A) } 3"),
        ("3", r"\textbf{(C)}\ 3"),
        ("3", r"(C)\ 3"),
        (r"\frac12", r"\textbf{(C)}\ \frac{1}{2}"),
        (r"\text{(C)}", r"\textbf{(C)}\ 3"),
        (r"\emptyset", r"\varnothing"),
        (r"\frac{11}{2}", "5 1/2"),
        (r"\frac{11}{2}", r"5\frac12"),
        ("-11/2", r"-5\tfrac{1}{2}"),
        ("5 1/2", "5.5"),
        ("1/3", r"0.\overline{3}"),
        (r"0.\overline{3}", r"\frac13"),
        (r"\frac{4}{3}", r"1.\bar3"),
        (r"\frac{1}{6}", r"0.1\overline{6}"),
        ("[2,3]", r"2 \le x \le 3"),
        ("2<x<3", "(2,3)"),
        ("(2,3)", "2<x<3"),
        (r"(-\infty,3)", "x<3"),
        ("7", r"\text{seven}"),
        (r"\text{twelve}", "12"),
        ("04:30", "4:30"),
        ("2:1", "4:2"),
    ],
)
def test_right_however_it_is_written(gold: str, answer: str) -> None:
    assert score(gold, f"So it is $\\boxed{{{answer}}}$.") == 1
    assert score(gold, f"So it is $\\boxed{{{answer}}}$. No: $\\boxed{{99999}}$") == 0


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("3", "x=2=3"),  # chains whose numbers differ
        ("2", "x=2=3"),
        ("1", "9=1"),
        ("3", r"3 \text{ or } 4"),  # hedges
        ("3", "3 (or 4)"),
        ("4", "3 (or 4)"),
        ("2.88e-19", "1e-19"),  # equal after rounding to six decimals, which is why that is not done
        ("3.83e35", r"3.84\cdot 10^{35}"),
        (r"\pm 2021", "2021"),
        ("(3,4]", "[3,4]"),
        ("(1,2)", "(2,1)"),
        (r"90^\circ", r"\frac{\pi}{2}"),
        ("100000000001000000000", "100000000000000000000"),
        ("3", ""),
        ("3", "3!"),
        (r"\frac{1}{6}", r"0.\overline{16}"),
        ("0.3", r"0.\overline{3}"),
        ("[2,3]", "2<x<3"),
        (r"\{2,3\}", "2<x<3"),
        (r"\text{(C)}", r"\textbf{(B)}\ 3"),
        ("7", r"\text{eight}"),
        ("4:30", "2:15"),  # times, not ratios
        ("1", "2^{2^{2^{49}}}"),  # certainly wrong, unevaluated
    ],
)
def test_wrong(gold: str, answer: str) -> None:
    assert score(gold, f"So it is $\\boxed{{{answer}}}$.") == 0


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("3", r"$\boxed{4}$? Let me check. The final answer is 3."),
        ("3", r"$\boxed{3}$. The answer is in simplest form, as was asked."),
        ("3", r"$\boxed{3}$. The final answer is obtained by adding 1 and 2, or 5 and -2."),
        ("3", r"<think>\boxed{4}</think>\boxed{3}"),
        ("60", "2*30 = <<2*30=60>>60\nA: 60"),
        ("1800", "So he pays 1,800.\n#### $1,800"),
        ("3", "**Answer:** $x = 3$"),
        ("3", "**Final Answer**\n\\[ 3 \\]"),
        ("1/2", "Hence the probability is 1/2."),
        ("3.14", "3.14"),
        (r"\frac{1}{2}", r"\frac12"),
        ("3,4", r"$\boxed{3}$ or $\boxed{4}$"),
        ("5", r"it is \boxed 5"),
        (r"\text{even}", "Answer: even"),
        ("3", "\\boxed{3}\nAnswer key: B"),
        ("3", r"\boxed{3}. So the final answer is $a+b$ = 3."),
        ("3", r"\boxed{3}. The answer is $a+b+c$ where a=1."),
        ("7", r"$$\boxed{7}$$ So the answer to part (a) is 7 and (b) 9"),
        ("4", r"$\boxed{4}$. The answer is $2\theta$."),
        ("4", r"$\boxed{4}$. The answer is not 5."),
        ("4", r"$\boxed{4}$. Is it that the answer is 5?"),
        ("5", r"\boxed{4}. No, wait: the answer is 5."),
        ("5", r"\boxed{4}. No, the answer is $x = 5$."),
        ("5", r"\boxed{4}. No, the answer is 5 cm."),
        ("4", r"\boxed{4}. No, the answer is \boxed{5"),
        (r"\pi", r"\boxed{4}. No, the answer is $\pi$."),
        ("x+2", r"\boxed{x+1}. No, the answer is $x+2$."),
        ("-7", "The answer is minus 7"),
        ("-7", "The answer is negative $7$."),
        ("5", "The answer is not 7 but 5."),
        ("5", "The answer is 5, not 7."),
        ("2", "It is 9 minus 7, which is 2"),
        ("17", r"The answer is 17. \boxed{17"),
        (r"\text{Navin}", "He has 3 dogs. So the answer is Navin."),
        ("5", "x = 5. The answer is correct."),
        (r"\text{Tuesday}", "In 3 days it is\n\n**Tuesday**"),
        ("12", "So in all:\n\n**12**"),
        ("7", "The answer is seven."),
    ],
)
def test_the_final_answer_is_found(gold: str, text: str) -> None:
    assert score(gold, text) == 1


@pytest.mark.parametrize("text", ["The answer is 3 or 4.", "It must be 3, or maybe 4", r"\boxed{3} or \boxed{4}"])
def test_a_hedge_is_neither_answer(text: str) -> None:
    assert score("3", text) == 0
    assert score("4", text) == 0


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("2", "The answer is not 2."),
        ("7", "The answer isn't 7."),
        ("7", "The answer cannot be 7."),
        ("7", "It is not equal to 7"),
        ("4", "The answer is less than 4."),
        ("4", "The answer is at least $4$."),
        ("12", "The answer is no more than 12."),
        ("3", "The answer is between 3 and 4."),
        ("17", r"\boxed{17"),
        ("17", r"So it is $\boxed{17"),
        ("17", r"The answer is \boxed{17"),
    ],
)
def test_what_is_denied_bounded_or_left_open_is_no_answer(gold: str, text: str) -> None:
    verdict = judge({"answer": gold}, text)
    assert (verdict.score, verdict.unparsed) == (0, True)


@pytest.mark.parametrize(
    "text",
    [
        "<think>It is \\boxed{3}",
        "",
        "   ",
        "I give up, sorry; this one is far too hard for me, whatever I try to do with it.",
    ],
)
def test_no_answer_is_counted_apart_from_a_wrong_one(text: str) -> None:
    verdict = judge({"answer": "3"}, text)
    assert (verdict.score, verdict.unparsed, verdict.metrics) == (0, True, {"paper": 0})
    assert not judge({"answer": "3"}, r"\boxed{4}").unparsed


@pytest.mark.parametrize(
    ("gold", "answer", "score", "paper"),
    [
        ("50\\%", "50", 1, 1),
        ("50\\%", "0.5", 1, 0),
        ("62.5%", "62.5\\%", 1, 1),
        ("62.5%", "62.5", 1, 1),
        ("62.5%", "0.625", 1, 0),
        ("33.3", "33.3\\%", 1, 1),
        ("50\\%", "0.5\\%", 0, 0),
        ("7", "7", 1, 1),
        ("7", "8", 0, 0),
    ],
)
def test_the_papers_metric_ignores_percent_signs(gold: str, answer: str, score: float, paper: float) -> None:
    verdict = judge({"answer": gold}, f"\\boxed{{{answer}}}")
    assert (verdict.score, verdict.metrics["paper"]) == (score, paper)


def test_olympiadbench_units_and_errors() -> None:
    assert score("4.2", r"\boxed{4.25\%}", unit="%", error="1e-1") == 1
    assert score("4.2", r"\boxed{4.35\%}", unit="%", error="1e-1") == 0
    assert score("4.2", r"\boxed{4.25\%}", unit="%", error=None) == 0
    assert score("8", r"\boxed{8\text{ min}}", unit="min") == 1
    assert score("166", r"\boxed{166\ cm^2}", unit="$cm^2$") == 1
    assert score("5k", r"\boxed{5kN}", unit="N") == 0
    assert score("5k", r"\boxed{5k\ N}", unit="N") == 1
    assert score("5", r"\boxed{5\mathrm{~m}}", unit="m") == 1


def test_precision_of_decimals() -> None:
    assert score(r"\frac{1}{3}", r"\boxed{0.3333}") == 0
    assert score(r"\frac{1}{3}", r"\boxed{0.3333}", precision=4) == 1


TOO_LARGE = {
    "a huge power": r"9^{9^{9^9}} x",
    "a root of a huge power": r"\log_2{9^{9^9}}",
    "a binomial": r"\binom{10000000000}{500000000}",
    "a sum": r"\sum_{k=1}^{10000000000} k^{99}",
    "a factorial": "(10^{12})!",
    "a long answer": "x+" * 600 + "x",
    "a tower": "2^{2^{2^{49}}}",
    "a product": r"\prod_{k=1}^{2000} \prod_{j=1}^{2000} (x+k)^j",
    "nested brackets": "(" * 400 + "x" + ")" * 400,
}
HOSTILE = TOO_LARGE | {
    "nested fractions": r"\frac{1}{1+" * 11 + "2" + "}" * 11,
    "nested roots": r"\sqrt{2+" * 11 + "3" + "}" * 11,
    "a matrix": r"\begin{pmatrix}" + r"\\".join("&".join("1" * 15) for _ in range(15)) + r"\end{pmatrix}",
    "a determinant": r"\begin{vmatrix}" + r"\\".join("&".join("x" * 4) for _ in range(4)) + r"\end{vmatrix}",
    "a float": "1.5E999999999",
    "an expansion": "(x+y+z)^{300}-(x+y)^{300}",
    "an integral": r"\int_0^1 x^2 \, dx",
    "many items": ", ".join(f"{i}^{{{i}}}" for i in range(99)),
    "a division by zero": r"\frac{1}{0}",
    "signs": r"\pm" * 200 + "3",
    "exclamation marks": "4" + "!" * 300,
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("gold", ["3", "-1", r"\frac{1}{2}", r"\sqrt{2}", "1, 2", "(1, 2)"])
def test_what_is_too_large_or_left_unevaluated_is_no_plain_value(gold: str, answer: str) -> None:
    assert score(gold, rf"\boxed{{{answer}}}") == 0
    assert least_cpu_s(lambda: score(gold, rf"\boxed{{{answer}}}"), tries=2) < 1


@pytest.mark.parametrize("answer", TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_is_too_large_is_not_judged_against_a_formula(answer: str) -> None:
    verdict = judge({"answer": "x^2 + n"}, rf"\boxed{{{answer}}}")
    assert verdict.not_judged or verdict.score == 0
    assert not verdict.not_judged or verdict.why


def test_long_numbers_are_judged_without_sympy() -> None:
    long = "7" * 200_000
    assert score(long, f"\\boxed{{{long}}}") == 1
    assert score(long, f"\\boxed{{{long[:-1]}8}}") == 0
    assert score("7", f"\\boxed{{{long}}}") == 0


@pytest.mark.parametrize(
    "text",
    [
        "open('marker', 'w').write('x') or 0",
        "[open('m', 'w') for _ in [0]] or 0",
        "__import__('os').abort() or 0",
    ],
)
def test_code_is_not_searched_for_an_answer(text: str) -> None:
    assert score("0", text) == 0


def test_same() -> None:
    assert same("1/2", "0.5")
    assert not same("1/2", "0.6")


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("2<x<3", "(2,3)", True),
        ("x<3", r"(-\infty,3)", True),
        ("3", "x=2=3", False),
        ("x=3", "3", True),
        ("5", r"\textbf{(A)}\ 5", True),
        (r"x \in [-2,7]", "[-2,7]", True),
        (r"50\%", "50", True),
    ],
)
def test_same_is_symmetric(first: str, second: str, one: bool) -> None:
    assert same(first, second) == same(second, first) == one
