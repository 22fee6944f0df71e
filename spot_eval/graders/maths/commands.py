"""Commands: fractions, roots, functions, sums and products over an index, matrices and systems."""

from __future__ import annotations

from fractions import Fraction

from spot_eval.graders.maths.cursor import split
from spot_eval.graders.maths.nodes import ZERO, Node
from spot_eval.graders.maths.operands import Operands
from spot_eval.graders.maths.prose import trim
from spot_eval.graders.maths.symbols import FUNCTIONS
from spot_eval.graders.maths.tokens import Token, UnreadableError

_MATRICES = frozenset(["matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "array"])
SYSTEMS = frozenset(
    ["cases", "aligned", "align", "gathered", "gather", "split", "equation", "dcases", "rcases", "eqnarray"]
)
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc"}
_SAME_FUNCTION = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log10"}


class Commands(Operands):
    """Read what a command or an environment takes."""

    def command(self, name: str) -> Node:
        """Read what follows a command, such as the two arguments of a fraction."""
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
        r"""Read the marks of a set of numbers: ``\mathbb{R}^+``."""
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
        """Read a sum or product over an index from one number to another."""
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
        """Read a function with its base, its power and its arguments."""
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
        """Read the base of a logarithm; of a number that stands bare only the first digit, but for 10."""
        token = self.peek()
        if token.kind == "number" and len(token.text) > 1 and token.decimals == 0 and not token.text.startswith("10"):
            return self.argument()
        if token.kind == "number":
            self.take()
            return ("num", token.value, token.decimals)
        return self.argument()

    def environment(self, name: str) -> Node:
        """Read a matrix, a determinant, or a function in pieces."""
        depth, end = 1, self.at
        while end < len(self.tokens):
            depth += (self.tokens[end].kind == "begin") - (self.tokens[end].kind == "end")
            if not depth:
                break
            end += 1
        else:
            raise UnreadableError(f"an environment {name} that never ends")
        inner, self.at = self.tokens[self.at : end], end + 1
        rows = [row for row, _ in split(inner, frozenset({"\\\\"})) if row]
        cells = [[cell for cell, _ in split(row, frozenset({"&"}))] for row in rows]
        if name in _MATRICES:
            matrix = tuple(tuple(self.nested(list(cell)) for cell in row) for row in cells)
            if len({len(row) for row in matrix}) != 1:
                raise UnreadableError("a matrix of uneven rows")
            return _determinant(matrix) if name == "vmatrix" else ("matrix", matrix)
        if name in SYSTEMS and all(len(row) == 2 for row in cells):
            return ("pieces", tuple((self.listed(trim(row[0])), _condition(row[1])) for row in cells))
        raise UnreadableError(f"the environment {name}")


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


def _condition(tokens: list[Token]) -> str:
    return "".join(t.text for t in tokens if t.text.lower() not in ("if", "for", "when", "where") and t.kind != ",")
