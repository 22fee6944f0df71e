"""Patience with a server that answers "too many requests": since when it does, and what to tell the user.

One for all requests of a client, so that a server that never serves again is given up after one stated time.
"""

from __future__ import annotations

import math
import time

from spot_eval.core.progress import Say

SAY_EVERY_S = 30.0


class Throttle:
    """The time since which a server has done nothing but refuse; none while it serves."""

    def __init__(self, patience: float, say: Say) -> None:
        self._patience = patience
        self._say = say
        self._since: float | None = None
        self._said = float("-inf")

    def met(self) -> None:
        """Note that the server asked for fewer requests."""
        if self._since is None:
            self._since = time.monotonic()

    def served(self) -> None:
        """Note that the server answered a request."""
        if self._since is not None and self._said > self._since:
            self._say(f"the server answers again, after {time.monotonic() - self._since:.0f} s")
        self._since = None

    def left(self) -> float:
        """Return the seconds until a server that still refuses is given up; infinity while it serves."""
        return math.inf if self._since is None else max(self._since + self._patience - time.monotonic(), 0.0)

    def gives_up(self, wait: float) -> bool:
        """Return True if `wait` more seconds would go beyond the patience."""
        return wait >= self.left()

    def waits(self, wait: float) -> None:
        """Tell the user, now and then, since when the server throttles and when it is tried again."""
        now = time.monotonic()
        if self._since is None or now - self._said < SAY_EVERY_S:
            return
        self._said = now
        self._say(
            f"the server throttles (429, too many requests) since {_clock(self._since)}; the next try is at "
            f"{_clock(now + wait)}, and the run gives up at {_clock(self._since + self._patience)} "
            f"(--engine-arg patience={self._patience:g})"
        )

    def reason(self) -> str:
        """Return why a request was given up."""
        assert self._since is not None
        return (
            f"it throttles since {_clock(self._since)}, which is longer than --engine-arg patience={self._patience:g} "
            "seconds"
        )


def _clock(moment: float) -> str:
    """Return a moment of the monotonic clock as the time of day."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + moment - time.monotonic()))
