"""Limit the CPU time of code that others wrote, such as a chat template or a task's functions.

with cpu_limit(5):
    template.render(messages=messages)
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

DOC_CPU_S = 10.0
"""What a task's templates and functions may take for one doc; they take milliseconds."""


class CpuLimitError(Exception):
    """Code used more CPU time than it was given."""


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise CpuLimitError if the block uses more than `seconds` of this process's CPU time, and again every second.

    Only the main thread receives signals; in other threads, and where the platform has no such timer, nothing is
    limited. A single call into C, such as a power of huge numbers, is interrupted when it returns.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGPROF"):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise CpuLimitError(f"it is not at an end after {seconds:g} s of CPU time")

    before = signal.signal(signal.SIGPROF, stop)
    started = time.process_time()
    left, again = signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        if left:  # a limit around this one goes on
            signal.setitimer(signal.ITIMER_PROF, max(left - (time.process_time() - started), 0.001), again)
