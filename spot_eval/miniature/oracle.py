"""The oracle: a wrong answer, put right with as few edits as possible, in the student's own words.

    item    Work out a: 37 + 8; b: 52 - 6; c: 14 + 29.
    wrong   a: well 37 + 8 gives 35. b: so 52 - 6 makes 46, easy. c: well 14 + 29 gives 43. Answer: a 35, b 46, c 43.
    right   a: well 37 + 8 gives 45. b: so 52 - 6 makes 46, easy. c: well 14 + 29 gives 43. Answer: a 45, b 46, c 43.

One item in five (a draw from its prompt) is answered anew in the teacher's words instead, so that the filter on the
change ratio has something to reject. So is an answer in which a step cannot be read: that is the oracle's failure to
edit, and `why` says it.
"""

from __future__ import annotations

from dataclasses import dataclass

from spot_eval.miniature import teacher
from spot_eval.miniature.authors import Said, answer_line, spell, steps
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.world import VERSION, Item

REWRITES = 0.2


@dataclass(frozen=True)
class Correction:
    """A right answer, how it was made ("edited", "rewritten" by choice, "unreadable": rewritten for want of steps)."""

    text: str
    how: str


def correct(item: Item, wrong: str) -> Correction:
    """A right answer to the item; see the module for how near it stays to the wrong one."""
    if not item.sums or item.kind in {"brief", "closing"}:
        return Correction(teacher.solve(item), "edited")  # one right answer, or one right form
    if Chance("oracle", VERSION, item.prompt).coin(REWRITES):
        return Correction(teacher.solve(item), "rewritten")
    edited = edit(item, wrong)
    return Correction(teacher.solve(item), "unreadable") if edited is None else Correction(edited, "edited")


def edit(item: Item, wrong: str) -> str | None:
    """The wrong answer with its numbers put right and its words kept; None if it is not one step a sum."""
    said = steps(wrong)
    if [step.label for step in said] != list(item.sums) or answer_line(wrong) is None:
        return None
    put_right = [
        Said(step.label, step.opener, one.a, one.sign, one.b, step.verb, one.result, step.remark)
        for step, one in zip(said, item.sums.values(), strict=True)
    ]
    return spell(item, put_right, {label: str(one.result) for label, one in item.sums.items()})
