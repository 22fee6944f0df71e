"""A process that ends with the one that started it, whatever ends that one. Linux has a call for it; elsewhere the
closed socket has to do (see `shards`)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PARENT = "SPOT_EVAL_ENGINE_PARENT"  # in the environment of children: the pid of the process that started them


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to end this process when its parent dies; exit at once if the parent is already gone.

    `parent` is its pid; without it, what the parent left in the environment when it called this itself.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    expected = parent or int(os.environ.get(PARENT, "0"))
    if expected and os.getppid() != expected:
        os._exit(1)
    os.environ[PARENT] = str(os.getpid())
