"""Operands: numbers, names with their subscripts, and what stands in brackets, braces and bars."""

from __future__ import annotations

from fractions import Fraction

from spot_eval.graders.maths.cursor import Cursor
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.prose import CLOSE, OPEN, depth_of
from spot_eval.graders.maths.tokens import Token, UnreadableError

_APPLIED = frozenset(["f", "g", "F", "G", "varphi", "phi", "psi", "Phi", "Psi", "delta", "u"])
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16}  # fmt: skip


class Operands(Cursor):
    """Read what binds tightest."""

    def primary(self) -> Node:
        """Read one operand."""
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
        """Read a number, mixed ones with their fraction."""
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
        ahead = type(self)(list(self.tokens[self.at : self.at + 8]), False)
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

    def based(self, node: Node) -> Node:
        """Read the base below a number: ``52_8``."""
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

    def name(self, name: str) -> Node:
        """Read a name with its subscript and primes; or a function of that name with what it is applied to."""
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
        """Take a subscript; return it as part of a name."""
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
        """Read what stands in brackets: a value, or a tuple, point or interval."""
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

    def braced(self) -> Node:
        r"""Read what stands between braces that group: a value, fractions with ``\over``, or a set."""
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

    def braces(self) -> Node:
        """Read what stands between braces that are written: a set, by its elements or by a condition."""
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
            return ("builder", self.item(inner[: bars[0]]), self.listed(inner[bars[0] + 1 :]))
        return ("set", self.elements(inner))

    def exponent(self) -> Node:
        """Read what stands behind a power sign."""
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

    def argument(self) -> Node:
        r"""Read one argument of a command; of ``\frac12`` one digit."""
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


def _is_whole(node: Node) -> bool:
    return node[0] == "num" and node[2] == 0


def _is_literal(token: Token) -> bool:
    return token.decimals == 0
