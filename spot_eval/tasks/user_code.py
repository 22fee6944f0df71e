"""A user's own Python, in task files and beside them: kept from ending or hanging us, and named where it is to blame.

    with guarded(cpu_seconds=120):
        module.process_docs(rows)

It is trusted with the machine, as any code one installs; this is against mistakes, not against malice.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from spot_eval.core.cpu_limit import CpuLimitError, cpu_limit


class RunawayError(Exception):
    """A user's own Python that came to no end, or tried to end more than itself."""


@contextlib.contextmanager
def guarded(cpu_seconds: float | None = None) -> Iterator[None]:
    """Around a user's own Python, which can then neither end this process nor print between its results.

    What it prints goes to stderr. Where it exits, or has used `cpu_seconds` of CPU time, RunawayError is raised; the
    latter again and again, in case it catches everything. For the main thread, as signals are.
    """

    try:
        with (
            cpu_limit(cpu_seconds) if cpu_seconds else contextlib.nullcontext(),
            contextlib.redirect_stdout(sys.stderr),
        ):
            yield
    except CpuLimitError as problem:
        raise RunawayError(str(problem)).with_traceback(problem.__traceback__) from problem
    except (SystemExit, KeyboardInterrupt) as problem:  # our own Ctrl-C is `Interrupted`
        ends = RunawayError(f"it ends the whole program ({type(problem).__name__})")
        raise ends.with_traceback(problem.__traceback__) from problem


def own_place(problem: BaseException, own: str | None) -> tuple[Path, int] | None:
    """Return the innermost place, in the Python files under `own`, of an exception: (file, line)."""
    if own is None:
        return None
    root = Path(own).resolve()
    if isinstance(problem, SyntaxError) and problem.filename and root in Path(problem.filename).resolve().parents:
        return Path(problem.filename), problem.lineno or 1
    frames = [(Path(frame.filename), frame.lineno or 1) for frame in traceback.extract_tb(problem.__traceback__)]
    return next((place for place in reversed(frames) if root in place[0].resolve().parents), None)


def one_line(problem: BaseException) -> str:
    """An exception as `Type: message`, in at most 300 characters."""
    said = problem.msg if isinstance(problem, SyntaxError) else str(problem)
    return f"{type(problem).__name__}: {' '.join(said.split())[:300]}".removesuffix(": ")
