"""Files that survive a kill: whole files replaced at once, and append-only logs.

Knows bytes and JSON; nothing of runs.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from spot_eval.core.errors import UserError
from spot_eval.core.nested_json import TooDeepError, parsed
from spot_eval.core.record_files import to_line
from spot_eval.core.schemas import DOCUMENTS

FSYNC_EVERY_S = 1.0


def file_name(name: str) -> str:
    """Return `name` as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into a UserError."""
    try:
        yield
    except OSError as problem:
        raise UserError(
            f"cannot write {path}: {problem.strerror or problem}; make room, or choose another place with --out or -o "
            "(finished records stay, and the same command goes on from them)"
        ) from problem


def write_atomically(path: Path, lines: Iterable[bytes]) -> None:
    """Write a whole file or nothing: readers see the old content or the new, never a part.

    A symlink stays, and the file it names is replaced. A pipe or a device stays too: the content goes into it.

    Raises UserError if the disk is full or the place is not writable.
    """
    with writing(path):
        if _takes_a_stream(path):
            with path.open("ab", buffering=0) as stream:
                for line in lines:
                    _write_all(stream, line)
            return
        place = Path(os.path.realpath(path))
        temporary = place.with_name(f".{place.name[:200]}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, place)
        finally:
            temporary.unlink(missing_ok=True)


def _takes_a_stream(path: Path) -> bool:
    """Return True if `path` is no place for a file: a pipe, a device, or the descriptor of an open file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # a new file, or a symlink to one
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return not stat.S_ISREG(mode) or str(path.absolute()).startswith(("/dev/", "/proc/"))


def _write_all(file: IO[bytes], content: bytes) -> None:
    written = 0
    while written < len(content):
        written += file.write(content[written:])


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        content = text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        content = json.dumps(value, indent=2).encode()
    write_atomically(path, [content + b"\n"])


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises UserError if there is none, or it is nested too deeply."""
    try:
        value = parsed(path.read_bytes())
    except FileNotFoundError as problem:
        raise UserError(f"{path} does not exist") from problem
    except OSError as problem:
        raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    except TooDeepError as problem:
        raise UserError(f"{path}: {problem}") from problem
    except ValueError as problem:
        raise UserError(f"{path}: not JSON ({problem})") from problem
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected an object, found {type(value).__name__}")
    return value


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """Return the object in a JSON file of a run, checked by the schema `kind` of core.schemas.

    Raises UserError naming the file and the place in it.
    """
    value = read_json(path)
    check_document(value, path, kind)
    return value


def check_document(value: Any, path: Path, kind: str) -> None:
    """Raise UserError if `value`, which was read from `path`, does not fit the schema `kind`."""
    if (fault := DOCUMENTS[kind].fault(value)) is not None:
        raise UserError(f"{path}: not as this version writes it; {fault.lstrip('.: ')}")


class JsonLog:
    """An append-only JSON Lines file.

    Each append is handed to the operating system at once (a killed process loses nothing) and to the disk once a
    second (a power cut loses at most that).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._synced = 0.0

    def repair(self) -> int:
        """Drop a last line that was cut short by a kill; return its number of bytes."""
        if not self.path.exists():
            return 0
        with writing(self.path), self.path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            good = size
            while good:
                start = _start_of_last_line(file, good)
                file.seek(start)
                if _is_whole(file.read(good - start)):
                    break
                good = start
            if good < size:
                file.truncate(good)
            return size - good

    def append(self, record: Any) -> None:
        """Append a record. Raises UserError if the disk is full; then nothing of the record stays."""
        with writing(self.path):
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            end = self._file.seek(0, os.SEEK_END)
            line = to_line(record)
            try:
                _write_all(self._file, line)
            except OSError:
                self._file.truncate(end)
                raise
            now = time.monotonic()
            if now - self._synced > FSYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced = now

    def close(self) -> None:
        """Sync the file to disk and close it."""
        if self._file is not None:
            with writing(self.path):
                os.fsync(self._file.fileno())
            self._file.close()
            self._file = None


def _is_whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except RecursionError:  # whole, and refused when it is read
        return True
    except ValueError:
        return False


def _start_of_last_line(file: IO[bytes], end: int) -> int:
    """Return the offset of the line that ends at `end`. Reads backwards, a block at a time."""
    position = end - 1  # the newline that ends the line itself does not count
    while position > 0:
        block = min(65536, position)
        file.seek(position - block)
        found = file.read(block).rfind(b"\n")
        if found >= 0:
            return position - block + found + 1
        position -= block
    return 0
