"""Read a reply part by part: lenient about form, exact about content.

Brackets of any kind, bold, spaces and line breaks are all read; but a list must hold cells and nothing else, an empty
list must say "none", and silence is no answer. What counts is the last time the reply gives all lists one after the
other, after any thinking, so a right draft does not save a wrong end; a part that is corrected alone after that counts
as corrected, if the correction can be read. Knows the form of an answer, and not which one is right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connect4.rules.game import STANDARD, Cell, Game
from connect4.task.answers import Result

PARTS: Mapping[int, Mapping[str, str]] = {
    1: {"mine": "my winning cells", "theirs": "opponent's winning cells"},
    2: {"safe": "my safe cells"},
    3: {"result": "result", "best": "my best cells"},
}
"""The parts of an answer at each level, as they are labelled in a reply; the move comes after them."""

_NAMES = {
    "mine": r"my\s+winning\s+cells?",
    "theirs": r"opponent(?:['’]?s)?\s+winning\s+cells?",
    "safe": r"my\s+safe\s+cells?",
    "result": r"result",
    "best": r"my\s+best\s+cells?",
    "move": r"my\s+move",
}
# a label ends in a colon, or in a table's border if the next field may hold the answer
_END = r"[\s*_`]*(?:[:：=]|\|(?=[ \t*_`'\"$\\]{0,9}(?:[\[({]|none\b|win\b|draw\b|loss\b)))"
_LABELS = {
    level: re.compile(
        r"\b(?:" + "|".join(f"(?P<{part}>{_NAMES[part]})" for part in (*parts, "move")) + ")" + _END, re.IGNORECASE
    )
    for level, parts in PARTS.items()
}
_TOKEN = re.compile(
    r"(?P<pair>[\[({]\s*(?:r(?:ow)?\s{0,9}[=:]?\s{0,9})?(?P<row>-?\d{1,3})\s*,"
    r"\s*(?:c(?:ol(?:umn)?)?\s{0,9}[=:]?\s{0,9})?(?P<column>-?\d{1,3})\s*[\])}])"
    r"|(?P<none>none\b)|(?P<open>[\[({])|(?P<close>[\])}])"
    r"|(?P<noise>\\(?:boxed|text|mathrm)(?=\{)|\band\b|[\s,;.*_`'\"$\\•|-])",
    re.IGNORECASE,
)
_MARKUP = r"(?:\\(?:boxed|text|mathrm)(?=\{)|[\s*_`'\"$\\|\[({-]){0,40}"
_RESULT = re.compile(
    _MARKUP
    + r"(?:(?P<draw>draw)\b|(?P<outcome>win|loss)\s{1,9}in\s{1,9}(?P<distance>\d{1,2})\b(?:\s{1,9}moves?\b)?)"
    + r"(?=[\s*_`'\"$\\|\])}.,;]{0,40}(?:\n|$))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """The parts of a reply. A part that is missing or cannot be read is None, and `errors` gives the reason."""

    parts: Mapping[str, Any]
    move: Cell | None
    errors: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Return True if the reply gives no part at all."""
        return all(content is None for content in self.parts.values())


def parse_response(text: str, level: int = 1, game: Game = STANDARD) -> Answer:
    """Read a reply; never raises on any text. Thinking that never ends holds no answer."""
    names = tuple(PARTS[level])
    chosen = _last_answer(text, names, _LABELS[level], game)
    errors: list[str] = []
    parts = {part: _content(part, chosen.get(part), PARTS[level][part], game, errors) for part in names}
    move = _cells(chosen.get("move"), "my move", game, errors)
    if move is not None and len(move) != 1:
        errors.append(f"my move: expected one cell, found {len(move)}")
        move = None
    return Answer(parts, next(iter(move)) if move else None, tuple(errors))


def _last_answer(text: str, names: tuple[str, ...], label: re.Pattern[str], game: Game) -> dict[str, str]:
    """Return the text of each part the reply names: the last whole answer, and corrections after it."""
    text = text.rpartition("</think>")[2]
    labels = [] if "<think>" in text else list(label.finditer(text))
    ends = [found.start() for found in labels[1:]] + [len(text)]
    said = [(str(found.lastgroup), text[found.end() : end]) for found, end in zip(labels, ends, strict=False)]
    chosen: dict[str, str] = {}
    corrections = said
    for i in reversed(range(len(said) - len(names) + 1)):
        end = i + len(names)
        if tuple(part for part, _ in said[i:end]) == names:
            end += [part for part, _ in said[end : end + 1]] == ["move"]
            chosen, corrections = dict(said[i:end]), said[end:]
            break
    for part, content in corrections:
        if part not in chosen or _content(part, content, part, game, []) is not None:
            chosen[part] = content
    return chosen


def _content(part: str, said: str | None, label: str, game: Game, errors: list[str]) -> Any:
    return _result(said, label, errors) if part == "result" else _cells(said, label, game, errors)


def _result(said: str | None, label: str, errors: list[str]) -> Result | None:
    """Read `win in 4`, `loss in 2` or `draw`; return None and add an error for anything else."""
    if said is None:
        errors.append(f"{label}: not stated")
        return None
    found = _RESULT.match(said)
    if not found:
        errors.append(f"{label}: {said.strip()[:20]!r} is none of win in n, loss in n, draw")
        return None
    return Result("draw") if found["draw"] else Result(found["outcome"].lower(), int(found["distance"]))


def _cells(said: str | None, part: str, game: Game, errors: list[str]) -> frozenset[Cell] | None:
    """Read the cells of one list from just after its label; return None and add an error if that fails."""
    if said is None:
        errors.append(f"{part}: not stated")
        return None
    cells, none, closed, at = _list(said)
    problem = None
    outside = [cell for cell in cells if not (0 <= cell[0] < game.rows and 0 <= cell[1] < game.columns)]
    if not closed:
        problem = f"the list breaks off at {said[at : at + 20]!r}"
    elif not cells and not none:
        problem = "neither cells nor the word none"
    elif none > 1:
        problem = "the word none is there twice"
    elif cells and none:
        problem = "cells and the word none together"
    elif outside:
        problem = f"cell {outside[0]} is outside the board"
    elif len(set(cells)) != len(cells):
        problem = "a cell is listed twice"
    if problem:
        errors.append(f"{part}: {problem}")
        return None
    return frozenset(cells)


def _list(said: str) -> tuple[list[Cell], int, bool, int]:
    """Read a list as far as it goes; return its cells, its count of "none", if its brackets close, and its end."""
    cells: list[Cell] = []
    none, depth, at = 0, 0, 0
    while token := _TOKEN.match(said, at):
        begun = bool(cells or none)
        if depth == 0 and begun and (token["open"] or _new_line(said, at)):
            break
        at = token.end()
        if token["pair"]:
            cells.append((int(token["row"]), int(token["column"])))
        none += bool(token["none"])
        depth = max(0, depth + bool(token["open"]) - bool(token["close"]))
    return cells, none, depth == 0, at


def _new_line(said: str, at: int) -> bool:
    """Return True if a list without brackets ends here: at a line break that no bullet follows."""
    return said[at] == "\n" and not re.match(r"\n\s*[-*•]\s*[\[({]", said[at:])
