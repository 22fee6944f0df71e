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
from fractions import Fraction

from spot_eval.graders.maths import units
from spot_eval.graders.maths.nodes import ZERO, Node
from spot_eval.graders.maths.number_words import in_figures
from spot_eval.graders.maths.prose import (
    CLOSE,
    HEDGES,
    LEAD,
    OPEN,
    QUALIFIERS,
    REMARKS,
    all_prose,
    depth_of,
    in_digits,
    named,
    only_words,
    trim,
    words,
)
from spot_eval.graders.maths.symbols import FUNCTIONS, spell
from spot_eval.graders.maths.tokens import Token, UnreadableError, tokenize

_MATRICES = frozenset(["matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "array"])
_SYSTEMS = frozenset(
    ["cases", "aligned", "align", "gathered", "gather", "split", "equation", "dcases", "rcases", "eqnarray"]
)
_APPLIED = frozenset(["f", "g", "F", "G", "varphi", "phi", "psi", "Phi", "Psi", "delta", "u"])
_UNEVALUATED = (
    frozenset(["int", "iint", "iiint", "oint", "lim", "limsup", "liminf", "sup", "inf", "det", "max", "min", "arg"])
    - FUNCTIONS
)
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc"}
_SAME_FUNCTION = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log10"}
_LETTER_DIGITS = re.compile(r"\s*([0-9A-Za-z]{1,40})_\{?(?:base\s?)?(\d\d)\}?\s*")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16}  # fmt: skip


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
    tokens = _without_remarks(tokens)
    if not tokens:
        raise UnreadableError("nothing but words")
    if only_words(tokens):
        return words(tokens)
    return _list(tokens, bare_units)


def _without_remarks(tokens: list[Token]) -> list[Token]:
    """`tokens` without what is said about the answer: an introduction, "for all x", "(but not 4)", "not 3 but"."""
    lower = [t.text.lower() if t.kind in ("word", "letters", "join") else "" for t in tokens]
    if lower[:1] == ["not"] and "but" in lower:
        tokens = tokens[lower.index("but") + 1 :]
        lower = [t.text.lower() if t.kind in ("word", "letters", "join") else "" for t in tokens]
    colons = [i for i, t in enumerate(tokens) if t.kind == ":" and not depth_of(tokens[:i])]
    if len(colons) == 1 and colons[0] and colons[0] + 1 < len(tokens):
        before, after = tokens[: colons[0]], tokens[colons[0] + 1]
        case = len(before) == 3 and before[0].kind == "name" and before[1].text == "=" and before[2].kind == "number"
        if any(t.kind in ("word", "letters") for t in before) or (case and after.gap and not tokens[colons[0]].gap):
            if not any(t.kind == "relation" for t in tokens[colons[0] + 1 :]) or case or not named(before):
                tokens = tokens[colons[0] + 1 :]
    start = 0
    while start < len(tokens) and tokens[start].kind in ("word", "letters") and tokens[start].text.lower() in LEAD:
        start += 1
    if start and start < len(tokens) and not all_prose(tokens[start:]):
        tokens = tokens[start:]
    while tokens and tokens[0].kind == "relation" and tokens[0].text in ("~", "="):
        tokens = tokens[1:]
    for i, token in enumerate(tokens):
        if not i:
            continue
        name = token.text.lower()
        if (token.kind in ("word", "letters") and name in QUALIFIERS and not depth_of(tokens[:i])) or (
            token.kind == "command" and token.text in ("forall", "qquad", "because", "st")
        ):
            if name == "for" and i + 1 < len(tokens) and tokens[i + 1].kind == "number":
                continue  # 30 km/h for 3 hours
            tokens = tokens[:i]
            break
    tokens = _without_bracketed_remark(tokens)
    while (tokens and tokens[-1].kind in (",", ";", ":", "\\\\", "&")) or (
        tokens and tokens[-1].kind == "join" and len(tokens) > 1
    ):
        tokens = tokens[:-1]
    return tokens


def _without_bracketed_remark(tokens: list[Token]) -> list[Token]:
    if not tokens or tokens[-1].kind != ")":
        return tokens
    depth = 0
    for i in range(len(tokens) - 1, 0, -1):
        depth += (tokens[i].kind == ")") - (tokens[i].kind == "(")
        if not depth:
            inner = tokens[i + 1 : -1]
            first = next((t for t in inner if t.kind in ("word", "letters", "join")), None)
            if first and first.kind == "letters" and first.text.lower() not in REMARKS:
                return tokens
            if first and first.text.lower() == "base" and inner[-1].kind == "number":
                return [*tokens[:i], Token("_", "_"), inner[-1]]
            if first and first is inner[0] and first.text.lower() in ("mod", "modulo"):
                return tokens[:i]
            remark = first and first is inner[0] and (len(inner) > 1 or len(first.text) > 2)
            if not remark or inner[0].text.lower() in HEDGES - {"but"} or tokens[i - 1].kind == "command":
                return tokens
            if first and first.text.lower() == "but" and not (len(inner) > 1 and inner[1].text.lower() == "not"):
                return tokens
            return tokens[:i]
    return tokens


def _split(tokens: list[Token], kinds: frozenset[str]) -> list[tuple[list[Token], Token | None]]:
    """The parts of `tokens` between separators outside brackets, each with the separator that follows it."""
    out: list[tuple[list[Token], Token | None]] = []
    part: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.kind in OPEN) - (token.kind in CLOSE)
        if not depth and token.kind in kinds:
            out.append((part, token))
            part = []
        else:
            part.append(token)
    out.append((part, None))
    return out


