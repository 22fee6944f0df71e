"""Formulas: powers, products, sums, unions, and the units and currencies that stand beside them."""

from __future__ import annotations

from fractions import Fraction

from spot_eval.graders.maths import units
from spot_eval.graders.maths.commands import Commands
from spot_eval.graders.maths.matrices import transposed
from spot_eval.graders.maths.nodes import ZERO, Node
from spot_eval.graders.maths.symbols import FUNCTIONS
from spot_eval.graders.maths.tokens import Token, UnreadableError


class Formula(Commands):
    """Read one side of a relation."""

    def whole(self) -> Node:
        """Read all tokens; raise UnreadableError if some are left."""
        node = self.side()
        if self.at < len(self.tokens):
            raise UnreadableError(f"what follows {self.peek().text!r}")
        return node

    def side(self) -> Node:
        """Read a value, or a ratio of several, with its currency."""
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
        """Take a currency that stands before a number; return its name, or nothing."""
        sign = self.peek().kind == "-" and self.peek(1).kind in "$€£¥₹"
        token = self.peek(1) if sign else self.peek()
        if token.kind in ("$", "€", "£", "¥", "₹") or (
            token.kind == "word" and token.text in ("USD", "EUR", "GBP", "Rs")
        ):
            del self.tokens[self.at + sign]
            return units.of_currency(token.text)
        return ""

    def sets(self) -> Node:
        """Read unions, intersections and differences, of sums."""
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
        """Read a sum of products."""
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
        """Read products, quotients and remainders of factors."""
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
        """Read factors behind a sign, as in ``2 * -3``."""
        sign = self.take()
        inner = self.juxtaposed()
        return ("neg", inner) if sign.kind == "-" else inner

    def juxtaposed(self) -> Node:
        """Read factors that stand side by side."""
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
        """Return the product of two factors side by side, or the first applied to a tuple."""
        if right[0] == "tuple":
            if node[0] == "sym":
                return ("app", node[1], right[3])
            raise UnreadableError("a factor of a tuple")
        if right[0] in ("set", "numset", "builder") or node[0] in ("tuple", "set", "numset"):
            raise UnreadableError("a product of sets")
        return ("mul", node, right)

    def starts_operand(self, token: Token) -> bool:
        """Return True if a token may begin another factor."""
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

    def function_arguments(self) -> tuple[Node, ...]:
        r"""Read what a function is applied to, with brackets or without: ``\sin 2x``."""
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

    def unit_phrase_here(self, value: Node) -> bool:
        """Return True if a unit follows, and `value` is one that may have it."""
        token = self.peek()
        if token.kind in ("word", "letters", "/", "name", "command", "(", "circ", "*") or token.kind == "number":
            return token.kind != "number" and _is_value(value) and bool(self.unit_phrase()[0])
        return False

    def unit_phrase(self) -> tuple[str, int]:
        """Return the unit that follows and the place behind it."""
        return units.phrase(self.tokens, self.at, self.bare_units)

    def with_unit(self, value: Node) -> Node:
        """Take the unit that follows; return the value with it."""
        unit, self.at = self.unit_phrase()
        name, factor = units.multiplier(unit)
        if factor != 1:
            value = ("mul", value, ("num", Fraction(factor), 0))
        return ("unit", value, name) if name else value

    def power(self) -> Node:
        """Read an operand with what is raised or written behind it: powers, factorials, per cent, degrees."""
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

    def _transposes(self) -> bool:
        """Take a T, or the sign for it, that stands in an exponent alone; return True if there was one."""
        braces = self.peek().kind == "{"
        mark = self.peek(1 if braces else 0)
        if not (mark.text in ("T", "top", "intercal") and (not braces or self.peek(2).kind == "}")):
            return False
        self.at += 3 if braces else 1
        return True

    def raised(self, node: Node) -> Node:
        """Read an exponent, or marks such as primes that stand in its place."""
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
        if node[0] in ("tuple", "matrix") and self._transposes():
            return transposed(node)
        exponent = self.exponent()
        if node[0] in ("tuple", "set", "matrix", "numset", "words"):
            raise UnreadableError(f"a power of a {node[0]}")
        return ("pow", node, exponent)


def _is_value(node: Node) -> bool:
    """True if `node` is a formula without variables, after which a unit may stand."""
    if node[0] == "num" or node == ("sym", "pi"):
        return True
    if node[0] in ("add", "sub", "mul", "div", "pow", "neg", "deg", "pct", "fact", "pm"):
        return all(_is_value(part) for part in node[1:])
    return node[0] == "ratio"


def _is_angle(node: Node) -> bool:
    return node == ("sym", "pi") or (node[0] == "mul" and node[2] == ("sym", "pi") and node[1][0] == "num")
