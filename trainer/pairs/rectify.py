"""Ask an oracle to put a wrong answer right where it is wrong, and read its reply (paper, step 2).

    messages = repair_messages(row)              # question, wrong answer, how to mend it
    text = corrected_text(reply)                 # what stands between <corrected> and </corrected>

Whatever asks (an endpoint, a checkpoint, a person's file) is not this module's business, nor who verifies the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

REPAIR = """\
A student has answered the question below, and the final answer is wrong. Put the student's answer right by changing \
as little of it as possible.

- Solve the question on your own first, so that you know where the student's answer goes wrong.
- Keep every sentence and every formula up to the first mistake exactly as the student wrote them.
- Mend the mistake, and after it only what follows from it. Leave right steps as they are, in the student's words.
- Write what you must add as the student would: the same tone, the same level of detail, the same format, the final \
answer stated in the same way.
- The result reads as one right solution. It does not say that something was corrected.

Question:
<question>
{question}
</question>

The student's answer:
<answer>
{answer}
</answer>
{hint}
Write the whole corrected answer, and nothing else, between <corrected> and </corrected>."""

DIRECT = """\
{question}

Write your whole answer, and nothing else, between <corrected> and </corrected>."""

HINT = """
For you alone: the right final answer is {gold}.
"""

_BLOCK = re.compile(r"<corrected>(.*?)</corrected>", re.DOTALL)


def repair_messages(
    row: Mapping[str, Any], *, template: str | None = None, direct: bool = False, hint: bool = False
) -> list[dict[str, str]]:
    """The conversation that asks an oracle to mend `row`'s rejected answer.

    `direct` asks for an answer of the oracle's own, without showing the wrong one (the teacher's data of SFT). `hint`
    tells it the gold. `template` replaces our wording; it may name {question}, {answer} and {hint}, each once or more.

    Args:
        row: a pair with its rejected answer.
        template: wording instead of ours.
        direct: ask for an answer without showing the wrong one.
        hint: tell the gold.
    """
    wording = template or (DIRECT if direct else REPAIR)
    parts = {
        "question": question_of(row["prompt"]),
        "answer": str(row.get("rejected") or ""),
        "hint": HINT.format(gold=row["gold"]) if hint else "",
    }
    # not str.format: mathematics is full of braces, and so may a template be
    content = re.sub(r"\{(question|answer|hint)\}", lambda name: parts[name[1]], wording)
    return [{"role": "user", "content": content}]


def question_of(prompt: str | Sequence[Mapping[str, str]]) -> str:
    """Return the question as text: the turns of a conversation, one after the other."""
    return prompt if isinstance(prompt, str) else "\n\n".join(turn["content"] for turn in prompt)


def corrected_text(reply: str) -> str | None:
    """The answer in an oracle's reply: its last <corrected> block after any thinking; None if there is none.

    Thinking that never ends holds no answer.
    """
    said = reply.rpartition("</think>")[2]
    if "<think>" in said:
        return None
    blocks = _BLOCK.findall(said)
    return blocks[-1].strip() or None if blocks else None
