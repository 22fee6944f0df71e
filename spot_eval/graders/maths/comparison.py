"""Compare a reading of an answer with one of the gold: formulas, relations, sets, lists, tuples, matrices, units.

Each kind of value has its own rule. What is undefined equals nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from spot_eval.graders.maths import sets, units, values
from spot_eval.graders.maths.approximate import has_pi, number, precision, real
from spot_eval.graders.maths.decimals import DECIMALS, RELATIVE, decimals, digits
from spot_eval.graders.maths.exact import Reading, TooLargeError, UndefinedError, contains, exact, variables
from spot_eval.graders.maths.matrices import MATRIX, ZERO_CELL, matrix
from spot_eval.graders.maths.nodes import Node

_MEANINGS = (
    (("set", ()), "no solution|no solutions|no real solution|no real solutions|none|empty set|the empty set|no such "
     "number|no solution exists|no solutions exist|there is no solution|there are no solutions|null set|empty"),
    (("numset", "R"), "all real numbers|all reals|any real number|every real number|real numbers|the real numbers|"
     "all real|all real values|the set of all real numbers|the set of real numbers|r"),
    (("inf",), "infinity|infinitely many|infinite|infinitely many solutions|positive infinity|unbounded"),
    (("numset", "Z"), "all integers|the integers|integers|any integer|every integer"),
    (("words", "undefined"), "does not exist|dne|undefined|not defined|doesn't exist"),
    (("words", "yes"), "yes|true"),
    (("words", "no"), "no|false"),
)  # fmt: skip
_SYNONYMS: dict[str, Node] = {word: node for node, words in _MEANINGS for word in words.split("|")}
_ANY_INTEGER = frozenset("kmnl")
_SIGNS = frozenset({"pm", "mp"})
_FORMULAS = frozenset(
    [
        "num",
        "sym",
        "inf",
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "pow",
        "fact",
        "fact2",
        "binom",
        "abs",
        "floor",
        "ceil",
        "deg",
        "pct",
        "call",
        "log",
        "app",
        "sum",
        "prod",
        "mod",
        "base",
        "pm",
        "mp",
        "unit",
        "det",
    ]
)
EQUALITIES = frozenset({"=", "~", "~~"})
_MAX_ITEMS = 200


class UnsafeError(Exception):
    """The answer cannot be judged; the message says why."""


def is_plain(node: Node) -> bool:
    """Return True if a gold is a plain value: a number without variables, perhaps named or with a unit."""
    if node[0] == "unit":
        return is_plain(node[1])
    if node[0] == "rel" and set(node[2]) <= EQUALITIES:
        return sets.name_of(node[1][0]) is not None and is_plain(node[1][-1])
    if node[0] in ("list", "set"):
        return all(is_plain(item) for item in node[2 if node[0] == "tuple" else 1])
    if node[0] == "tuple":
        return all(is_plain(item) for item in node[3])
    return node[0] in _FORMULAS | {"ratio"} and not (variables(node, Reading()) - {"i"})


def has_bare_log(node: Node) -> bool:
    """Return True if the formula has a logarithm whose base is not written."""
    return (node[0] == "log" and node[1] is None) or any(has_bare_log(part) for part in _inside(node))


def indexed_by_i(node: Node) -> bool:
    """Return True if ``i`` is an index in the formula, and so no imaginary unit."""
    if node[0] == "sym":
        return bool(re.search(r"_.*(?<![a-z])i(?![a-z])", node[1]))
    if node[0] in ("sum", "prod") and node[1] == "i":
        return True
    return any(indexed_by_i(part) for part in _inside(node))


def _inside(node: Node) -> Iterator[Node]:
    for part in node[1:]:
        if isinstance(part, tuple) and part:
            if isinstance(part[0], str) and not (node[0] == "rel" and part is node[2]):
                yield part
            else:
                for inner in part:
                    if isinstance(inner, tuple) and inner:
                        if isinstance(inner[0], str):
                            yield inner
                        else:
                            yield from (p for p in inner if isinstance(p, tuple) and p and isinstance(p[0], str))


@dataclass
class Comparison:
    """The comparison of one reading of both sides."""

    reading: Reading
    tolerance: float | None
    precision: int

    def same(self, gold: Node, answer: Node) -> bool:
        """Return True if the two trees are one value, relation, set, list, tuple or matrix."""
        self.reading.spend(20)
        gold, answer = self._plainer(gold, answer), self._plainer(answer, gold)
        if gold == answer and not _undefined(gold):
            return gold[0] not in _FORMULAS or self._is_defined(gold)
        kinds = gold[0], answer[0]
        if "words" in kinds:
            return False
        if "rel" in kinds or (kinds[0] == "list" and kinds[1] == "list" and self._about_sets(gold, answer)):
            return self._relations(gold, answer)
        if self._about_sets(gold, answer):
            found = self._real_sets(gold, answer)
            if found is not None:
                return found
        if kinds[0] in ("union", "inter", "minus") and kinds[0] == kinds[1]:
            return self._both(gold, answer)
        if "pieces" in kinds:
            return kinds[0] == kinds[1] and self._pieces(gold, answer)
        if contains(gold, MATRIX) or contains(answer, MATRIX):
            return self._matrices(gold, answer)
        if "ratio" in kinds:
            return self._ratios(gold, answer)
        if kinds[0] in _FORMULAS and kinds[1] in _FORMULAS:
            return self._formulas_of(gold, answer)
        if kinds == ("tuple", "tuple"):
            return self._tuples(gold, answer)
        if "builder" in kinds:
            return kinds[0] == kinds[1] and self.same(gold[1], answer[1]) and self._relations(gold[2], answer[2])
        return self._lists(gold, answer)

    # Forms that say the same

    def _plainer(self, node: Node, other: Node) -> Node:
        if node[0] == "words":
            meaning = _meaning(node)
            # beside other words, "none" is a word; beside "no solution" it says the same
            return node if meaning == ("set", ()) and other[0] == "words" and _meaning(other) != meaning else meaning
        if node[0] in ("list", "set") and len(node[1]) == 1:
            inner: Node = node[1][0]
            if inner[0] == "words":
                return inner
            if not (node[0] == "set" and other[0] in ("set", "tuple", "list", "union", "minus")):
                return self._plainer(inner, other)
        if node[0] == "app" and len(node[2]) > 1 and other[0] in ("tuple", "list"):  # the point P(1, 2)
            return ("tuple", "(", ")", node[2])
        if node[0] == "matrix" and len(node[1]) == 1 and len(node[1][0]) == 1 and other[0] != "matrix":
            return self._plainer(node[1][0][0], other)
        if _has_sign(node) and node[0] in _FORMULAS:
            both = [_with_sign(node, "pm"), _with_sign(node, "mp")]
            return ("list", tuple(both), "or")
        return node

    def _is_defined(self, node: Node) -> bool:
        """Return True if a formula has a value somewhere; nothing equals anything through a division by zero."""
        if node[0] == "unit":
            return self._is_defined(node[1])
        if node[0] == "inf" or node == ("neg", ("inf",)):
            return True
        try:
            return exact(node, self.reading) is not None or values.identical(node, node, self.reading)
        except TooLargeError:
            return True
        except UndefinedError:
            return False

    # Numbers and formulas

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
        answer = self._with_one_integer(gold, answer)
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

    def _with_one_integer(self, gold: Node, answer: Node) -> Node:
        """Return the answer with the gold's name for "any integer" in multiples of pi: ``n \\pi`` for ``k \\pi``."""
        if not (has_pi(gold) and has_pi(answer)):
            return answer
        mine, theirs = variables(gold, self.reading), variables(answer, self.reading)
        wanted, given = mine - theirs, theirs - mine
        if not (len(wanted) == len(given) == 1 and wanted | given <= _ANY_INTEGER):
            return answer
        return sets.replaced(answer, min(given), ("sym", min(wanted)))

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
            if value[0] in _FORMULAS and not _has_sign(value) and not variables(value, self.reading):
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

    # Relations

    def _about_sets(self, gold: Node, answer: Node) -> bool:
        return sets.describes(gold) or sets.describes(answer)

    def _real_sets(self, gold: Node, answer: Node) -> bool | None:
        first, second = sets.of(gold, self.reading), sets.of(answer, self.reading)
        if first is None or second is None:
            return None
        if first.name and second.name and first.name != second.name and "(" not in first.name + second.name:
            return False
        if len(first.pieces) != len(second.pieces):
            return False
        for one, other in zip(first.pieces, second.pieces, strict=True):
            if (one.closed_low, one.closed_high) != (other.closed_low, other.closed_high):
                return False
            for end, other_end in ((one.low, other.low), (one.high, other.high)):
                if not (end == other_end or self.same(end, other_end)):
                    return False
        return True

    def _relations(self, gold: Node, answer: Node) -> bool:
        kinds = gold[0] == "rel" and self._equation(gold), answer[0] == "rel" and self._equation(answer)
        if answer[0] == "rel" and kinds[1] and not self.holds(answer):
            return False
        if gold[0] == "rel" and answer[0] == "rel" and kinds[0] and kinds[1]:
            return self._equations(gold, answer)
        if gold[0] != "rel" and kinds[1] and not sets.describes(gold):
            return any(self.same(gold, value) for value in self._answers(answer, gold))
        if kinds[0] and answer[0] != "rel" and not sets.describes(answer):
            named = _is_name(gold[1][0]) or (len(gold[1]) == 2 and _is_name(gold[1][1]))
            return named and any(self.same(value, answer) for value in self._answers(gold, answer))
        if kinds[0] and answer[0] == "rel":  # x = 2 against x in {2}
            return (
                self._named_set(answer, gold[1][0]) and _is_name(gold[1][0]) and self.same(gold[1][-1], answer[1][-1])
            )
        found = self._real_sets(gold, answer)
        if found is not None:
            return found
        if kinds[1] and gold[0] != "rel":
            return any(self.same(gold, value) for value in self._answers(answer, gold))
        if kinds[0]:
            return _is_name(gold[1][0]) and self.same(gold[1][-1], answer)
        for one, other in ((gold, answer), (answer, gold)):
            if one[0] == "rel" and one[2] == ("in",):
                inner, outer = one[1][1], other
                if other[0] == "rel" and other[2] in (("in",), ("=",)):
                    if not self._named_set(other, one[1][0]):
                        return False
                    outer = other[1][-1]
                return self.same(inner, outer) if one is gold else self.same(outer, inner)
        if gold[0] == "rel" and answer[0] == "rel":
            return self._orders(gold, answer)
        if gold[0] == "list" and answer[0] == "list":
            return self._lists(gold, answer)
        return False

    def _named_set(self, relation: Node, name: Node) -> bool:
        return relation[2] in (("in",), ("=",)) and relation[1][0] == name

    def _equation(self, node: Node) -> bool:
        return set(node[2]) <= EQUALITIES

    def _answers(self, chain: Node, gold: Node) -> list[Node]:
        """Return the values that a chain of equalities gives: its last side, and sides that equal it."""
        sides, relations = chain[1], chain[2]
        if len(sides) == 2 and sets.name_of(sides[1]) and not _is_name(sides[0]):
            return [sides[0]]
        last = sides[-1]
        if last == ("num", Fraction(0), 0) and not _is_name(sides[0]) and gold[0] in _FORMULAS:
            return []
        out = [last]
        for i in range(len(sides) - 2, -1, -1):
            side = sides[i]
            if side[0] == "label" or (i == 0 and _is_name(side)):
                break
            numeric = not variables(self._value(side), self.reading) if side[0] in _FORMULAS else False
            if relations[i] == "~" or numeric or self._try_same(side, last):
                out.append(side)
            else:
                break
        return out

    def _try_same(self, first: Node, second: Node) -> bool:
        try:
            return self.same(first, second)
        except UndefinedError:
            return False

    def _equations(self, gold: Node, answer: Node) -> bool:
        first, second = gold[1], answer[1]
        names = _is_name(first[0]), _is_name(second[0])
        if names[0] and names[1]:
            same_name = self._same_name(first[0], second[0])
            if same_name and any(self._try_same(first[-1], value) for value in self._answers(answer, first[-1])):
                return True
            if first[0] == second[0]:
                return False
        if all(side[0] in _FORMULAS for side in (*first, *second)) and len(first) == len(second) == 2:
            return self._one_curve(first, second)
        if len(first) == len(second) == 2 and all(s[0] in _FORMULAS for s in first + second):
            return False
        return len(first) == len(second) and all(self._try_same(a, b) for a, b in zip(first, second, strict=True))

    def _same_name(self, gold: Node, answer: Node) -> bool:
        if gold == answer or "label" in (gold[0], answer[0]):
            return gold == answer or gold[0] != answer[0] or _spelled(gold) == _spelled(answer)
        function = {"app"}
        forms = gold[0] in function or _applied(gold), answer[0] in function or _applied(answer)
        dependent = [_is_y(gold), _is_y(answer)]
        if (forms[0] and dependent[1]) or (forms[1] and dependent[0]):
            return True
        return gold[0] == answer[0] == "tuple" and gold == answer

    def _one_curve(self, gold: Sequence[Node], answer: Sequence[Node]) -> bool:
        """Return True if two equations differ by a constant factor, or one is solved for a variable of the other."""
        reading = self.reading
        first, second = ("sub", gold[0], gold[1]), ("sub", answer[0], answer[1])
        names = variables(first, reading)
        if names != variables(second, reading) or not names:
            return False
        if values.proportional(first, second, reading):
            return True
        if values.identical(first, ZERO_CELL, reading):  # an identity: its sides are what it says
            return all(self._try_same(a, b) for a, b in zip(gold, answer, strict=True))
        for solved, other in ((gold, second), (answer, first)):
            if solved[0][0] == "sym" and solved[0][1] not in variables(solved[1], reading):
                return values.solves(other, solved[0][1], solved[1], reading)
        return False

    def _orders(self, gold: Node, answer: Node) -> bool:
        """Return True if two inequalities are one: side by side, mirrored, or up to a positive factor."""
        flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        for sides, relations in (
            (answer[1], answer[2]),
            (answer[1][::-1], tuple(flipped.get(r, r) for r in answer[2][::-1])),
        ):
            if relations == gold[2] and all(self._try_same(a, b) for a, b in zip(gold[1], sides, strict=True)):
                return True
        if len(gold[1]) == len(answer[1]) == 2 and all(s[0] in _FORMULAS for s in (*gold[1], *answer[1])):
            if (gold[2][0] in flipped and answer[2][0] in flipped) or gold[2] == answer[2] == ("!=",):
                first, second = ("sub", *gold[1]), ("sub", *answer[1])
                factor = values.proportional(first, second, self.reading)
                if not factor:
                    return False
                relation = answer[2][0] if factor > 0 else flipped.get(answer[2][0], "!=")
                return bool(relation == gold[2][0])
        return False

    # Parts

    def _both(self, gold: Node, answer: Node) -> bool:
        if self.same(gold[1], answer[1]) and self.same(gold[2], answer[2]):
            return True
        return gold[0] != "minus" and self.same(gold[1], answer[2]) and self.same(gold[2], answer[1])

    def _pieces(self, gold: Node, answer: Node) -> bool:
        return len(gold[1]) == len(answer[1]) and all(
            any(cond == other_cond and self.same(value, other) for other, other_cond in answer[1])
            for value, cond in gold[1]
        )

    def _matrices(self, gold: Node, answer: Node) -> bool:
        rows = []
        for node, other in ((gold, answer), (answer, gold)):
            found = matrix(node)
            if found is None and node[0] == "tuple":
                others = matrix(other) or ((),)
                column = all(len(row) == 1 for row in others)
                found = tuple((item,) for item in node[3]) if column else (node[3],)
            if found is None:
                return False
            rows.append(found)
        if len(rows[0]) != len(rows[1]) or len(rows[0][0]) != len(rows[1][0]):
            return False
        pairs = zip(rows[0], rows[1], strict=True)
        return all(self.same(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))

    def _ratios(self, gold: Node, answer: Node) -> bool:
        sizes = [node[1] if node[0] == "ratio" else None for node in (gold, answer)]
        if any(parts is not None and len(parts) > 2 for parts in sizes):
            if sizes[0] is None or sizes[1] is None or len(sizes[0]) != len(sizes[1]):
                return False
            pairs = list(zip(sizes[0], sizes[1], strict=True))
            return all(self.formulas(("mul", a, pairs[0][1]), ("mul", pairs[0][0], b)) for a, b in pairs[1:])
        first, second = (("div", *node[1]) if node[0] == "ratio" else node for node in (gold, answer))
        return first[0] in _FORMULAS and second[0] in _FORMULAS and self._formulas_of(first, second)

    def _tuples(self, gold: Node, answer: Node) -> bool:
        if len(gold[3]) != len(answer[3]):
            return False
        if len(gold[3]) == 2:
            brackets = [(node[1].replace("<", "("), node[2].replace(">", ")")) for node in (gold, answer)]
            if brackets[0] != brackets[1]:
                return False
        return all(self.same(a, b) for a, b in zip(gold[3], answer[3], strict=True))

    def _lists(self, gold: Node, answer: Node) -> bool:
        kinds = gold[0], answer[0]
        if kinds[0] == "tuple" and kinds[1] in ("list", "set"):
            named = self._by_name(answer) if kinds[1] == "list" else None
            return named is not None and len(named) == len(gold[3]) and all(
                self.same(a, b) for a, b in zip(gold[3], named, strict=True)
            )  # fmt: skip
        if kinds[1] == "tuple" and kinds[0] == "list":
            named = self._by_name(gold)
            items = named if named is not None else list(self._spread(gold))
            return len(items) == len(answer[3]) and all(self.same(a, b) for a, b in zip(items, answer[3], strict=True))
        if kinds[0] in ("list", "set") and kinds[1] in ("list", "set"):
            first, second = self._spread(gold), self._spread(answer)
            if kinds[0] == "set" or all(item[0] == "tuple" for item in (*first, *second)):
                first, second = self._distinct(first), self._distinct(second)
            if self._matched(first, second):
                return True
            names = self._by_name(answer), self._by_name(gold)
            return (names[0] is not None and names[1] is None and self._matched(first, names[0])) or (
                names[1] is not None and names[0] is None and self._matched(names[1], second)
            )
        for one, other in ((gold, answer), (answer, gold)):
            if one[0] in ("list", "set") and other[0] in _FORMULAS | {"tuple", "rel"}:
                items = self._distinct(self._spread(one))
                if len(items) == 1 and (one[0] == "set" or one is answer):
                    return self.same(items[0], other) if one is gold else self.same(other, items[0])
        return False

    def _by_name(self, node: Node) -> list[Node] | None:
        """Return the values of a list of assignments to different names, in the order of the names; else None."""
        named: dict[str, Node] = {}
        for item in node[1]:
            if item[0] != "rel" or item[2][0] != "=" or not _is_name(item[1][0]) or not self.holds(item):
                return None
            name = _spelled(item[1][0])
            if name in named:
                return None
            named[name] = item[1][-1]
        return [named[name] for name in (sorted(named) if all(len(n.split("_")[0]) == 1 for n in named) else named)]

    def _spread(self, node: Node) -> list[Node]:
        out: list[Node] = []
        for item in node[1]:
            if _has_sign(item) and item[0] in _FORMULAS:
                out += [_with_sign(item, "pm"), _with_sign(item, "mp")]
            elif item[0] == "rel" and item[2] == ("=",) and _has_sign(item[1][1]) and item[1][1][0] in _FORMULAS:
                out += [("rel", (item[1][0], _with_sign(item[1][1], sign)), ("=",)) for sign in ("pm", "mp")]
            else:
                out.append(item)
        if len(out) > _MAX_ITEMS:
            raise TooLargeError("an answer of too many parts")
        return out

    def _distinct(self, items: Sequence[Node]) -> list[Node]:
        out: list[Node] = []
        for item in items:
            if not any(self._try_same(item, other) for other in out):
                out.append(item)
        return out

    def _matched(self, gold: Sequence[Node], answer: Sequence[Node]) -> bool:
        """Return True if the items pair off; equality is near enough to transitive for the first match to do."""
        if len(gold) != len(answer):
            return False
        left = list(answer)
        for item in gold:
            match = next((i for i, other in enumerate(left) if self._try_same(item, other)), None)
            if match is None:
                return False
            del left[match]
        return True


