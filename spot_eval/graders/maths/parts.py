"""Compare what has parts: lists, sets, tuples, ratios, matrices, functions in pieces."""

from __future__ import annotations

from collections.abc import Sequence

from spot_eval.graders.maths.exact import TooLargeError
from spot_eval.graders.maths.forms import FORMULAS, has_sign, is_name, spelled, with_sign
from spot_eval.graders.maths.matrices import matrix
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.quantities import Quantities

_MAX_ITEMS = 200


class Parts(Quantities):
    """The comparison of collections, item by item."""

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
        return first[0] in FORMULAS and second[0] in FORMULAS and self._formulas_of(first, second)

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
            if one[0] in ("list", "set") and other[0] in FORMULAS | {"tuple", "rel"}:
                items = self._distinct(self._spread(one))
                if len(items) == 1 and (one[0] == "set" or one is answer):
                    return self.same(items[0], other) if one is gold else self.same(other, items[0])
        return False

    def _by_name(self, node: Node) -> list[Node] | None:
        """Return the values of a list of assignments to different names, in the order of the names; else None."""
        named: dict[str, Node] = {}
        for item in node[1]:
            if item[0] != "rel" or item[2][0] != "=" or not is_name(item[1][0]) or not self.holds(item):
                return None
            name = spelled(item[1][0])
            if name in named:
                return None
            named[name] = item[1][-1]
        return [named[name] for name in (sorted(named) if all(len(n.split("_")[0]) == 1 for n in named) else named)]

    def _spread(self, node: Node) -> list[Node]:
        out: list[Node] = []
        for item in node[1]:
            if has_sign(item) and item[0] in FORMULAS:
                out += [with_sign(item, "pm"), with_sign(item, "mp")]
            elif item[0] == "rel" and item[2] == ("=",) and has_sign(item[1][1]) and item[1][1][0] in FORMULAS:
                out += [("rel", (item[1][0], with_sign(item[1][1], sign)), ("=",)) for sign in ("pm", "mp")]
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
