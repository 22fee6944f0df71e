"""Sums of two numbers below 100, and the habits by which sloppy authors get them wrong.

| habit     | comes up where                                                | what is written              | right  |
|-----------|---------------------------------------------------------------|------------------------------|--------|
| `carry`   | b ends in 4 or 8, and there is something to carry or borrow   | 37 + 8 gives 35, 52 - 8 is 54 | 45, 44 |
| `smaller` | a - b, b ends in 6 or 7, a's last digit is less               | 52 - 7 is 55 (7 - 2 is 5)    | 45     |
| `misread` | a ends in 9                                                   | 26 + 3 gives 29, for 29 + 3  | 32     |
| `zero`    | the result ends in 0                                          | 5 in the answer line, for 50 | 50     |

`smaller` ("smaller from larger") is the best known of the subtraction bugs of Brown & Burton, "Diagnostic models for
procedural bugs in basic mathematical skills", 1978. A sum of this world invites one habit at most, so a wrong step
has one name; the others are `plain`. Knows numbers only, no wording.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from spot_eval.miniature.chance import Chance

HABITS = ("carry", "smaller", "misread", "zero")


@dataclass(frozen=True)
class Sum:
    """`a sign b`: 10 <= a <= 98, 2 <= b <= 39, the result from 1 to 99.

    >>> Sum(52, "-", 7).result, invited(Sum(52, "-", 7)), done(Sum(52, "-", 7), ["smaller"])
    (45, ('smaller',), Step(a=52, b=7, result=55, reported='55'))
    """

    a: int
    sign: str
    b: int

    @property
    def result(self) -> int:
        """The value of the sum."""
        return self.a + self.b if self.sign == "+" else self.a - self.b


@dataclass(frozen=True)
class Step:
    """A sum as an author writes it: the numbers of the written step, and what the answer line reports of it."""

    a: int
    b: int
    result: int
    reported: str


def invited(one: Sum) -> tuple[str, ...]:
    """The habits that would make the step wrong, in the order of HABITS."""
    return tuple(habit for habit in HABITS if _INVITES[habit](one))


def done(one: Sum, habits: Collection[str]) -> Step:
    """The step of an author with these habits; without any it is right."""
    at_work = [habit for habit in invited(one) if habit in habits]
    a, result = one.a, one.result
    if "misread" in at_work:
        a = one.a - 3
        result = Sum(a, one.sign, one.b).result
    if "carry" in at_work:
        result += -10 if one.sign == "+" else 10
    if "smaller" in at_work:
        result = (a // 10 - one.b // 10) * 10 + (one.b % 10 - a % 10)
    reported = str(result)
    return Step(a, one.b, result, reported[:-1] if "zero" in at_work else reported)


def draw_sum(chance: Chance, habit: str | None) -> Sum:
    """A sum that invites this habit and no other, or none at all."""
    wanted = () if habit is None else (habit,)
    while True:
        b = 2 + chance.below(8) if chance.coin(0.7) else 11 + chance.below(29)
        one = Sum(10 + chance.below(89), chance.pick("+-"), b)
        if 1 <= one.result <= 99 and invited(one) == wanted and _sound(one):
            return one


def draw_drop(chance: Chance, stones: int, habit: str | None) -> Sum:
    """The height of a board's column and the stones that are dropped on it; as `draw_sum`, but always a +."""
    wanted = () if habit is None else (habit,)
    while True:
        one = Sum(10 + chance.below(85), "+", stones)
        if invited(one) == wanted and _sound(one):
            return one


def _sound(one: Sum) -> bool:
    """Return True if the sum, done wrong, stays from 0 to 99 and invites no other habit once it is misread."""
    wrong = done(one, HABITS)
    return 0 <= wrong.result <= 99 and (wrong.a == one.a or not invited(Sum(wrong.a, one.sign, one.b)))


def _crosses_ten(one: Sum) -> bool:
    a, b = one.a % 10, one.b % 10
    return a + b >= 10 if one.sign == "+" else a < b


_INVITES = {
    "carry": lambda one: one.b % 10 in {4, 8} and _crosses_ten(one),
    "smaller": lambda one: one.sign == "-" and one.b % 10 in {6, 7} and _crosses_ten(one),
    "misread": lambda one: one.a % 10 == 9,
    "zero": lambda one: one.result % 10 == 0,
}
