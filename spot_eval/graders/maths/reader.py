r"""Read an answer as mathematics: numbers, formulas, tuples, sets, intervals, relations, lists of them.

A worked example: ``x < 2 \text{ or } x \ge 5`` is a list of two relations joined by "or". A reading is a tree of tuples
(`Node`) whose first entry names the kind; `values` evaluates formulas, `sets` makes sets of relations and intervals,
`equality` compares. Nothing is evaluated here, and the work is linear in the number of tokens but for what lies in
brackets (at most `safety.MAX_DEPTH` deep).

A formula is one of ``("num", Fraction, decimals)``, ``("sym", name)``, ``("add", a, b)`` and the like; other kinds are
listed in `KINDS`.
"""

from __future__ import annotations

import re

from spot_eval.graders.maths.commands import SYSTEMS
from spot_eval.graders.maths.cursor import closes, split
from spot_eval.graders.maths.formula import Formula
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.number_words import in_figures
from spot_eval.graders.maths.prose import in_digits, only_words, words
from spot_eval.graders.maths.remarks import without_modulus, without_remarks
from spot_eval.graders.maths.scanner import tokenize
from spot_eval.graders.maths.symbols import spell
from spot_eval.graders.maths.tokens import Token, UnreadableError

_LETTER_DIGITS = re.compile(r"\s*([0-9A-Za-z]{1,40})_\{?(?:base\s?)?(\d\d)\}?\s*")


def read(text: str, *, bare_units: bool = False, grouped: bool = True, scientific: bool = True) -> Node:
    r"""Return the reading of `text`; raise UnreadableError if it is none.

    >>> read(r"x \ge \frac{1}{2}")
    ('rel', (('sym', 'x'), ('div', ('num', Fraction(1, 1), 0), ('num', Fraction(2, 1), 0))), ('>=',))

    Args:
        text: the answer or the gold.
        bare_units: read single letters after a number as units ("24 V"); for answers to a gold that is a number.
        grouped: read ``1,234`` as one number.
        scientific: read ``2e-2`` as 0.02.
    """
    if based := _in_letters(text):
        return based
    tokens = tokenize(in_figures(spell(text)), grouped=grouped, scientific=scientific)
    if not tokens:
        raise UnreadableError("nothing")
    return _answer(in_digits(tokens), bare_units)


def _in_letters(text: str) -> Node | None:
    """Return the node of a number in a base above ten, whose digits are letters, too: ``1F_{16}``; else None."""
    found = _LETTER_DIGITS.fullmatch(text)
    if not found or not 11 <= int(found[2]) <= 36 or found[1].isdecimal():
        return None
    digits, base = found[1].upper(), int(found[2])
    named = not any(c.isdecimal() for c in digits) and (base != 16 or len(digits) == 1)  # F_{16} is a name
    return None if named or any(int(c, 36) >= base for c in digits) else ("base", digits, base)


def _answer(tokens: list[Token], bare_units: bool) -> Node:
    tokens = without_remarks(tokens)
    if not tokens:
        raise UnreadableError("nothing but words")
    if only_words(tokens):
        return words(tokens)
    return _list(tokens, bare_units)


def _list(tokens: list[Token], bare_units: bool) -> Node:
    """The reading of a list; what stands between semicolons is a list of its own if commas divide it further."""
    tokens = _without_environments(tokens)
    if tokens and tokens[0].kind == "{" and tokens[-1].kind == "}" and closes(tokens):
        inner = tokens[1:-1]
        if len(split(inner, frozenset({",", ";"}))) > 1:
            return ("set", tuple(_items(inner, bare_units, frozenset({",", ";", "join"}))[0]))
        return _list(inner, bare_units) if inner else ("set", ())
    if tokens[0].kind == "(" and tokens[-1].kind == ")" and closes(tokens):
        inner = tokens[1:-1]
        if len(split(inner, frozenset({"relation"}))) > 1 and len(split(inner, frozenset({",", ";"}))) == 1:
            return _list(inner, bare_units)
    outer = [part for part, _ in split(tokens, frozenset({";", "\\\\"}))]
    if len(outer) > 1 and all(outer) and any(len(split(p, frozenset({","}))) > 1 for p in outer):
        return ("list", tuple(_list(part, bare_units) for part in outer), ",")
    if len(outer) == 1:
        ands = [part for part, sep in split(tokens, frozenset({"join"}))]
        if len(ands) > 1 and all(ands) and all(_many_equations(p) for p in ands):
            return ("list", tuple(_list(part, bare_units) for part in ands), ",")
    items, join = _items(tokens, bare_units, frozenset({",", ";", "\\\\", "join"}))
    return items[0] if len(items) == 1 else ("list", tuple(items), join)


