"""Compare two formulas: exactly, as functions of their variables, or as decimals; with units, bases and per cent."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from spot_eval.graders.maths import sets, units, values
from spot_eval.graders.maths.approximate import number, real
from spot_eval.graders.maths.decimals import DECIMALS, RELATIVE, decimals, digits
from spot_eval.graders.maths.exact import Reading, UndefinedError, contains, exact, variables
from spot_eval.graders.maths.forms import FORMULAS, has_sign
from spot_eval.graders.maths.nodes import Node, replaced
from spot_eval.graders.maths.points import has_pi
from spot_eval.graders.maths.sizes import precision

_ANY_INTEGER = frozenset("kmnl")
_PERCENT = frozenset({"pct"})


_GOLD_CONSTANTS = frozenset({"C", "K", "C_1", "c_1", "C_0"})
_CONSTANTS = _GOLD_CONSTANTS | frozenset("ck")


@dataclass
class Quantities(ABC):
    """The comparison of formulas, and what all comparisons share.

    Args:
        reading: how ambiguous signs are read; counts the work.
        tolerance: an absolute difference that is allowed, if the task states one.
        precision: decimals that a rounded answer needs.
    """

    reading: Reading
    tolerance: float | None
    precision: int

    @abstractmethod
    def same(self, gold: Node, answer: Node) -> bool:
        """Return True if the two trees are one value, relation, set, list, tuple or matrix."""

    @abstractmethod
    def _lists(self, gold: Node, answer: Node) -> bool:
        """Return True if two collections are one."""

    def _try_same(self, first: Node, second: Node) -> bool:
        try:
            return self.same(first, second)
        except UndefinedError:
            return False

    def _formulas_of(self, gold: Node, answer: Node) -> bool:
        gold_unit, answer_unit = self._unit(gold), self._unit(answer)
        first, second = self._value(gold), self._value(answer)
        factor = units.conversion(answer_unit, gold_unit)
        if factor is None:
            return False
        if (gold_unit or answer_unit) and (variables(first, self.reading) and gold[0] != "unit"):
            return False
        if factor != 1:
            second = ("mul", second, ("num", factor, 0))
        if "base" in (first[0], second[0]):
            return self._bases(first, second)
        percents = contains(first, _PERCENT), contains(second, _PERCENT)
        if percents[0] != percents[1]:
            for percent in (False, True):
                self.reading.percent = percent
                try:
                    if self.formulas(first, second):
                        return True
                finally:
                    self.reading.percent = False
            return False
        return self.formulas(first, second)

    def _unit(self, node: Node) -> str:
        if node[0] == "unit":
            return "degree" if node[1][0] == "deg" and units.known(node[2]) is None else str(node[2])
        return "degree" if node[0] == "deg" or (node[0] == "neg" and node[1][0] == "deg") else ""

    def _value(self, node: Node) -> Node:
        return node[1] if node[0] == "unit" else node

    def _bases(self, gold: Node, answer: Node) -> bool:
        """A gold in a base is what was asked for: its digits count, with the base or without."""
        if gold[0] == "base" and answer[0] == "num":
            return answer[2] == 0 and str(answer[1]) == gold[1].lstrip("0")
        return self.formulas(gold, answer)

    def formulas(self, gold: Node, answer: Node) -> bool:
        """Return True if two formulas are one function, or one number."""
        for infinite in ("inf",):
            if contains(gold, frozenset({infinite})) or contains(answer, frozenset({infinite})):
                return sets.is_infinite(gold) and gold == answer
        answer = self._with_one_name(gold, answer)
        first, second = exact(gold, self.reading), exact(answer, self.reading)
        if first is not None and second is not None:
            return first == second or self._close(first, second, gold, answer)
        if variables(gold, self.reading) or variables(answer, self.reading):
            return values.identical(gold, answer, self.reading)
        precise = precision(gold, answer)
        numbers = [number(node, self.reading, precise) for node in (gold, answer)]
        if values.agree(numbers[0], numbers[1], precise):
            return True
        reals = real(gold, self.reading), real(answer, self.reading)
        return reals[0] is not None and reals[1] is not None and self._close(reals[0], reals[1], gold, answer)

    def _with_one_name(self, gold: Node, answer: Node) -> Node:
        r"""Return the answer with the gold's name for what has no name of its own.

        That is "any integer" in multiples of pi, ``n \pi`` for ``k \pi``, and the constant of an integral, ``x^2 + K``.
        """
        mine, theirs = variables(gold, self.reading), variables(answer, self.reading)
        wanted, given = mine - theirs, theirs - mine
        if len(wanted) != 1 or len(given) != 1:
            return answer
        name, other = min(wanted), min(given)
        integer = wanted | given <= _ANY_INTEGER and has_pi(gold) and has_pi(answer)
        constant = name in _GOLD_CONSTANTS and other in _CONSTANTS and _adds(gold, name) and _adds(answer, other)
        return replaced(answer, other, ("sym", name)) if integer or constant else answer

    def _close(self, first: Fraction, second: Fraction, gold: Node, answer: Node) -> bool:
        """Return True if one of two numbers that differ is a decimal that stands for the other.

        That takes a relative difference of at most `RELATIVE`, or a correct rounding to at least `precision` decimals
        and four digits. A number that has a short decimal itself has to be met exactly, but for a float's last digit.
        """
        difference = abs(first - second)
        if self.tolerance is not None and difference <= Fraction(self.tolerance) * (1 + Fraction(1, 10**9)):
            return True
        decimal = [decimals(gold), decimals(answer)]
        if decimal[0] is None and decimal[1] is None:
            return False
        if self.precision != DECIMALS:
            return round(first, self.precision) == round(second, self.precision)
        scale = max(abs(first), abs(second))
        if difference <= scale * Fraction(1, 2 * 10**15) and max(digits(gold), digits(answer)) >= 15:
            return True
        exact = first if decimal[0] is None or decimal[1] is not None else second
        fits = [(value * 10**self.precision).denominator == 1 for value in (first, second, exact)]
        if fits[2] and not (decimal[0] is not None and decimal[1] is not None and fits[1] and not fits[0]):
            return False
        if difference <= scale * RELATIVE:
            return True
        return any(
            places is not None and self.precision <= places and difference <= Fraction(1, 2 * 10**places)
            and abs(value) * 10**places >= 1000
            for places, value in zip(decimal, (first, second), strict=True)
        )  # fmt: skip

    def holds(self, chain: Node) -> bool:
        """Return True if the numbers of a chain of equalities agree; a decimal may be rounded to its own digits."""
        numbers: list[tuple[Node, str]] = []
        for i, side in enumerate(chain[1]):
            value = self._value(side)
            if value[0] == "base":
                continue
            if value[0] in FORMULAS and not has_sign(value) and not variables(value, self.reading):
                numbers.append((side, chain[2][i - 1] if i else ""))
        for (first, _), (second, relation) in itertools.pairwise(numbers):
            if not self._rounds(first, second, relation):
                return False
        return True

    def _rounds(self, first: Node, second: Node, relation: str) -> bool:
        if sets.is_infinite(first) or sets.is_infinite(second):
            return first == second
        factor = units.conversion(self._unit(second), self._unit(first)) or Fraction(1)
        for percent in (False, True):
            self.reading.percent = percent
            reals = [real(self._value(node), self.reading) for node in (first, second)]
            self.reading.percent = False
            if reals[0] is None or reals[1] is None:
                try:
                    return self.formulas(self._value(first), self._value(second))
                except UndefinedError:
                    return False
            difference = min(abs(reals[0] - reals[1]), abs(reals[0] - reals[1] * factor))
            places = [p for p in (decimals(self._value(first)), decimals(self._value(second))) if p]
            room = Fraction(1, 2 * 10 ** min(places)) if places else Fraction(0)
            if relation == "~" and any(self._value(node)[0] != "num" for node in (first, second)):
                room = max(room, abs(reals[0]) / 100)
            if difference <= max(room, abs(reals[0]) / 10**30):
                return True
        return False


def _adds(node: Node, name: str) -> bool:
    """Return True if a sum has a letter as one of its terms."""
    return node[0] == "add" and (("sym", name) in node[1:] or _adds(node[1], name) or _adds(node[2], name))
