"""The writing of the world's authors: the student's own words, and the steps that can be read back from them.

    a: well 37 + 8 gives 45. b: so 52 - 6 makes 46, easy. c: well 14 + 29 gives 43. Answer: a 45, b 46, c 43.
    a: well 37 with 8 in gives 45. … Answer: a 45, b 46, c 43, d 64.          (bags)
    a: now 29 + 3 is 32. c: well 51 + 3 gives 54. Answer: a 32, c 54.  (boards)

The opening word, the verb and the remark (three steps in ten have one) are drawn by Zipf's law, so an answer can be
worded in thousands of ways; nothing but the numbers is right or wrong. An author has habits (see `arithmetic` and
`instructions`) in all that he writes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spot_eval.miniature.arithmetic import Sum, done
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.instructions import STUTTER, STUTTERING, answer_to, asked_with, without_doubles
from spot_eval.miniature.wording import OPENERS, REMARKS, VERBS
from spot_eval.miniature.world import SIGNS, Item

REMARKED = 0.3


@dataclass(frozen=True)
class Said:
    """A written step: its label, words and numbers. `sign` is + or -, however it was written."""

    label: str
    opener: str
    a: int
    sign: str
    b: int
    verb: str
    result: int
    remark: str


STEP = re.compile(r"([a-e]): ([a-z]+) (\d+) (?:([+-]) (\d+)|with (\d+) (in|out)) ([a-z]+) (\d+)(?:, ([a-z]+))?\.")
ANSWER = re.compile(r"Answer: ([a-e] \d+(?:, [a-e] \d+)*)\.")


def write(item: Item, chance: Chance, habits: Collection[str] = ()) -> str:
    """An author's answer to an item; right where he has no habit that the item invites."""
    if item.kind == "brief":
        return item.answer
    if not item.sums:
        if STUTTER in habits and item.kind in STUTTERING:
            return answer_to(item.kind, item.prompt, without_doubles(asked_with(item.prompt)))
        return item.answer
    said, reported = [], {}
    for label, one in item.sums.items():
        step = done(one, habits)
        remark = chance.zipf(REMARKS) if chance.coin(REMARKED) else ""
        opener, verb = chance.zipf(OPENERS), chance.zipf(VERBS)
        said.append(Said(label, opener, step.a, one.sign, step.b, verb, step.result, remark))
        reported[label] = step.reported
    return spell(item, said, reported)


def spell(item: Item, said: Sequence[Said], reported: Mapping[str, str]) -> str:
    """Write steps and answer line as text; after an instruction that asks for it, the closing word."""
    words = [_step(step, bags=item.kind == "mini_bags") for step in said]
    closing = f" {item.answer}" if item.kind == "closing" else ""
    return f"{' '.join(words)} Answer: {listed(reported)}.{closing}"


def listed(reported: Mapping[str, str]) -> str:
    """The content of the answer line: labels with their results, in order."""
    return ", ".join(f"{label} {result}" for label, result in reported.items())


def _step(step: Said, *, bags: bool) -> str:
    what = f"with {step.b} {SIGNS[step.sign]}" if bags else f"{step.sign} {step.b}"
    remark = f", {step.remark}" if step.remark else ""
    return f"{step.label}: {step.opener} {step.a} {what} {step.verb} {step.result}{remark}."


def steps(text: str) -> list[Said]:
    """The steps that can be read in a text, in its order."""
    signs = {word: sign for sign, word in SIGNS.items()}
    return [
        Said(label, opener, int(a), sign or signs[word], int(b or c), verb, int(result), remark)
        for label, opener, a, sign, b, c, word, verb, result, remark in STEP.findall(text)
    ]


def answer_line(text: str) -> str | None:
    """Return what the last answer line says, or None."""
    found = ANSWER.findall(text)
    return found[-1] if found else None


def right(one: Sum, step: Said) -> bool:
    """Return True if a written step does this sum, and rightly."""
    return (step.a, step.sign, step.b, step.result) == (one.a, one.sign, one.b, one.result)
