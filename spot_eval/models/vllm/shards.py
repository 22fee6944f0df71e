"""Engine processes: started, fed, watched, and put an end to. One shard is one process with its own devices.

    we send one JSON object a line; the process answers on the same socket
    {"key": …, …}            a result, once for each request
    {"alive": true}          a step has come to its end (at most once a second)
    {"refused": "sentence"}  what it was asked to be is bad input
    {"died": "sentence"}     its engine is dead, and it is about to be

Requests wait here, in order, and go to whichever shard has the fewest in flight: no shard is idle while another has a
queue, and results do not depend on which one answers. What a process prints goes to a file of its own, and its last
error ends up in the sentence the user reads. Knows nothing of vLLM, models or records.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from spot_eval.core.errors import EngineDiedError, UserError
from spot_eval.models.vllm.crash_cause import cause

Message = dict[str, Any]

ORDERLY_S = 4.0  # for a process to let go of its devices by itself
TAIL_BYTES = 1 << 18  # of its output that is searched for the cause of a death
LOOK_EVERY_S = 1.0


class Shard:
    """An engine process. It ends when its socket does: when `close` is called, or when we are gone, however that came.

    `command` gets the number of its end of the socket as its last argument. It leads a process group of its own, so
    that a terminal's Ctrl-C reaches us alone and whatever it starts can be found.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], name: str) -> None:
        self.name = name
        self.in_flight = 0
        self.ended = False
        self.last_word = time.monotonic()
        self.died: str | None = None
        self._inbox, self._outbox = b"", bytearray()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - a program of ours
                [*command, str(theirs.fileno())],
                env=dict(environment),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )

    def fileno(self) -> int:
        """Return the file descriptor that selectors wait for."""
        return self._socket.fileno()

    @property
    def sending(self) -> bool:
        """True if something waits to be sent."""
        return bool(self._outbox)

    def send(self, message: Message) -> None:
        """Queue one message; `flush` sends it."""
        self._outbox += json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def flush(self) -> None:
        """Send as much as the socket takes now."""
        # that there is no other end any more is seen in `receive`
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self._outbox:
                del self._outbox[: self._socket.send(self._outbox[: 1 << 16])]

    def receive(self) -> Iterator[Message]:
        """The messages that have arrived; `ended` is set where there will be no more."""
        parts = [self._inbox]
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    part = self._socket.recv(1 << 18)
                except ConnectionResetError:
                    part = b""
                if not part:
                    self.ended = True
                    break
                parts.append(part)
        *lines, self._inbox = b"".join(parts).split(b"\n")
        if lines:
            self.last_word = time.monotonic()
        for line in lines:
            message = json.loads(line)
            if "died" in message:
                self.died = message["died"]
            elif "alive" not in message:
                yield message

    def how_it_ended(self) -> str:
        """Return what is known of its death, in a few words; waits for it a moment, and helps where it hesitates."""
        self._stop(ORDERLY_S)
        status = self.process.returncode or 0
        ended = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
        words = self.died or ended
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - TAIL_BYTES))
        last_error = cause(self._output.read().decode(errors="replace"))
        return f"{words}; {last_error}" if last_error else words

    def keep_output(self) -> str:
        """Copy its output to a file that stays, and return the path."""
        self._output.seek(0)
        with tempfile.NamedTemporaryFile(prefix="spot-eval-engine-", suffix=".log", delete=False) as kept:
            while block := self._output.read(1 << 20):
                kept.write(block)
        return kept.name

    def hang_up(self) -> None:
        """End the conversation; an idle process then ends by itself."""
        self._socket.close()

    def close(self) -> None:
        """End the process and all it started: by itself if it is idle, else by force."""
        self.hang_up()
        self._stop(0.0 if self.in_flight else ORDERLY_S)
        self._output.close()

    def _stop(self, patience_s: float) -> None:
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a driver may hold it back; it ends when that lets go
                self.process.wait(ORDERLY_S)
        # its children die with it where the system knows how; the rest of the group is helped along
        deadline = time.monotonic() + 1.0
        while _group_lives(self.process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def ask(shards: Sequence[Shard], message: Message, answered: Callable[[], None] = lambda: None) -> list[Message]:
    """Send `message` to each of `shards` and wait for one answer from each, however long it takes.

    Raises UserError if one refuses, or ends instead of answering.
    """
    for shard in shards:
        shard.send(message)
    answers: dict[Shard, Message] = {}
    with _selector(shards) as selector:
        while len(answers) < len(shards):
            for shard in _look(selector):
                for answer in shard.receive():
                    if "refused" in answer:
                        raise UserError(answer["refused"])
                    answers[shard] = answer
                    answered()
                if shard.ended and shard not in answers:
                    raise UserError(f"{shard.name} did not start: {shard.how_it_ended()}; all it said: "
                                    f"{shard.keep_output()}")  # fmt: skip
    return [answers[shard] for shard in shards]


def stream(
    shards: Sequence[Shard],
    requests: Iterable[Message],
    *,
    window: int,
    patience_s: float,
    take: Callable[[Message], None],
) -> None:
    """Have `shards` answer all `requests`, at most `window` at a time each; `take` gets each result as it comes.

    Args:
        shards: engine processes.
        requests: what is asked, in order.
        window: most requests under way in one process.
        patience_s: seconds without a word after which a process counts as dead.
        take: gets each result as it comes.

    Raises EngineDiedError if a shard dies, or has work and no word for `patience_s`; what had come was taken.
    """
    waiting = deque[Message]()
    source = iter(requests)
    with _selector(shards) as selector:
        for shard in shards:
            shard.last_word = time.monotonic()
        while True:
            _top_up(shards, source, window)
            if not any(shard.in_flight for shard in shards):
                return
            for shard in _look(selector):
                waiting.extend(_results(shard))
            while waiting:
                take(waiting.popleft())
            for shard in shards:
                if shard.ended:
                    _bury(shard, shard.how_it_ended())
                if shard.in_flight and time.monotonic() - shard.last_word > patience_s:
                    _bury(shard, f"no step has come to its end for {patience_s:.0f} s")


def _results(shard: Shard) -> Iterator[Message]:
    for message in shard.receive():
        shard.in_flight -= 1
        yield message


def _top_up(shards: Sequence[Shard], source: Iterator[Message], window: int) -> None:
    while (idlest := min(shards, key=lambda shard: shard.in_flight)).in_flight < window:
        request = next(source, None)
        if request is None:
            return
        if not idlest.in_flight:
            idlest.last_word = time.monotonic()
        idlest.send(request)
        idlest.in_flight += 1


def _bury(shard: Shard, how: str) -> NoReturn:
    raise EngineDiedError(
        f"{shard.name} is dead ({how}); what was finished is kept, the same command goes on from there; "
        f"all it said: {shard.keep_output()}"
    )


@contextlib.contextmanager
def _selector(shards: Sequence[Shard]) -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        for shard in shards:
            selector.register(shard, selectors.EVENT_READ)
        yield selector


def _look(selector: selectors.BaseSelector) -> list[Shard]:
    """Sends what waits, and returns the shards that have something to say."""
    speaking = []
    for key in list(selector.get_map().values()):
        shard: Any = key.fileobj
        shard.flush()
        selector.modify(shard, selectors.EVENT_READ | (selectors.EVENT_WRITE if shard.sending else 0))
    for key, events in selector.select(LOOK_EVERY_S):
        if events & selectors.EVENT_READ:
            speaking.append(key.fileobj)
    return speaking  # type: ignore[return-value]
