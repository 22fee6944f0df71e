"""The processes that run graders on hostile text, and the nursery that forks them. `pool` is their only user.

``python -m spot_eval.graders.worker FD GRADER...`` is the nursery: it loads and warms the graders once, then forks a
worker, in milliseconds, for every socket that arrives over FD, and says how a worker ended when asked. It is a plain
program of its own and not multiprocessing's fork server, because that one runs the caller's main module again, is shared
with everyone else in the process, and takes whatever hash seed it finds.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import struct
import sys
from multiprocessing.connection import Connection

from spot_eval.errors import UserError
from spot_eval.graders import Grader, Verdict, load_grader, undecided
from spot_eval.graders.verdict import Job

FORK, REAP = b"F", b"R"
PID = struct.Struct("=q")


def nursery(control: socket.socket, graders: list[str]) -> None:
    """Fork workers until `control` is closed, then kill them all."""
    loaded = {name: _load(name) for name in graders}
    control.sendall(FORK)  # ready
    alive: set[int] = set()
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1 + PID.size, 1)
        if not message:
            break
        if message == FORK:
            pid = os.fork()
            if pid == 0:
                control.close()
                _worker(Connection(fds[0]), loaded)
                os._exit(0)
            os.close(fds[0])
            alive.add(pid)
            control.sendall(PID.pack(pid))
        else:
            (pid,) = PID.unpack(message[1:])
            alive.discard(pid)
            control.sendall(PID.pack(os.waitpid(pid, 0)[1]))
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
            with _limits(cpu_seconds, memory_bytes):
                result = _answer(loaded[job.grader], job, memory_bytes)
            pipe.send(result)
            if isinstance(result, Verdict) and result.why.endswith("of memory"):
                return  # who knows what is left half-built: the next job gets a fresh worker


@contextlib.contextmanager
def _limits(cpu_seconds: float, memory_bytes: int):  # type: ignore[no-untyped-def]
    # SIGPROF's default action is death, whatever C code the process is in; the timer counts this process's CPU time, so
    # that a loaded machine makes a job slower but never makes it fail.
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError):  # no /proc, or a limit set from outside that is lower
        with open("/proc/self/statm") as statm:
            size = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + memory_bytes, hard))
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _answer(grader: Grader, job: Job, memory_bytes: int) -> Verdict | bool | Exception:
    try:
        if job.call == "judge":
            return grader.judge(*job.args)
        assert grader.same is not None, f"the grader {grader.name!r} has no `same`"
        return bool(grader.same(*job.args))
    except UserError as error:
        return error  # something to install or mend: nothing to do with the text
    except MemoryError:
        return undecided(out_of_memory(memory_bytes))
    except Exception as error:  # noqa: BLE001 - the boundary: hostile text may break a grader anyhow
        return undecided(f"{type(error).__name__}: {str(error)[:200]}")


def out_of_memory(memory_bytes: int) -> str:
    """The reason given for a job that wanted more."""
    return f"more than {memory_bytes / 2**30:.3g} GiB of memory"


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


if __name__ == "__main__":
    main(sys.argv[1:])