_PERCENT = frozenset({"pct"})
QUANTITY = re.compile(r"[0-9=<>≤≥≠∞]|\\(?:leq?|geq?|neq?|lim|infty|in)(?![A-Za-z])")


def _meaning(words: Node) -> Node:
    """Return what an answer in words stands for; itself if that is not known."""
    return _SYNONYMS.get(words[1].removeprefix("the answer is ").strip(), words)


def _undefined(node: Node) -> bool:
    return node[0] == "label"


def _has_sign(node: Node) -> bool:
    return contains(node, _SIGNS) if node[0] in _FORMULAS else False


def _with_sign(node: Node, upper: str) -> Node:
    """`node` with every ± as plus and every ∓ as minus, or the other way round."""
    if node[0] in _SIGNS:
        kind = "add" if node[0] == upper else "sub"
        return (kind, _with_sign(node[1], upper), _with_sign(node[2], upper))
    return tuple(
        _with_sign(part, upper)
        if isinstance(part, tuple) and part and isinstance(part[0], str)
        else tuple(_with_sign(p, upper) if isinstance(p, tuple) else p for p in part)
        if isinstance(part, tuple)
        else part
        for part in node
    )


def _is_name(node: Node) -> bool:
    """Return True for what a value is given to: a letter, f(x), dy/dx, AB, |AB|, (x, y), words."""
    kind = node[0]
    if kind in ("label", "app", "words"):
        return True
    if kind == "sym":
        return node[1] not in ("pi", "e")
    if kind == "mul":
        return _is_name(node[1]) and _is_name(node[2])
    if kind == "abs":
        return _is_name(node[1])
    if kind == "tuple":
        return all(_is_name(item) for item in node[3])
    if kind == "ratio":
        return all(_is_name(item) for item in node[1])
    return kind == "div" and _is_differential(node[1]) and _is_differential(node[2])


def _is_differential(node: Node) -> bool:
    """Return True for ``dy``, ``dx`` and ``d``, the two sides of a derivative."""
    while node[0] == "mul":
        node = node[1]
    return node[:2] == ("sym", "d")


def _applied(node: Node) -> bool:
    return node[0] == "mul" and node[1][0] == "sym" and node[2][0] == "sym"


def _is_y(node: Node) -> bool:
    return node == ("sym", "y")


def _spelled(node: Node) -> str:
    if node[0] in ("sym", "label", "words"):
        return str(node[1])
    return " ".join(_spelled(part) for part in _inside(node))