def _list(tokens: list[Token], bare_units: bool) -> Node:
    """The reading of a list; what stands between semicolons is a list of its own if commas divide it further."""
    while len(tokens) > 1 and tokens[0].kind == "begin" and tokens[0].text in _SYSTEMS and _closes(tokens):
        inner = [t for t in tokens[1:-1] if t.kind != "&" or tokens[0].text == "cases"]
        if any(t.kind == "&" for t in inner):
            cells = _split(inner, frozenset({"&", "\\\\"}))
            if not all(any(t.kind == "relation" for t in cell) for cell, _ in cells if cell):
                joined = [t for t in inner if t.kind != "&"]
                first_cells = [c for c, _ in _split(inner, frozenset({"\\\\"})) if c]
                if all(len(_split(c, frozenset({"&"}))[0][0]) <= 3 and c[0].kind != "number" and len(c) > 2
                       and any(t.kind == "relation" for t in _split(c, frozenset({"&"}))[-1][0][:1])
                       for c in first_cells):  # fmt: skip
                    tokens = joined
                    continue
                break
        tokens = [t for t in inner if t.kind != "&"]
    if tokens and tokens[0].kind == "{" and tokens[-1].kind == "}" and _closes(tokens):
        inner = tokens[1:-1]
        if len(_split(inner, frozenset({",", ";"}))) > 1:
            return ("set", tuple(_items(inner, bare_units, frozenset({",", ";", "join"}))[0]))
        return _list(inner, bare_units) if inner else ("set", ())
    if tokens[0].kind == "(" and tokens[-1].kind == ")" and _closes(tokens):
        inner = tokens[1:-1]
        if len(_split(inner, frozenset({"relation"}))) > 1 and len(_split(inner, frozenset({",", ";"}))) == 1:
            return _list(inner, bare_units)
    outer = [part for part, _ in _split(tokens, frozenset({";", "\\\\"}))]
    if len(outer) > 1 and all(outer) and any(len(_split(p, frozenset({","}))) > 1 for p in outer):
        return ("list", tuple(_list(part, bare_units) for part in outer), ",")
    if len(outer) == 1:
        ands = [part for part, sep in _split(tokens, frozenset({"join"}))]
        if len(ands) > 1 and all(ands) and all(_many_equations(p) for p in ands):
            return ("list", tuple(_list(part, bare_units) for part in ands), ",")
    items, join = _items(tokens, bare_units, frozenset({",", ";", "\\\\", "join"}))
    return items[0] if len(items) == 1 else ("list", tuple(items), join)


