"""Compare equations, inequalities and the sets of numbers that they or intervals describe."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from spot_eval.graders.maths import sets, values
from spot_eval.graders.maths.exact import variables
from spot_eval.graders.maths.forms import EQUALITIES, FORMULAS, is_name, is_product_of_names, is_y, spelled
from spot_eval.graders.maths.matrices import ZERO_CELL
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.quantities import Quantities


class Relations(Quantities):
    """The comparison of relations: ``x < 2`` with ``(-\\infty, 2)``, ``y = 2x`` with ``f(x) = 2x``."""

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
            named = is_name(gold[1][0]) or (len(gold[1]) == 2 and is_name(gold[1][1]))
            return named and any(self.same(value, answer) for value in self._answers(gold, answer))
        if kinds[0] and answer[0] == "rel":  # x = 2 against x in {2}
            return self._named_set(answer, gold[1][0]) and is_name(gold[1][0]) and self.same(gold[1][-1], answer[1][-1])
        if gold[0] == "rel" and answer[0] == "rel" and self._orders(gold, answer):  # a > b and b < a
            return True
        found = self._real_sets(gold, answer)
        if found is not None:
            return found
        if kinds[1] and gold[0] != "rel":
            return any(self.same(gold, value) for value in self._answers(answer, gold))
        if kinds[0]:
            return is_name(gold[1][0]) and self.same(gold[1][-1], answer)
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
        if len(sides) == 2 and sets.name_of(sides[1]) and not is_name(sides[0]):
            return [sides[0]]
        last = sides[-1]
        if last == ("num", Fraction(0), 0) and not is_name(sides[0]) and gold[0] in FORMULAS:
            return []
        out = [last]
        for i in range(len(sides) - 2, -1, -1):
            side = sides[i]
            if side[0] == "label" or (i == 0 and is_name(side)):
                break
            numeric = not variables(self._value(side), self.reading) if side[0] in FORMULAS else False
            if relations[i] == "~" or numeric or self._try_same(side, last):
                out.append(side)
            else:
                break
        return out

    def _equations(self, gold: Node, answer: Node) -> bool:
        first, second = gold[1], answer[1]
        names = is_name(first[0]), is_name(second[0])
        if names[0] and names[1]:
            same_name = self._same_name(first[0], second[0])
            if same_name and any(self._try_same(first[-1], value) for value in self._answers(answer, first[-1])):
                return True
            if first[0] == second[0]:
                return False
        if all(side[0] in FORMULAS for side in (*first, *second)) and len(first) == len(second) == 2:
            return self._one_curve(first, second)
        if len(first) == len(second) == 2 and all(s[0] in FORMULAS for s in first + second):
            return False
        return len(first) == len(second) and all(self._try_same(a, b) for a, b in zip(first, second, strict=True))

    def _same_name(self, gold: Node, answer: Node) -> bool:
        if gold == answer or "label" in (gold[0], answer[0]):
            return gold == answer or gold[0] != answer[0] or spelled(gold) == spelled(answer)
        function = {"app"}
        forms = gold[0] in function or is_product_of_names(gold), answer[0] in function or is_product_of_names(answer)
        dependent = [is_y(gold), is_y(answer)]
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
        if len(gold[1]) == len(answer[1]) == 2 and all(s[0] in FORMULAS for s in (*gold[1], *answer[1])):
            if (gold[2][0] in flipped and answer[2][0] in flipped) or gold[2] == answer[2] == ("!=",):
                first, second = ("sub", *gold[1]), ("sub", *answer[1])
                factor = values.proportional(first, second, self.reading)
                if not factor:
                    return False
                relation = answer[2][0] if factor > 0 else flipped.get(answer[2][0], "!=")
                return bool(relation == gold[2][0])
        return False
