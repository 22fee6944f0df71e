"""stdout and stderr as the command line needs them: whatever the terminal is, the exit code tells the result.

A character that the terminal's encoding lacks is replaced, a reader that closed the pipe (`| head`) no longer matters,
and a full disk behind stdout is one sentence.
"""

from __future__ import annotations

import codecs
import io
import os
import sys

from spot_eval.core.errors import UserError

SPELLED = {"±": "+-", "−": "-", "–": "-", "—": "-", "…": "...", "≥": ">=", "≤": "<=", "×": "x", "→": "->", "─": "-"}
"""Our own signs in ASCII; any other character is replaced by a question mark."""


def prepare_streams() -> None:
    """Replace stdout and stderr of this process by streams that hold the promises above."""
    codecs.register_error("spelled", _spelled)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        try:
            encoding, descriptor = stream.encoding, stream.fileno()
        except (AttributeError, OSError, ValueError):  # closed before we began (`>&-`), or not a file
            if stream is None:
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
            continue
        if descriptor == number:
            stream.flush()
            setattr(sys, name, _stream(number, name, encoding))


def _stream(number: int, name: str, encoding: str) -> io.TextIOWrapper:
    raw = _Outlet(number, name)
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding=encoding, errors="spelled", line_buffering=raw.isatty() or number == 2)


class _Outlet(io.FileIO):
    """A file descriptor that takes everything once its reader is gone."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, "wb", closefd=False)
        self._called, self._gone = name, False

    def write(self, content: object) -> int:
        """Write `content`, or drop it if nobody reads. Raises UserError for any other failure of stdout."""
        size = memoryview(content).nbytes  # type: ignore[arg-type]
        if self._gone:
            return size
        try:
            return super().write(content) or 0  # type: ignore[arg-type]
        except BrokenPipeError:
            self._gone = True
            return size
        except OSError as problem:
            self._gone = True  # what is left in buffers is lost, and said once
            if self._called == "stderr":
                return size
            raise UserError(
                f"cannot write to {self._called}: {problem.strerror}; make room, or send it elsewhere"
            ) from problem


def _spelled(problem: UnicodeError) -> tuple[str, int]:
    assert isinstance(problem, UnicodeEncodeError)
    text = problem.object[problem.start : problem.end]
    return "".join(SPELLED.get(character, "?") for character in text), problem.end