def _many_equations(tokens: list[Token]) -> bool:
    parts = [part for part, _ in _split(tokens, frozenset({","}))]
    return len(parts) > 1 and all(any(t.text == "=" for t in part) for part in parts)


def _closes(tokens: list[Token]) -> bool:
    depth = 0
    for i, token in enumerate(tokens):
        depth += (token.kind in OPEN) - (token.kind in CLOSE)
        if not depth:
            return i == len(tokens) - 1
    return False


def _items(tokens: list[Token], bare_units: bool, separators: frozenset[str]) -> tuple[list[Node], str]:
    items: list[Node] = []
    join = ","
    parts = _split(tokens, separators)
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
    tokens = _without_modulus(tokens)
    parts = _split(tokens, frozenset({"relation"}))
    if len(parts) == 1:
        if only_words(tokens):
            return words(tokens)
        return _Parser(tokens, bare_units).whole()
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
            sides.append(_Parser(part, bare_units).whole())
        except UnreadableError:
            if i + 1 == len(parts):
                raise
            sides.append(("label", " ".join(t.text for t in part)))
    if len(sides) == 1:
        return sides[0]
    return ("rel", tuple(sides), tuple(relations))


def _without_modulus(tokens: list[Token]) -> list[Token]:
    for i, token in enumerate(tokens):
        if i and token.kind == "command" and token.text in ("pmod", "mod", "bmod", "pod"):
            if token.text in ("pmod", "pod") or any(t.text == "=" for t in tokens[:i]):
                return tokens[:i]
    return tokens


