"""Code edits: right if the last Python block of the answer passes the row's tests.

    spot-eval pairs rectify errors.jsonl -o pairs.jsonl --oracle fixes.jsonl --verifier code_edit:judge

row: {"answer": "assert add(2, 3) == 5"}: statements that run after the block. The model's code is executed: in a
process of its own with limits on time and memory and an empty environment, which contains accidents and no attacker.
Run it in a container without a network.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

SECONDS, MEMORY = 2, 512 * 2**20


def judge(row: Mapping[str, Any], text: str) -> bool | None:
    """True or False; None (not judged) where the answer holds no block of Python."""
    blocks = re.findall(r"```(?:python|py)?\n(.*?)```", text, re.DOTALL)
    return passes(blocks[-1], row["answer"]) if blocks else None


def passes(code: str, tests: str) -> bool:
    """Whether `tests` hold after `code`. A line printed at the very end, and no exit code, says so: code may exit."""
    done = "every test has passed"
    with tempfile.TemporaryDirectory() as empty:
        try:
            ran = subprocess.run(  # noqa: S603 - to execute it is what this verifier is for
                [sys.executable, "-I", "-c", f"{code}\n\n{tests}\nprint({done!r})"],
                capture_output=True, text=True, cwd=empty, env={}, timeout=10 * SECONDS, preexec_fn=limit, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
    return ran.returncode == 0 and ran.stdout.endswith(f"{done}\n")


def limit() -> None:
    """In the child, before Python starts."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
