"""Run one of our own verbs in a process of its own, which gives its memory back when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

# torchrun sets these for its own processes; the processes started here must not see them
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR",
            "MASTER_PORT")  # fmt: skip


def spot_eval(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `spot-eval` with these arguments to its end, whatever its exit code.

    Args:
        arguments: verb and options.
        env: variables that are set beside those of this process.
    """
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", "spot_eval", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={
            **{name: value for name, value in os.environ.items() if name not in TORCHRUN},
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **(env or {}),
        },
    )


def last_line(text: str) -> str:
    """Return the reason that a verb gave when it failed: the last line of its stderr."""
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("spot-eval: ").removeprefix("error: ") if lines else "no reason given"
