"""Finds in an engine's output the error that it died of.

    (EngineCore pid=9) ERROR 11-24 14:10:15 [core.py:733] Traceback (most recent call last):
    (EngineCore pid=9) ERROR 11-24 14:10:15 [core.py:733]   File "worker.py", line 88, in init_device
    (EngineCore pid=9) ERROR 11-24 14:10:15 [core.py:733] ValueError: Free memory on device (1.2 GiB) is less than …
    RuntimeError: Engine core initialization failed. See root cause above.

gives the ValueError: the last error that does not merely report another one.
"""

from __future__ import annotations

import re

LONGEST = 400  # characters of a cause

_PREFIX = re.compile(r"^(?:\([^()]*\)\s*)?(?:(?:ERROR|CRITICAL|WARNING|INFO)\s+\d\d-\d\d [\d:]+ \[[^\]]*\] ?)?")
_ERROR = re.compile(r"^(?:\w+\.)*(?P<name>\w*(?:Error|Exception|Fault)): ?(?P<what>.*)$")
_CRASH = re.compile(
    r"^(?:Fatal Python error:|terminate called|Segmentation fault|.*CUDA error:|.*out of memory).*", re.I
)
_FOLLOWS_ANOTHER = re.compile(
    r"EngineDeadError|EngineGenerateError|BrokenPipeError|ConnectionResetError|EOFError|ZMQError|"
    r"initialization failed|see (?:the )?(?:stack trace|root cause|above)|cancelled",
    re.I,
)


def cause(output: str) -> str:
    """The error in `output` that an engine died of, on one line; empty if it names none."""
    lines = [_PREFIX.sub("", line, count=1).rstrip() for line in output.splitlines()]
    found = ""
    for number, line in enumerate(lines):
        if _FOLLOWS_ANOTHER.search(line):
            continue
        if error := _ERROR.match(line):
            found = f"{error['name']}: {_whole(error['what'], lines[number + 1 :])}"
        elif _CRASH.match(line):
            found = line
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}…"


def _whole(what: str, following: list[str]) -> str:
    """The message that starts with `what`: pydantic's go on, and say the thing itself on a later line."""
    if not re.match(r"\d+ validation errors? for", what):
        return what
    said = []
    for line in following[:4]:
        words, kind, _ = line.partition(" [type=")
        said.append(words.strip().removeprefix("Value error, "))
        if kind:
            break
    return ": ".join(said)
