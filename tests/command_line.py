"""`spot-eval` in a process of its own, as a user runs it, and the records it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "spot_eval"]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "100", **changes}


def spot_eval(
    *arguments: Any, cwd: Path | None = None, text: str = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """The command when it has ended, well or not; `text` is its input, `changes` are of its environment."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True, text=True, input=text, cwd=cwd, env=environment(**changes), timeout=900, check=False,
    )  # fmt: skip


def records(run: Path, name: str = "generations.jsonl") -> list[dict[str, Any]]:
    """The records of a run in an order of their own; equal runs have equal lists, doubles included."""
    lines = (run / name).read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda record: record["key"])