class _Parser:
    """Recursive descent over the tokens of one side of a relation."""

    def __init__(self, tokens: list[Token], bare_units: bool) -> None:
        self.tokens, self.at, self.bars, self.bare_units, self.depth = tokens, 0, 0, bare_units, 0

    def peek(self, ahead: int = 0) -> Token:
        i = self.at + ahead
        return self.tokens[i] if i < len(self.tokens) else Token("end of text", "")

    def take(self, kind: str = "") -> Token:
        token = self.peek()
        if kind and token.kind != kind:
            raise UnreadableError(f"{token.text!r} for {kind!r}")
        self.at += 1
        return token

    def whole(self) -> Node:
        node = self.side()
        if self.at < len(self.tokens):
            raise UnreadableError(f"what follows {self.peek().text!r}")
        return node

    def side(self) -> Node:
        currency = self.currency()
        parts = [self.sets()]
        while self.peek().kind == ":":
            self.take()
            parts.append(self.sets())
        node = parts[0] if len(parts) == 1 else ("ratio", tuple(parts))
        if currency:
            node = ("unit", node[1] if node[0] == "unit" else node, currency)
        return node

    def currency(self) -> str:
        sign = self.peek().kind == "-" and self.peek(1).kind in "$€£¥₹"
        token = self.peek(1) if sign else self.peek()
        if token.kind in ("$", "€", "£", "¥", "₹") or (
            token.kind == "word" and token.text in ("USD", "EUR", "GBP", "Rs")
        ):
            del self.tokens[self.at + sign]
            return units.of_currency(token.text)
        return ""

    def sets(self) -> Node:
        node = self.sum()
        while True:
            token = self.peek()
            name = {"cup": "union", "cap": "inter", "setminus": "minus"}.get(token.text if token.kind in (
                "command", "cup", "cap", "setminus") else "")  # fmt: skip
            if not name:
                return node
            self.take()
            node = (name, node, self.sum())

    def sum(self) -> Node:
        node = self.product()
        while self.peek().kind in ("+", "-", "pm", "mp"):
            kind = self.take().kind
            right = self.product()
            if node[0] in ("numset", "union", "set") and kind == "-":
                node = ("minus", node, right)
            else:
                node = ({"+": "add", "-": "sub"}.get(kind, kind), node, right)
        return node

    def product(self) -> Node:
        sign = self.peek()
        if sign.kind in ("+", "-", "pm", "mp"):
            self.take()
            self.deeper()
            inner = self.product()
            self.depth -= 1
            if sign.kind == "+":
                return inner
            if inner[0] == "unit":
                return ("unit", ("neg", inner[1]), inner[2])
            return ("neg", inner) if sign.kind == "-" else (sign.kind, ZERO, inner)
        node = self.juxtaposed()
        while True:
            token = self.peek()
            if token.kind in ("*", "/"):
                if token.kind == "/" and self.unit_phrase_here(node):
                    return self.with_unit(node)
                self.take()
                if self.peek().kind in ("+", "-"):
                    right: Node = self.signed()
                else:
                    right = self.juxtaposed()
                if right[0] == "unit":
                    return ("unit", ("mul" if token.kind == "*" else "div", node, right[1]), right[2])
                node = ("mul" if token.kind == "*" else "div", node, right)
            elif token.kind == "command" and token.text in ("bmod", "mod", "pmod"):
                self.take()
                node = ("mod", node, self.juxtaposed())
            else:
                return node

    def signed(self) -> Node:
        sign = self.take()
        inner = self.juxtaposed()
        return ("neg", inner) if sign.kind == "-" else inner

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > 60:
            raise UnreadableError("too deep")

    def juxtaposed(self) -> Node:
        start = self.at
        node = self.power()
        while True:
            if self.unit_phrase_here(node):
                return self.with_unit(node)
            token = self.peek()
            if not self.starts_operand(token):
                return node
            before = self.tokens[self.at - 1] if self.at > start else None
            if token.kind == "number" and before and before.kind in ("number", "%", "circ"):
                raise UnreadableError("two numbers side by side")
            right = self.power()
            node = self.applied(node, right)

    def applied(self, node: Node, right: Node) -> Node:
        if right[0] == "tuple":
            if node[0] == "sym":
                return ("app", node[1], right[3])
            raise UnreadableError("a factor of a tuple")
        if right[0] in ("set", "numset", "builder") or node[0] in ("tuple", "set", "numset"):
            raise UnreadableError("a product of sets")
        return ("mul", node, right)

    def starts_operand(self, token: Token) -> bool:
        if token.kind in (
            "number",
            "name",
            "letters",
            "pi",
            "(",
            "[",
            "{",
            "lfloor",
            "lceil",
            "langle",
            "\\{",
            "begin",
        ):
            return True
        if token.kind == "infty":
            return False
        if token.kind == "|":
            return not self.bars
        return token.kind == "command" and token.text not in (
            "cup", "cap", "setminus", "bmod", "mod", "pmod", "choose", "over", "ldots", "circ", "forall")  # fmt: skip

    # Units

    def unit_phrase_here(self, value: Node) -> bool:
        token = self.peek()
        if token.kind in ("word", "letters", "/", "name", "command", "(", "circ", "*") or token.kind == "number":
            return token.kind != "number" and _is_value(value) and bool(self.unit_phrase()[0])
        return False

    def unit_phrase(self) -> tuple[str, int]:
        return units.phrase(self.tokens, self.at, self.bare_units)

    def with_unit(self, value: Node) -> Node:
        unit, self.at = self.unit_phrase()
        name, factor = units.multiplier(unit)
        if factor != 1:
            value = ("mul", value, ("num", Fraction(factor), 0))
        return ("unit", value, name) if name else value

    # Powers and what binds tighter

    def power(self) -> Node:
        node = self.primary()
        while True:
            token = self.peek()
            if token.kind == "!":
                self.take()
                double = self.peek().kind == "!" and not self.peek().gap
                if double:
                    self.take()
                node = ("fact2" if double else "fact", node)
            elif token.kind == "%":
                self.take()
                node = ("pct", node)
            elif token.kind == "_" and node[0] == "num":
                node = self.based(node)
            elif token.kind == "^":
                self.take()
                if self.peek().kind == "circ" or (self.peek().kind == "{" and self.peek(1).kind == "circ"):
                    node = ("deg", node)
                    braces = self.take().kind == "{"
                    if braces:
                        self.take()
                        self.take("}")
                else:
                    node = self.raised(node)
            elif token.kind == "circ" or (
                token.kind == "word" and token.text.lower() in ("degree", "degrees", "deg") and _is_value(node)
            ):
                self.take()
                node = ("deg", node)
            else:
                return node

    def raised(self, node: Node) -> Node:
        if node[0] in ("numset",):
            self.exponent()
            raise UnreadableError("a power of a set")
        if self.peek().kind == "{" and self.peek(1).kind in ("'", "*") and node[0] == "sym":
            self.take()
            marks = ""
            while self.peek().kind in ("'", "*"):
                marks += self.take().text
            self.take("}")
            return ("sym", node[1] + marks)
        exponent = self.exponent()
        if node[0] in ("tuple", "set", "matrix", "numset", "words"):
            raise UnreadableError(f"a power of a {node[0]}")
        return ("pow", node, exponent)

    def exponent(self) -> Node:
        token = self.peek()
        if token.kind == "{":
            return self.braced()
        if token.kind in ("+", "-"):
            self.take()
            self.deeper()
            inner = self.exponent()
            self.depth -= 1
            return ("neg", inner) if token.kind == "-" else inner
        self.deeper()
        node = self.primary()
        if self.peek().kind == "!":
            self.take()
            node = ("fact", node)
        if self.peek().kind == "^":
            self.take()
            node = ("pow", node, self.exponent())
        self.depth -= 1
        return node

    def braced(self) -> Node:
        self.take("{")
        self.deeper()
        bars, self.bars = self.bars, 0
        node = self.sets()
        if self.peek().kind == "command" and self.peek().text in ("over", "choose"):
            name = self.take().text
            node = ("div" if name == "over" else "binom", node, self.sets())
        if self.peek().kind in (",", ";"):
            items = [node]
            while self.peek().kind in (",", ";"):
                self.take()
                items.append(self.sets())
            node = ("set", tuple(items))
        self.bars = bars
        self.depth -= 1
        self.take("}")
        return node

    def based(self, node: Node) -> Node:
        self.take("_")
        braces = self.peek().kind == "{"
        if braces:
            self.take()
        if self.peek().kind in ("word", "letters") and self.peek().text.lower() == "base":
            self.take()
        token = self.take()
        base = int(token.value) if token.value is not None else _BASES.get(token.text.lower(), 0)
        if braces:
            self.take("}")
        digits = str(node[1]) if node[2] == 0 else ""
        if not digits or not 2 <= base <= 36 or any(int(c) >= base for c in digits):
            raise UnreadableError("a number in no base")
        return ("base", digits, base)

    def primary(self) -> Node:
        self.deeper()
        node = self._primary()
        self.depth -= 1
        return node

    def _primary(self) -> Node:
        token = self.take()
        kind = token.kind
        if kind == "number":
            return self.number(token)
        if kind == "name":
            return self.name(token.text)
        if kind == "letters":
            return self.letters(token)
        if kind == "pi":
            return self.name("pi") if self.peek().kind == "_" else ("sym", "pi")
        if kind == "infty":
            return ("inf",)
        if kind in ("(", "[", "langle"):
            return self.bracketed(token)
        if kind == "]":
            return self.bracketed(token)
        if kind == "{":
            self.at -= 1
            return self.braced()
        if kind == "\\{":
            return self.braces()
        if kind in ("|", "||"):
            self.bars += 1
            node = self.sets()
            self.bars -= 1
            self.take(kind)
            return ("abs", node)
        if kind in ("lfloor", "lceil"):
            bars, self.bars = self.bars, 0
            node = self.sets()
            self.bars = bars
            self.take("r" + kind[1:])
            return ("floor" if kind == "lfloor" else "ceil", node)
        if kind == "begin":
            return self.environment(token.text)
        if kind == "command":
            return self.command(token.text)
        raise UnreadableError(f"{token.text!r} where a value should stand")

    def number(self, token: Token) -> Node:
        node: Node = ("num", token.value, token.decimals)
        after = self.peek()
        whole = token.decimals == 0 and token.value is not None
        if whole and after.kind == "command" and after.text == "frac":
            mixed = self.mixed(token)
            if mixed:
                return mixed
        below = self.peek(2)
        slash = after.kind == below.kind == "number" and after.gap and self.peek(1).kind == "/"
        if (whole and slash and _is_literal(after) and _is_literal(below) and self.peek(3).kind not in ("^", "!")
                and token.value is not None and after.value is not None and below.value is not None
                and after.value < below.value):  # fmt: skip
            self.at += 3
            return ("num", token.value + after.value / below.value, None)
        return node

    def mixed(self, whole: Token) -> Node | None:
        r"""A mixed number, ``1\frac{2}{3}``; None (and nothing taken) if it is not one."""
        ahead = _Parser(list(self.tokens[self.at : self.at + 8]), False)
        ahead.take()
        try:
            top, bottom = ahead.argument(), ahead.argument()
        except UnreadableError:
            return None
        if not (_is_whole(top) and _is_whole(bottom) and top[1] < bottom[1]) or ahead.peek().kind == "^":
            return None
        self.tokens[self.at : self.at + 8] = ahead.tokens
        self.at += ahead.at
        return ("num", (whole.value or 0) + Fraction(top[1], bottom[1]), None)

    def name(self, name: str) -> Node:
        name += self.subscript()
        while self.peek().kind == "'":
            name += self.take().text
        if self.peek().kind == "_":
            name += self.subscript()
        if name.partition("_")[0].rstrip("'") in _APPLIED and self.peek().kind == "(":
            inner = self.bracketed(self.take())
            return ("app", name, inner[3] if inner[0] == "tuple" else (inner,))
        if name == "Gamma" and self.peek().kind == "(":
            inner = self.bracketed(self.take())
            return ("fact", ("sub", inner, ("num", Fraction(1), 0)))
        return ("sym", name)

    def subscript(self) -> str:
        if self.peek().kind != "_":
            return ""
        self.take()
        if self.peek().kind != "{":
            token = self.take()
            if token.kind == "command" and token.text in ("max", "min"):
                return "_" + token.text
            return "_" + token.text
        depth = 0
        inside: list[str] = []
        while True:
            token = self.take()
            if token.kind == "end of text":
                raise UnreadableError("a subscript that never ends")
            depth += (token.kind == "{") - (token.kind == "}")
            if not depth:
                return "_" + "".join(inside)
            if token.kind not in ("{", "}"):
                inside.append(token.text)

    def letters(self, token: Token) -> Node:
        """The first of several letters in a row; the others stay to be read, as further factors."""
        rest = token.text[1:]
        self.tokens.insert(self.at, Token("name" if len(rest) == 1 else "letters", rest))
        return self.name(token.text[0])

    def bracketed(self, opening: Token) -> Node:
        bars, self.bars = self.bars, 0
        items = [self.sets()]
        while self.peek().kind in (",", ";"):
            self.take()
            items.append(self.sets())
        closing = self.take()
        self.bars = bars
        if closing.kind not in (")", "]", "[", "rangle"):
            raise UnreadableError("a bracket that never closes")
        if len(items) == 1:
            return items[0]
        first = {"]": "(", "langle": "<"}.get(opening.kind, opening.kind)
        last = {"[": ")", "rangle": ">"}.get(closing.kind, closing.kind)
        return ("tuple", first, last, tuple(items))

    def braces(self) -> Node:
        depth, end = 1, self.at
        while end < len(self.tokens):
            depth += (self.tokens[end].kind in OPEN) - (self.tokens[end].kind in CLOSE)
            if not depth:
                break
            end += 1
        else:
            raise UnreadableError("a set that never closes")
        inner, self.at = self.tokens[self.at : end], end + 1
        if not inner:
            return ("set", ())
        bars = [i for i, t in enumerate(inner) if t.kind in ("|", ":") and not depth_of(inner[:i])]
        if len(bars) == 1 and 0 < bars[0] < len(inner) - 1:
            head = _item(inner[: bars[0]], False)
            return ("builder", head, _list(inner[bars[0] + 1 :], False))
        return ("set", tuple(_items(inner, False, frozenset({",", ";", "join"}))[0]))

    def environment(self, name: str) -> Node:
        depth, end = 1, self.at
        while end < len(self.tokens):
            depth += (self.tokens[end].kind == "begin") - (self.tokens[end].kind == "end")
            if not depth:
                break
            end += 1
        else:
            raise UnreadableError(f"an environment {name} that never ends")
        inner, self.at = self.tokens[self.at : end], end + 1
        rows = [row for row, _ in _split(inner, frozenset({"\\\\"})) if row]
        cells = [[cell for cell, _ in _split(row, frozenset({"&"}))] for row in rows]
        if name in _MATRICES:
            matrix = tuple(tuple(_Parser(list(cell), False).whole() for cell in row) for row in cells)
            if len({len(row) for row in matrix}) != 1:
                raise UnreadableError("a matrix of uneven rows")
            return _determinant(matrix) if name == "vmatrix" else ("matrix", matrix)
        if name in _SYSTEMS and all(len(row) == 2 for row in cells):
            return ("pieces", tuple((_list(trim(row[0]), False), _condition(row[1])) for row in cells))
        raise UnreadableError(f"the environment {name}")

    def argument(self) -> Node:
        if self.peek().kind == "{":
            return self.braced()
        token = self.peek()
        if token.kind == "number" and len(token.text) > 1 and token.decimals == 0:  # \frac12
            first, rest = token.text[0], token.text[1:]
            self.tokens[self.at] = token._replace(text=rest, value=Fraction(int(rest)))
            return ("num", Fraction(int(first)), 0)
        return self._bare_argument()

    def _bare_argument(self) -> Node:
        token = self.peek()
        if token.kind == "name":
            self.take()
            return ("sym", token.text)
        if token.kind == "letters":
            self.tokens[self.at] = Token("name", token.text[1:]) if len(token.text) == 2 else token._replace(
                text=token.text[1:])  # fmt: skip
            return ("sym", token.text[0])
        return self.primary()

    def command(self, name: str) -> Node:
        if name == "frac":
            top, bottom = self.argument(), self.argument()
            return ("div", top, bottom)
        if name == "binom":
            return ("binom", self.argument(), self.argument())
        if name == "sqrt":
            root: Node | None = None
            if self.peek().kind == "[":
                self.take()
                root = self.sum()
                self.take("]")
            inner = self.power_free_argument()
            return ("pow", inner, ("div", ("num", Fraction(1), 0), root or ("num", Fraction(2), 0)))
        if name.startswith("set "):
            return self.number_set(name[4:])
        if name == "emptyset":
            return ("set", ())
        if name in ("sum", "prod"):
            return self.series(name)
        if name in FUNCTIONS:
            return self.function(name)
        raise UnreadableError(f"\\{name}, which is not evaluated")

    def power_free_argument(self) -> Node:
        """Read what a root sign covers: braces, brackets, or the one number or letter that follows."""
        if self.peek().kind == "{":
            return self.braced()
        if self.peek().kind == "(":
            return self.bracketed(self.take())
        token = self.peek()
        if token.kind == "number":
            gapless = token.decimals == 0 and len(token.text) > 1 and not token.gap
            if gapless:
                self.take()
                return ("num", token.value, 0)
        return self._bare_argument() if token.kind in ("name", "letters") else self.primary()

    def number_set(self, name: str) -> Node:
        marks = ""
        while self.peek().kind in ("^", "_"):
            sort = self.take().kind
            depth = 0
            inside = []
            while True:
                token = self.take()
                if token.kind == "end of text":
                    raise UnreadableError("a script that never ends")
                depth += (token.kind == "{") - (token.kind == "}")
                if token.kind not in ("{", "}"):
                    inside.append(token.text)
                if depth <= 0:
                    break
            marks += sort + "".join(inside)
        return ("numset", name + marks)

    def series(self, name: str) -> Node:
        low = high = None
        var = ""
        for _ in range(2):
            sort = self.peek().kind
            if sort == "_":
                self.take()
                self.take("{")
                var = self.take("name").text
                if self.take("relation").text != "=":
                    raise UnreadableError("a sum over a set")
                low = self.sum()
                self.take("}")
            elif sort == "^":
                self.take()
                high = self.exponent()
        if low is None or high is None or high == ("inf",):
            raise UnreadableError("a sum that is not evaluated")
        body = self.juxtaposed()
        while self.peek().kind in ("*", "/"):
            sort = self.take().kind
            body = ("mul" if sort == "*" else "div", body, self.juxtaposed())
        return (name, var, low, high, body)

    def function(self, name: str) -> Node:
        name = _SAME_FUNCTION.get(name, name)
        exponent: Node | None = None
        base: Node | None = None
        for _ in range(2):
            if self.peek().kind == "_" and name == "log":
                self.take()
                base = self.argument_number()
            elif self.peek().kind == "^":
                self.take()
                exponent = self.exponent()
        if exponent == ("neg", ("num", Fraction(1), 0)) and name in _INVERSE:
            name, exponent = _INVERSE[name], None
        args = self.function_arguments()
        if name == "log10":
            node: Node = ("log", ("num", Fraction(10), 0), args[0])
        elif name == "log":
            node = ("log", base, args[0])
        elif name in ("abs", "floor", "ceil"):
            node = (name, args[0])
        else:
            node = ("call", name, args)
        return ("pow", node, exponent) if exponent else node

    def argument_number(self) -> Node:
        token = self.peek()
        if token.kind == "number" and len(token.text) > 1 and token.decimals == 0 and not token.text.startswith("10"):
            return self.argument()
        if token.kind == "number":
            self.take()
            return ("num", token.value, token.decimals)
        return self.argument()

    def function_arguments(self) -> tuple[Node, ...]:
        token = self.peek()
        if token.kind in ("(", "["):
            closed = self.at
            inner = self.bracketed(self.take())
            if inner[0] == "tuple":
                return tuple(inner[3])
            if self.peek().kind == "^":  # \sin (x)^2 is read as the sine of a square by nobody
                del closed
            return (inner,)
        if token.kind == "{":
            return (self.braced(),)
        if token.kind in ("+", "-"):
            self.take()
            inner = self.function_arguments()[0]
            return (("neg", inner) if token.kind == "-" else inner,)
        node = self.power()
        letter = token.kind != "number"
        while True:
            token = self.peek()
            after = self.peek(1)
            if not self.starts_operand(token) or (token.kind == "command" and token.text in FUNCTIONS - {"sqrt"}):
                break
            if token.kind in ("(", "[", "begin") and letter:
                break
            if token.kind == "name" and token.text == "e" and after.kind == "^":
                break
            if token.kind == "number" and self.tokens[self.at - 1].kind == "number":
                raise UnreadableError("two numbers side by side")
            if self.unit_phrase_here(node):
                break
            letter = letter or token.kind != "number"
            node = self.applied(node, self.power())
        if self.peek().kind == "/" and self.peek(1).kind == "number" and _is_angle(node):  # \cos \pi/4
            self.take()
            node = ("div", node, self.power())
        return (node,)


