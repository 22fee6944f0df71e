"""From a reply to a score: lenient about form, exact about content.

Brackets of any kind, bold, spaces and line breaks are all read; but a list must hold the right cells and no
other, an empty list must say "none", and silence is no answer. What counts is the last time the reply gives
both lists one after the other, after any thinking, so a right draft does not save a wrong end; a part that is
corrected alone after that counts as corrected, if the correction can be read. The headline is the joint
score: both lists right. The move is judged for legality only, and beside the score, not in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connect4.game import COLUMNS, ROWS, Cell
from connect4.position import Position, immediate_wins

_LABEL = re.compile(
    r"\b(?:(?P<theirs>opponent(?:['’]?s)?\s+winning\s+cells?)|(?P<mine>my\s+winning\s+cells?)|(?P<move>my\s+move))"
    r"[\s*_`]*(?:[:：=]|\|(?=[ \t*_`'\"$\\]{0,9}(?:[\[({]|none\b)))",  # a table's next field may hold the list
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"(?P<pair>[\[({]\s*(?:r(?:ow)?\s{0,9}[=:]?\s{0,9})?(?P<row>-?\d{1,3})\s*,"
    r"\s*(?:c(?:ol(?:umn)?)?\s{0,9}[=:]?\s{0,9})?(?P<column>-?\d{1,3})\s*[\])}])"
    r"|(?P<none>none\b)|(?P<open>[\[({])|(?P<close>[\])}])"
    r"|(?P<noise>\\(?:boxed|text|mathrm)(?=\{)|\band\b|[\s,;.*_`'\"$\\•|-])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """What a reply says. A part that is missing or cannot be read is None, and `errors` says why."""

    mine: frozenset[Cell] | None
    theirs: frozenset[Cell] | None
    move: Cell | None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """A reply judged, fractions of 1: `joint` is both lists exactly right; `move_legal` stands beside it."""

    joint: float
    mine: float
    theirs: float
    move_legal: float
    answer: Answer


def parse_response(text: str) -> Answer:
    """Read a reply; never raises. Thinking that never ends holds no answer."""
    text = text.rpartition("</think>")[2]
    labels = [] if "<think>" in text else list(_LABEL.finditer(text))
    ends = [label.start() for label in labels[1:]] + [len(text)]
    parts = [(str(label.lastgroup), text[label.end() : end]) for label, end in zip(labels, ends, strict=False)]
    chosen: dict[str, str] = {}
    corrections = parts
    for i in reversed(range(len(parts) - 1)):
        if (parts[i][0], parts[i + 1][0]) == ("mine", "theirs"):
            whole = i + 3 if [part for part, _ in parts[i + 2 : i + 3]] == ["move"] else i + 2
            chosen, corrections = dict(parts[i:whole]), parts[whole:]
            break
    for part, said in corrections:
        if part not in chosen or _cells(said, part, []) is not None:
            chosen[part] = said
    errors: list[str] = []
    mine = _cells(chosen.get("mine"), "my winning cells", errors)
    theirs = _cells(chosen.get("theirs"), "opponent's winning cells", errors)
    move = _cells(chosen.get("move"), "my move", errors)
    if move is not None and len(move) != 1:
        errors.append(f"my move: expected one cell, found {len(move)}")
        move = None
    return Answer(mine, theirs, next(iter(move)) if move else None, tuple(errors))


def score_response(board: Position, text: str) -> Score:
    """Judge a reply to `prompt.render(board)` against the true cells."""
    answer = parse_response(text)
    mine, theirs = immediate_wins(board)
    right = answer.mine == mine, answer.theirs == theirs
    legal = answer.move in board.landing_cells()
    return Score(float(all(right)), float(right[0]), float(right[1]), float(legal), answer)


def _cells(said: str | None, part: str, errors: list[str]) -> frozenset[Cell] | None:
    """The cells of one list, read from just after its label; None, and an error, where it cannot be read."""
    if said is None:
        errors.append(f"{part}: not stated")
        return None
    cells, none, closed, at = _list(said)
    problem = None
    outside = [cell for cell in cells if not (0 <= cell[0] < ROWS and 0 <= cell[1] < COLUMNS)]
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
    """Read a list as far as it goes: its cells, how often it says none, if its brackets close, where it ends."""
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
    """Whether a list without brackets ends here: at a line break that no bullet follows."""
    return said[at] == "\n" and not re.match(r"\n\s*[-*•]\s*[\[({]", said[at:])
