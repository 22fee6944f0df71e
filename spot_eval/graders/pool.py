"""Graders on hostile text: worker processes that are killed at a limit of CPU time or memory, and replaced.

    with Pool(workers=2) as pool:
        for index, verdict in pool.run([Job("maths", "judge", ({"answer": "4"}, text)) for text in texts]):
            ...

Results come as they finish, with the job's index. A job over a limit, or one that takes its worker down,
comes back not judged with the reason; every other job is judged, by a fresh worker if need be. Verdicts
depend neither on the load of the machine (limits are CPU time) nor on chance (workers share one fixed hash
seed, whose order sympy's sets follow).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import cast

from spot_eval.graders import Verdict, undecided
from spot_eval.graders.worker import FORK, MESSAGE, REAP, Job

__all__ = ["Job", "Pool"]

# The slowest of 1,273 real rows takes 0.5 s of CPU, 99 in 100 under 0.1 s (Xeon, 2026): six times the worst,
# so that a slower machine decides nothing.
CPU_SECONDS = 3.0
MEMORY_BYTES = 2 * 2**30
BATCH_JOBS = 16
BATCH_CHARACTERS = 200_000
POLL_S = 0.2  # how long an answer may wait for its job while others are awaited; longer makes fuller batches
_END = object()


@dataclass
class _Worker:
    pid: int
    pipe: Connection
    jobs: deque[tuple[int, Job]] = field(default_factory=deque)  # sent and not yet answered, in order


class Pool:
    """Processes for graders. Only one `run` at a time; leaving the `with` block kills those that still work.

    Args:
        workers: number of processes, 1 or more.
        cpu_seconds: CPU time that a job may use.
        memory_bytes: memory that a job may use beyond what the loaded graders take.
        preload: graders to load once for all processes.
        niceness: added to that of this process.

    Raises the UserError of a grader that needs something of the user, and RuntimeError if a grader cannot be loaded.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        cpu_seconds: float = CPU_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        preload: Sequence[str] = ("maths",),
        niceness: int = 0,
    ) -> None:
        assert workers > 0
        self.size, self.cpu_seconds, self.memory_bytes = workers, cpu_seconds, memory_bytes
        self._preload, self._niceness = preload, niceness
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (*self._busy, *self._idle):
            self._end(worker)
        if self._control and self._nursery:
            self._control.shutdown(socket.SHUT_RDWR)  # a process forked meanwhile may hold this end open, too
            self._control.close()
            self._nursery.wait()
        self._nursery = self._control = None

    def hurry(self) -> None:
        """Give the workers the priority of this process from now on. No `run` may be going on."""
        if self._niceness:
            self._niceness = 0
            for worker in list(self._idle):  # only a privileged process may raise the priority of one that runs
                self._end(worker)

    def run(self, jobs: Iterable[Job | None]) -> Iterator[tuple[int, Verdict | bool]]:
        """Yield (index, result) for every job, as they finish: a Verdict for "judge", a bool for "same".

        Either comes back as a not-judged Verdict when the job went over a limit or broke its worker. Jobs are taken a
        few batches ahead of the workers, so `jobs` may be longer than memory. It may also go on while they work: a None
        in it, which has no index, says that the next job is not there yet, and is asked again a moment later.
        """
        source, queue, count = iter(jobs), deque[tuple[int, Job]](), 0
        ended = False
        try:
            while not ended or queue or self._busy:
                starved = False
                while not (ended or starved) and len(queue) < 4 * self.size * BATCH_JOBS:
                    job = next(source, _END)
                    if isinstance(job, Job):
                        queue.append((count, job))
                        count += 1
                    ended, starved = job is _END, job is None
                while queue and len(self._busy) < self.size:
                    self._send(self._idle.pop() if self._idle else self._fork(), queue)
                if not self._busy:  # nothing to wait for
                    time.sleep(POLL_S if starved else 0)
                    continue
                for pipe in wait([worker.pipe for worker in self._busy], POLL_S if starved else None):
                    worker = next(worker for worker in self._busy if worker.pipe is pipe)
                    yield from self._receive(worker, queue)
        finally:  # the caller stopped early, or Ctrl-C
            for worker in list(self._busy):
                self._end(worker)

    def _send(self, worker: _Worker, queue: deque[tuple[int, Job]]) -> None:
        # Few enough that the last batch of the slowest worker is short, many enough that messages cost
        # nothing.
        room, characters = min(BATCH_JOBS, max(1, len(queue) // (4 * self.size))), 0
        while queue and len(worker.jobs) < room and (not worker.jobs or characters < BATCH_CHARACTERS):
            worker.jobs.append(queue.popleft())
            characters += sum(len(part) for part in worker.jobs[-1][1].args if isinstance(part, str))
        self._busy.append(worker)
        try:
            worker.pipe.send(([job for _, job in worker.jobs], self.cpu_seconds, self.memory_bytes))
        except OSError:  # it died while idle, of no job's doing
            queue.extendleft(reversed(worker.jobs))
            worker.jobs.clear()
            self._end(worker)

    def _receive(self, worker: _Worker, queue: deque[tuple[int, Job]]) -> Iterator[tuple[int, Verdict | bool]]:
        result: Verdict | bool | Exception
        try:
            result = worker.pipe.recv()
        except (EOFError, OSError):
            index, _ = worker.jobs.popleft()
            queue.extendleft(reversed(worker.jobs))
            worker.jobs.clear()
            result = undecided(self._cause(self._end(worker)))
        else:
            if isinstance(result, Exception):
                raise result
            index, _ = worker.jobs.popleft()
            if isinstance(result, Verdict) and result.why.endswith("of memory"):  # the worker leaves after saying so
                queue.extendleft(reversed(worker.jobs))
                worker.jobs.clear()
                self._end(worker)
            elif not worker.jobs:
                self._busy.remove(worker)
                self._idle.append(worker)
        yield index, result

    def _cause(self, status: int) -> str:
        number = os.waitstatus_to_exitcode(status)
        if number == -signal.SIGPROF:
            return f"more than {self.cpu_seconds:g} s of CPU"
        return f"the worker died ({f'signal {-number}' if number < 0 else f'exit code {number}'})"

    def _fork(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._ask(FORK, self._niceness, theirs.fileno())
        return _Worker(pid, Connection(ours.detach()))

    def _end(self, worker: _Worker) -> int:
        """Kill a worker unless it is dead already; how it ended, as `os.waitpid` puts it."""
        # One at work: nobody wants the answers. An idle one would leave when it finds its pipe closed, but a process
        # that an engine forked meanwhile may hold this end open, too. Any other has died and waits to be reaped.
        if worker.jobs or worker in self._idle:
            os.kill(worker.pid, signal.SIGKILL)
        for group in (self._busy, self._idle):
            if worker in group:
                group.remove(worker)
        worker.pipe.close()
        return self._ask(REAP, worker.pid)

    def _ask(self, what: bytes, about: int, *fds: int) -> int:
        if self._control is None:
            self._start()
        control = cast(socket.socket, self._control)
        socket.send_fds(control, [MESSAGE.pack(what, about)], list(fds))
        return self._answer(control)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        # The order of sympy's sets, and so now and then its verdict, follows the hash seed. One thread each,
        # because the CPU time of all threads counts. The import path is the parent's, wherever it has been
        # changed.
        environment = os.environ | {
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        program = "import sys; from spot_eval.graders.worker import main; main(sys.argv[1:])"
        with theirs:
            self._nursery = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-P", "-c", program, str(theirs.fileno()), *self._preload],
                pass_fds=[theirs.fileno()],
                env=environment,
            )
        self._control = ours
        try:
            self._answer(ours)
        except RuntimeError:
            ours.close()
            self._nursery.wait()
            self._nursery = self._control = None  # asked again, it says the same again
            raise

    def _answer(self, control: socket.socket) -> int:
        message = control.recv(MESSAGE.size)
        if not message:
            raise RuntimeError(f"the grading processes cannot start: try `{sys.executable} -c 'import math_verify'`")
        return int(MESSAGE.unpack(message)[1])
