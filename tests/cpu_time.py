"""CPU time for tests of bounds: the least of a few tries, since a collection of garbage may fall into one of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def least_cpu_s(act: Callable[[], object], tries: int = 3) -> float:
    """Return the CPU seconds of the quickest of several calls."""
    found = []
    for _ in range(tries):
        gc.collect()
        started = time.process_time()
        act()
        found.append(time.process_time() - started)
    return min(found)
