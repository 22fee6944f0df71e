"""Programs, judged by running their tests in a sandbox.

    doc: {"prompt": "def add(a, b):\\n    \\"\\"\\"Add.\\"\\"\\"\\n", "entry_point": "add",
          "test": "def check(candidate):\\n    assert candidate(1, 2) == 3"}

`test` is Python source, or a list of it (each run in turn); a `check` that it defines is called with the entry point.
`prompt` is code that a reply may build on (imports, helpers); it and `entry_point` may be missing. Score 1 if every
test ran to its end. Where no sandbox works nothing is run, and `preflight` says so before anything is generated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer, undecided
from spot_eval.graders.code import sandbox
from spot_eval.graders.code.program import blocks, is_body, program

SHOWN = 2000  # characters of a program that a sample keeps; the generation has the rest


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Return 1 if the reply's program passes all tests, 0 if not; not judged if the sandbox could not tell.

    Raises UserError if no sandbox works here.
    """
    if reason := sandbox.refusal():
        raise UserError(reason)
    answer = after_thinking(text)
    if answer is None:
        return no_answer("the thinking never ended")
    given, entry_point = str(doc.get("prompt") or ""), doc.get("entry_point")
    code = program(answer, entry_point)
    if code is None:
        body = next((block for block in reversed([*blocks(answer), answer.strip("\n")]) if is_body(block)), None)
        if body is None or not given.strip():
            return no_answer("no Python program in the reply")
        code = given + _indented(body)
    steps = [*([given] if _is_complete(given) else []), code, *_tests(doc, entry_point)]
    found = sandbox.run(steps)
    if found.passed is None:
        return undecided(found.why, code[:SHOWN])
    which = "" if found.step is None else "the program: " if found.step < len(steps) - _count(doc) else "a test: "
    return Verdict(float(found.passed), code[:SHOWN], "all tests passed" if found.passed else which + found.why)


def _tests(doc: Mapping[str, Any], entry_point: str | None) -> list[str]:
    """The test steps; a failing one is told by its number."""
    tests = [doc["test"]] if isinstance(doc["test"], str) else [str(one) for one in doc["test"]]
    if entry_point and re.search(r"^def check\(", "\n".join(tests), re.MULTILINE):
        tests[-1] += f"\n\ncheck({entry_point})\n"
    return tests


def _count(doc: Mapping[str, Any]) -> int:
    return 1 if isinstance(doc["test"], str) else len(doc["test"])


def _is_complete(code: str) -> bool:
    """Return True if a prompt runs by itself: a function whose body is a docstring does, a bare head does not."""
    return bool(code.strip()) and program(code, None) is not None


def _indented(body: str) -> str:
    first = body.split("\n", 1)[0]
    return "\n" + (body if first[:1] in " \t" else "\n".join("    " + line for line in body.split("\n"))) + "\n"


def preflight() -> None:
    """Raise UserError if no sandbox works here."""
    if reason := sandbox.refusal():
        raise UserError(reason)


def perfect(row: Mapping[str, Any], gold: object) -> str | None:
    """Return the canonical solution as a reply; None if the row has none."""
    del gold
    solution = row.get("canonical_solution")
    return f"```python\n{row.get('prompt', '')}{solution}\n```" if solution else None


GRADER = Grader("code", 1, judge, perfect=perfect)
