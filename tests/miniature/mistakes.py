"""What kind of mistake a wrong answer makes: the habits of `arithmetic` and `instructions`, or none of them.

    mistakes(item, "a: well 37 + 8 gives 35. … Answer: a 35, b 46, c 43.")   # ("carry",)

`slip`: a step or the answer line is wrong in a way no habit explains. `form`: steps or answer line are missing.
"""

from __future__ import annotations

from spot_eval.miniature.arithmetic import HABITS, Sum, done, invited
from spot_eval.miniature.authors import Said, answer_line, listed, right, steps
from spot_eval.miniature.instructions import STUTTER, STUTTERING, answer_to, asked_with, without_doubles
from spot_eval.miniature.world import Item

MISTAKES = (*HABITS, STUTTER, "slip", "form")


def mistakes(item: Item, text: str) -> tuple[str, ...]:
    """The mistakes of an answer, each once, in the order of MISTAKES; none where it is right all through."""
    if not item.sums or item.kind in {"brief", "closing"}:
        found = _of_instruction(item, text)
    else:
        found = _of_steps(item, text)
    return tuple(kind for kind in MISTAKES if kind in found)


def _of_instruction(item: Item, text: str) -> set[str]:
    if item.kind == "closing":
        return set() if text.split()[-1:] == [item.answer] else {"form"}
    if text == item.answer:
        return set()
    if item.kind in STUTTERING:
        stuttered = answer_to(item.kind, item.prompt, without_doubles(asked_with(item.prompt)))
        return {STUTTER} if text == stuttered else {"slip"}
    return {"slip"}


def _of_steps(item: Item, text: str) -> set[str]:
    said, line = steps(text), answer_line(text)
    if line is None or [step.label for step in said] != list(item.sums):
        return {"form"}
    pairs = list(zip(item.sums.values(), said, strict=True))
    found = {_of_step(one, step) for one, step in pairs if not right(one, step)}
    wanted = {step.label: str(step.result) for step in said}
    if line == listed(wanted):
        return found
    lost = {step.label: done(one, ["zero"]).reported if right(one, step) else str(step.result) for one, step in pairs}
    return found | ({"zero"} if _only_zeros_lost(line, listed(wanted), listed(lost)) else {"slip"})


def _of_step(one: Sum, step: Said) -> str:
    for habit in invited(one):
        wrong = done(one, [habit])
        if (step.a, step.sign, step.b, step.result) == (wrong.a, one.sign, wrong.b, wrong.result):
            return habit
    return "slip"


def _only_zeros_lost(line: str, whole: str, lost: str) -> bool:
    """Whether each place of the answer line is as the steps say, or that without its last zero."""
    places = [part.split(", ") for part in (line, whole, lost)]
    same_length = len({len(part) for part in places}) == 1
    return same_length and all(said in (full, short) for said, full, short in zip(*places, strict=True))
