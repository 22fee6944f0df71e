"""What a reading is: a plain value, a name, a formula with a sign of either kind, words that have a meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spot_eval.graders.maths import sets
from spot_eval.graders.maths.exact import Reading, contains, variables
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
_SIGNS = frozenset({"pm", "mp"})
FORMULAS = frozenset(
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
    return node[0] in FORMULAS | {"ratio"} and not (variables(node, Reading()) - {"i"})


def has_bare_log(node: Node) -> bool:
    """Return True if the formula has a logarithm whose base is not written."""
    return (node[0] == "log" and node[1] is None) or any(has_bare_log(part) for part in inside(node))


def indexed_by_i(node: Node) -> bool:
    """Return True if ``i`` is an index in the formula, and so no imaginary unit."""
    if node[0] == "sym":
        return bool(re.search(r"_.*(?<![a-z])i(?![a-z])", node[1]))
    if node[0] in ("sum", "prod") and node[1] == "i":
        return True
    return any(indexed_by_i(part) for part in inside(node))


def inside(node: Node) -> Iterator[Node]:
    """Yield the nodes that stand directly in a node."""
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


def meaning(words: Node) -> Node:
    """Return what an answer in words stands for; itself if that is not known."""
    return _SYNONYMS.get(words[1].removeprefix("the answer is ").strip(), words)


def has_sign(node: Node) -> bool:
    """Return True if ± or ∓ stands in the formula."""
    return contains(node, _SIGNS) if node[0] in FORMULAS else False


def with_sign(node: Node, upper: str) -> Node:
    """Return `node` with every ± as plus and every ∓ as minus, or the other way round."""
    if node[0] in _SIGNS:
        kind = "add" if node[0] == upper else "sub"
        return (kind, with_sign(node[1], upper), with_sign(node[2], upper))
    return tuple(
        with_sign(part, upper)
        if isinstance(part, tuple) and part and isinstance(part[0], str)
        else tuple(with_sign(p, upper) if isinstance(p, tuple) else p for p in part)
        if isinstance(part, tuple)
        else part
        for part in node
    )


def is_name(node: Node) -> bool:
    """Return True for what a value is given to: a letter, f(x), dy/dx, AB, |AB|, (x, y), words."""
    kind = node[0]
    if kind in ("label", "app", "words"):
        return True
    if kind == "sym":
        return node[1] not in ("pi", "e")
    if kind == "mul":
        return is_name(node[1]) and is_name(node[2])
    if kind == "abs":
        return is_name(node[1])
    if kind == "tuple":
        return all(is_name(item) for item in node[3])
    if kind == "ratio":
        return all(is_name(item) for item in node[1])
    return kind == "div" and _is_differential(node[1]) and _is_differential(node[2])


def _is_differential(node: Node) -> bool:
    """Return True for ``dy``, ``dx`` and ``d``, the two sides of a derivative."""
    while node[0] == "mul":
        node = node[1]
    return node[:2] == ("sym", "d")


def is_product_of_names(node: Node) -> bool:
    """Return True for two letters side by side, such as ``fx``."""
    return node[0] == "mul" and node[1][0] == "sym" and node[2][0] == "sym"


def is_y(node: Node) -> bool:
    """Return True for the letter y, which a function of x may be called."""
    return node == ("sym", "y")


def spelled(node: Node) -> str:
    """Return the letters of a name, in order."""
    if node[0] in ("sym", "label", "words"):
        return str(node[1])
    return " ".join(spelled(part) for part in inside(node))
