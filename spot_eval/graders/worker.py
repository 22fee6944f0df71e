"""The processes that run graders on hostile text, and the nursery that forks them. `pool` is their only user.

The nursery (`main`) is one process per pool: it loads and warms the graders once, then forks a worker, in
milliseconds, for every socket sent to it, and says how a worker ended when asked. It is a plain program of
its own and not multiprocessing's fork server, because that one runs the caller's main module again, is shared
with everyone else in the process, and takes whatever hash seed it finds.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

from spot_eval.core.errors import UserError
from spot_eval.graders import Grader, Verdict, load_grader, undecided

FORK, REAP = b"F", b"R"
MESSAGE = struct.Struct("=cq")  # to the nursery: FORK and a niceness, or REAP and a pid; back: a pid or a status


@dataclass(frozen=True)
class Job:
    """A call of a grader: `call` is "judge", with (doc, text), or "same", with two extracted answers."""

    grader: str
    call: Literal["judge", "same"]
    args: tuple[Any, ...]


def nursery(control: socket.socket, graders: list[str]) -> None:
    """Fork workers until `control` is closed, then kill them all."""
    loaded = {name: _load(name) for name in graders}
    gc.freeze()  # or the first collection in each worker copies every page it shares with the others
    control.sendall(MESSAGE.pack(FORK, 0))  # ready
    alive: set[int] = set()
    while True:
        message, fds, _, _ = socket.recv_fds(control, MESSAGE.size, 1)
        if not message:
            break
        what, about = MESSAGE.unpack(message)
        if what == FORK:
            pid = os.fork()
            if pid == 0:
                try:
                    control.close()
                    os.nice(about)
                    _worker(Connection(fds[0]), loaded)
                    os._exit(0)
                finally:  # whatever happens, a worker never goes on as a second nursery
                    os._exit(1)
            os.close(fds[0])
            alive.add(pid)
            control.sendall(MESSAGE.pack(FORK, pid))
        else:
            alive.discard(about)
            control.sendall(MESSAGE.pack(REAP, os.waitpid(about, 0)[1]))
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _load(name: str) -> Grader:
    grader = load_grader(name)
    warm_up = getattr(sys.modules[grader.judge.__module__], "warm_up", None)
    if warm_up:
        warm_up()
    return grader


def _worker(pipe: Connection, loaded: dict[str, Grader]) -> None:
    """Answer batches of jobs, one message a job, until the other end is closed."""
    while True:
        try:
            batch, cpu_seconds, memory_bytes = pipe.recv()
        except EOFError:  # the parent has finished, or was killed
            return
        for job in batch:
            if job.grader not in loaded:
                try:
                    loaded[job.grader] = _load(job.grader)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's to raise
                    pipe.send(RuntimeError(f"the grader {job.grader!r} cannot be loaded: {error!r}"))
                    return
            before = _peak_bytes()
            with _limits(cpu_seconds, memory_bytes):
                result = _answer(loaded[job.grader], job)
            # Sympy and Math-Verify swallow a MemoryError here and there, and what they say then means
            # nothing.
            if isinstance(result, MemoryError) or _peak_bytes() - before > 0.9 * memory_bytes:
                pipe.send(undecided(f"more than {memory_bytes / 2**30:.3g} GiB of memory"))
                return  # who knows what is left half-built: the next job gets a fresh worker
            pipe.send(result)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextlib.contextmanager
def _limits(cpu_seconds: float, memory_bytes: int) -> Iterator[None]:
    # SIGPROF's default action is death, whatever C code the process is in; the timer counts this process's CPU
    # time, so that a loaded machine makes a job slower but never makes it fail.
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError):  # no /proc; or a limit set from outside is lower, and holds
        with open("/proc/self/statm", "rb") as statm:
            size = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + memory_bytes, hard))
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _answer(grader: Grader, job: Job) -> Verdict | bool | Exception:
    try:
        if job.call == "judge":
            return grader.judge(*job.args)
        assert grader.same is not None, f"the grader {grader.name!r} has no `same`"
        return bool(grader.same(*job.args))
    except (
        UserError,
        MemoryError,
    ) as error:  # something to install or mend; something the caller measures too
        return error
    except Exception as error:  # noqa: BLE001 - the boundary: hostile text may break a grader anyhow
        return undecided(f"{type(error).__name__}: {str(error)[:200]}")


def main(arguments: list[str]) -> None:
    """Be the nursery on the socket whose descriptor is the first argument; the others are graders to load."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the pool's owner decides
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    sys.set_int_max_str_digits(0)  # how many digits is the graders' own affair
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    with socket.socket(fileno=int(arguments[0])) as control:
        nursery(control, arguments[1:])
