"""A place in an answer's tokens, which the classes of the grammar share; and lists of tokens cut at separators."""

from __future__ import annotations

from abc import ABC, abstractmethod

from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.prose import CLOSE, OPEN
from spot_eval.graders.maths.tokens import Token, UnreadableError

_MAX_DEPTH = 60


class Cursor(ABC):
    """The tokens of one side of a relation and how far they are read.

    The grammar is a recursive descent in layers, each a class in a module of its own: `operands.Operands`,
    `commands.Commands`, `formula.Formula`. What a layer needs of those above it is named here.

    Args:
        tokens: the tokens; reading may cut one in two.
        bare_units: read single letters after a number as units.
    """

    def __init__(self, tokens: list[Token], bare_units: bool) -> None:
        self.tokens, self.at, self.bars, self.bare_units, self.depth = tokens, 0, 0, bare_units, 0

    def peek(self, ahead: int = 0) -> Token:
        """Return a token that lies ahead, the next if `ahead` is 0, without taking it."""
        i = self.at + ahead
        return self.tokens[i] if i < len(self.tokens) else Token("end of text", "")

    def take(self, kind: str = "") -> Token:
        """Return the next token and step over it; raise UnreadableError if it is not of `kind`."""
        token = self.peek()
        if kind and token.kind != kind:
            raise UnreadableError(f"{token.text!r} for {kind!r}")
        self.at += 1
        return token

    def deeper(self) -> None:
        """Count one more level of nesting; raise UnreadableError beyond the limit."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnreadableError("too deep")

    @abstractmethod
    def nested(self, tokens: list[Token]) -> Node:
        """Return the reading of tokens of their own: a cell of a matrix, one side of a definition."""

    @abstractmethod
    def item(self, tokens: list[Token]) -> Node:
        """Return the reading of tokens that may be a relation."""

    @abstractmethod
    def listed(self, tokens: list[Token]) -> Node:
        """Return the reading of tokens that may be a list or a relation."""

    @abstractmethod
    def elements(self, tokens: list[Token]) -> tuple[Node, ...]:
        """Return the readings of the elements of a set."""

    @abstractmethod
    def sets(self) -> Node:
        """Read unions, intersections and differences, of sums."""

    @abstractmethod
    def sum(self) -> Node:
        """Read a sum of products."""

    @abstractmethod
    def juxtaposed(self) -> Node:
        """Read factors that stand side by side."""

    @abstractmethod
    def power(self) -> Node:
        """Read an operand with what is raised or written behind it."""

    @abstractmethod
    def function_arguments(self) -> tuple[Node, ...]:
        """Read what a function is applied to, with brackets or without."""

    @abstractmethod
    def command(self, name: str) -> Node:
        """Read what follows a command, such as the two arguments of a fraction."""

    @abstractmethod
    def environment(self, name: str) -> Node:
        """Read what stands between a begin and its end."""


def split(tokens: list[Token], kinds: frozenset[str]) -> list[tuple[list[Token], Token | None]]:
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


def closes(tokens: list[Token]) -> bool:
    """Return True if the bracket that opens `tokens` closes at their very end."""
    depth = 0
    for i, token in enumerate(tokens):
        depth += (token.kind in OPEN) - (token.kind in CLOSE)
        if not depth:
            return i == len(tokens) - 1
    return False