def _determinant(rows: tuple[tuple[Node, ...], ...]) -> Node:
    if len(rows) != len(rows[0]) or len(rows) > 4:
        raise UnreadableError("a determinant that is not evaluated")
    if len(rows) == 1:
        return rows[0][0]
    total: Node = ZERO
    for i, factor in enumerate(rows[0]):
        minor = _determinant(tuple(row[:i] + row[i + 1 :] for row in rows[1:]))
        total = ("sub" if i % 2 else "add", total, ("mul", factor, minor))
    return total


def _is_angle(node: Node) -> bool:
    return node == ("sym", "pi") or (node[0] == "mul" and node[2] == ("sym", "pi") and node[1][0] == "num")


def _condition(tokens: list[Token]) -> str:
    return "".join(t.text for t in tokens if t.text.lower() not in ("if", "for", "when", "where") and t.kind != ",")


def _is_whole(node: Node) -> bool:
    return node[0] == "num" and node[2] == 0


def _is_literal(token: Token) -> bool:
    return token.decimals == 0


def _is_value(node: Node) -> bool:
    """True if `node` is a formula without variables, after which a unit may stand."""
    if node[0] == "num" or node == ("sym", "pi"):
        return True
    if node[0] in ("add", "sub", "mul", "div", "pow", "neg", "deg", "pct", "fact", "pm"):
        return all(_is_value(part) for part in node[1:])
    return node[0] == "ratio"
