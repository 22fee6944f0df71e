"""The program inside the sandbox: run an answer, then its tests, and report on the descriptor it was given.

    echo '{"steps": ["def add(a, b): return a + b", "assert add(1, 2) == 3"], "nonce": "…"}' | python -I -S harness.py

It is given to a bare interpreter, so it imports nothing of spot_eval. The report is one line of JSON that repeats the
nonce: an answer that ends the process (`os._exit(0)`), or prints a report of its own, does not know it.
"""

from __future__ import annotations

import json
import os
import sys
import types


def main() -> None:
    """Read the steps from stdin, run them one after another in one namespace, and write the report."""
    order = json.loads(sys.stdin.buffer.read())
    report = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    os.chdir("/tmp")  # noqa: S108 - the sandbox's own, a few megabytes of memory
    nonce, steps = order.pop("nonce"), order.pop("steps")
    # made before a line of the answer runs, which may patch whatever module or builtin it likes
    passed, write, leave = (json.dumps({"nonce": nonce}) + "\n").encode(), os.write, os._exit
    failure = _failure(steps)
    write(report, passed if failure is None else (json.dumps({"nonce": nonce, **failure}) + "\n").encode())
    leave(0)  # threads and exit handlers of the answer have no say any more


def _failure(steps: list[str]) -> dict[str, str | int] | None:
    """Run every step; return which one failed and why, None if all ran to their end."""
    run, size, number = exec, len, 0
    space: dict[str, object] = {"__name__": "__answer__", "__builtins__": __builtins__}
    try:
        codes: list[types.CodeType] = []
        for step in steps:
            number = len(codes)
            codes.append(compile(step, f"<step {number}>", "exec"))
        number = 0
        while number < size(codes):
            run(codes[number], space)
            number += 1
    except BaseException as problem:  # noqa: BLE001 - SystemExit and whatever else an answer may raise
        return {"failed": number, "why": _why(problem)}
    return None


def _why(problem: BaseException) -> str:
    try:
        said = str(problem)[:200]
    except Exception:  # noqa: BLE001 - an answer's own exception class may do anything
        said = ""
    return f"{type(problem).__name__[:60]}: {said}" if said else type(problem).__name__[:60]


if __name__ == "__main__":
    main()
