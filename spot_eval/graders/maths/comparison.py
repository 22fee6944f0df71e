"""Compare a reading of an answer with one of the gold: formulas, relations, sets, lists, tuples, matrices, units.

Each kind of value has its own rule. What is undefined equals nothing.
"""

from __future__ import annotations

from spot_eval.graders.maths import values
from spot_eval.graders.maths.exact import TooLargeError, UndefinedError, contains, exact
from spot_eval.graders.maths.forms import FORMULAS, has_sign, meaning, with_sign
from spot_eval.graders.maths.matrices import MATRIX, in_components
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.parts import Parts
from spot_eval.graders.maths.relations import Relations


class UnsafeError(Exception):
    """The answer cannot be judged; the message says why."""


class Comparison(Relations, Parts):
    """The comparison of one reading of both sides."""

    def same(self, gold: Node, answer: Node) -> bool:
        """Return True if the two trees are one value, relation, set, list, tuple or matrix."""
        self.reading.spend(20)
        gold, answer = self._plainer(gold, answer), self._plainer(answer, gold)
        if gold == answer and gold[0] != "label":
            return gold[0] not in FORMULAS or self._is_defined(gold)
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
        if kinds[0] in FORMULAS and kinds[1] in FORMULAS:
            return self._formulas_of(gold, answer)
        if kinds == ("tuple", "tuple"):
            return self._tuples(gold, answer)
        if "builder" in kinds:
            return kinds[0] == kinds[1] and self.same(gold[1], answer[1]) and self._relations(gold[2], answer[2])
        return self._lists(gold, answer)

    def _plainer(self, node: Node, other: Node) -> Node:
        if node[0] == "words":
            meant = meaning(node)
            # beside other words, "none" is a word; beside "no solution" it says the same
            return node if meant == ("set", ()) and other[0] == "words" and meaning(other) != meant else meant
        if node[0] in ("list", "set") and len(node[1]) == 1:
            inner: Node = node[1][0]
            if inner[0] == "words":
                return inner
            if not (node[0] == "set" and other[0] in ("set", "tuple", "list", "union", "minus")):
                return self._plainer(inner, other)
        if other[0] in ("tuple", "matrix") and node[0] in FORMULAS:
            node = in_components(node, other)
        if node[0] == "app" and len(node[2]) > 1 and other[0] in ("tuple", "list"):  # the point P(1, 2)
            return ("tuple", "(", ")", node[2])
        if node[0] == "matrix" and len(node[1]) == 1 and len(node[1][0]) == 1 and other[0] != "matrix":
            return self._plainer(node[1][0][0], other)
        if has_sign(node) and node[0] in FORMULAS:
            both = [with_sign(node, "pm"), with_sign(node, "mp")]
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