def _without_environments(tokens: list[Token]) -> list[Token]:
    """Return the lines of a system without its begin and end; tokens of a table as they are."""
    while len(tokens) > 1 and tokens[0].kind == "begin" and tokens[0].text in SYSTEMS and closes(tokens):
        inner = [t for t in tokens[1:-1] if t.kind != "&" or tokens[0].text == "cases"]
        if any(t.kind == "&" for t in inner):
            cells = split(inner, frozenset({"&", "\\\\"}))
            if not all(any(t.kind == "relation" for t in cell) for cell, _ in cells if cell):
                joined = [t for t in inner if t.kind != "&"]
                first_cells = [c for c, _ in split(inner, frozenset({"\\\\"})) if c]
                if all(len(split(c, frozenset({"&"}))[0][0]) <= 3 and c[0].kind != "number" and len(c) > 2
                       and any(t.kind == "relation" for t in split(c, frozenset({"&"}))[-1][0][:1])
                       for c in first_cells):  # fmt: skip
                    tokens = joined
                    continue
                break
        tokens = [t for t in inner if t.kind != "&"]
    return tokens


def _many_equations(tokens: list[Token]) -> bool:
    parts = [part for part, _ in split(tokens, frozenset({","}))]
    return len(parts) > 1 and all(any(t.text == "=" for t in part) for part in parts)


def _items(tokens: list[Token], bare_units: bool, separators: frozenset[str]) -> tuple[list[Node], str]:
    items: list[Node] = []
    join = ","
    parts = split(tokens, separators)
    for part, separator in parts:
        if separator and separator.kind == "join":
            join = separator.text
        if not part:
            if separator is None or separator.kind != "join":
                if items and separator is None:
                    continue
                raise UnreadableError("an empty item")
            continue
        items.append(_item(part, bare_units))
    if len(items) > 1:  # "x = 2k, k in Z": the second names the range of a letter
        rest = [item for item in items if not _declares(item)]
        if rest and len(rest) < len(items):
            items = rest
    if not items:
        raise UnreadableError("no items")
    return items, join


def _declares(item: Node) -> bool:
    if item[0] != "rel" or item[2] != ("in",):
        return False
    return item[1][0][0] == "sym" and (item[1][1][0] == "numset" or item[1][1] == ("sym", "ZZ"))


def _item(tokens: list[Token], bare_units: bool) -> Node:
    tokens = without_modulus(tokens)
    parts = split(tokens, frozenset({"relation"}))
    if len(parts) == 1:
        if only_words(tokens):
            return words(tokens)
        return _Side(tokens, bare_units).whole()
    sides: list[Node] = []
    relations: list[str] = []
    for i, (part, relation) in enumerate(parts):
        if relation:
            relations.append(relation.text)
        if not part and i == 0 and relation and relation.text == "~":
            relations.pop()
            continue
        if not part:
            raise UnreadableError("a relation without a side")
        try:
            if any(t.kind == "word" for t in part) and not any(t.kind == "number" for t in part):
                raise UnreadableError("words")
            sides.append(_Side(part, bare_units).whole())
        except UnreadableError:
            if i + 1 == len(parts):
                raise
            sides.append(("label", " ".join(t.text for t in part)))
    if len(sides) == 1:
        return sides[0]
    return ("rel", tuple(sides), tuple(relations))


class _Side(Formula):
    """A side of a relation, whose parts may be lists again."""

    def nested(self, tokens: list[Token]) -> Node:
        return _Side(tokens, False).whole()

    def item(self, tokens: list[Token]) -> Node:
        return _item(tokens, False)

    def listed(self, tokens: list[Token]) -> Node:
        return _list(tokens, False)

    def elements(self, tokens: list[Token]) -> tuple[Node, ...]:
        return tuple(_items(tokens, False, frozenset({",", ";", "join"}))[0])
