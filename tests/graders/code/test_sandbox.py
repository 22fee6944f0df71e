"""Nothing that a program tries leaves the sandbox, and no trick makes a failed test pass."""

import os
import platform
import struct
import time
from pathlib import Path

import pytest

from spot_eval.graders.code import sandbox
from spot_eval.graders.code.sandbox import CLONE_THREAD, run, seccomp_filter

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the sandbox is Linux's")
FORGERY = """import os
for fd in range(3, 64):
    try: os.write(fd, b'{"nonce": ""}\\n')
    except OSError: pass
os._exit(0)"""
FLOOD = """import os
while True:
    for fd in range(3, 64):
        try: os.write(fd, b'x' * 10000)
        except OSError: pass"""
FAILING = "assert False, 'a test'"


def test_there_is_a_sandbox_here():
    assert sandbox.refusal() is None  # a failure and not a skip: without it nothing below is tested


def test_a_program_passes_or_fails_its_tests():
    adds = "def add(a, b):\n    return a + b"
    assert run([adds, "assert add(1, 2) == 3"]) == (True, "", None)
    assert run([adds, "assert add(1, 2) == 3", "assert add(1, 2) == 4, 'four'"]) == (False, "AssertionError: four", 2)
    assert run(["def add(a, b):"])[::2] == (False, 0)


@pytest.mark.parametrize(
    "trick",
    [
        "import os; os._exit(0)",
        "import sys; sys.exit(0)",
        "raise SystemExit",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import ctypes; ctypes.string_at(0)",
        "import builtins; builtins.exec = builtins.compile = lambda *a, **k: None",
        "import json; json.dumps = lambda *a, **k: '{}'",
        "import os; os.write = lambda *a: 0",
        FORGERY,
        "import sys\nsys.modules['__main__']._failure = lambda steps: None",
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(): f()\nf()",
        "import atexit, os; atexit.register(os._exit, 0)",
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
    ],
)
def test_no_trick_passes_a_failing_test(trick):
    assert run([trick, FAILING]).passed is False


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ("import os\nwhile True: os.fork()", "PermissionError"),
        ("import subprocess; subprocess.run(['/bin/ls'])", "PermissionError"),
        ("import multiprocessing as m\np = m.Process(target=print); p.start()", "PermissionError"),
        ("open('/usr/planted', 'w')", "Read-only"),
        ("open('/planted', 'w')", "Read-only"),
        ("open('/dev/shm/planted', 'w')", "Read-only"),
        ("open('/etc/passwd')", "No such file"),
        ("import pathlib; pathlib.Path.home().joinpath('.ssh').iterdir().__next__()", "Error"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", "unreachable"),
        ("import socket; socket.create_connection(('127.0.0.1', 22), 2)", "refused"),
        ("a = 'a' * 10**10", "MemoryError"),
        ("import mmap\nmaps = [mmap.mmap(-1, 1 << 28) for _ in range(9)]", "Cannot allocate"),
        ("with open('/tmp/big', 'wb') as f:\n    while True: f.write(b'x' * 10**6)", "OSError"),
        ("import os\nfor n in range(99):\n    open(f'/tmp/{n}', 'wb').write(b'x' * (1 << 20))", "No space"),
        ("files = [open('/dev/null') for _ in range(99)]", "Too many open files"),
    ],
)  # fmt: skip
def test_an_attack_ends_at_the_wall(attack, why):
    found = run([attack])
    assert found.passed is False
    assert why in found.why


def test_denied_calls_are_denied_whoever_asks():
    call = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
    for wanted in ("libc.unshare(0x10000000)", "libc.shmget(0, 4096, 0o1666)", "libc.ptrace(0, 0, 0, 0)"):
        assert run([f"{call}assert {wanted} == -1 and ctypes.get_errno() == 1, ctypes.get_errno()"]).passed, wanted


def test_nothing_of_the_machine_is_seen():
    found = run(["import os; raise ValueError(sorted(os.listdir('/proc'))[:3], os.environ, os.listdir('/tmp'))"])
    assert "HOME" not in found.why
    assert str(os.getpid()) not in found.why


def test_what_a_program_writes_is_gone_with_it(tmp_path):
    before = set(Path("/tmp").iterdir())
    assert run(["open('/tmp/left-by-the-answer', 'w').write('x')", "open('/tmp/left-by-the-answer')"]).passed
    assert not {path for path in set(Path("/tmp").iterdir()) - before if "left-by-the-answer" in path.name}


def test_an_endless_loop_ends_at_its_limit_of_cpu():
    assert run(["while True: pass"], cpu_seconds=1) == (False, "killed: by itself, or after 1 s of CPU", None)


def test_a_sleeper_is_not_judged():
    started = time.monotonic()
    found = run(["import time; time.sleep(100)"], wall_seconds=1)
    assert found.passed is None
    assert "no end within 1 s" in found.why
    assert time.monotonic() - started < 20


def test_a_flood_of_output_costs_nothing():
    assert run(["print('x' * 10**7)"]).passed is True  # its output goes nowhere
    assert run([FLOOD]) == (False, "wrote more than a report", None)


def test_threads_are_allowed():
    assert run(["import threading\nt = threading.Thread(target=print)\nt.start(); t.join()"]).passed is True


def test_an_order_larger_than_a_pipe_arrives():
    assert run([f"text = {'x' * 300_000!r}", "assert len(text) == 300_000"]).passed is True


def test_without_bubblewrap_nothing_runs(monkeypatch):
    monkeypatch.setattr(sandbox, "bwrap", lambda: None)
    sandbox.refusal.cache_clear()
    try:
        assert "pip install 'spot-eval[code]'" in str(sandbox.refusal())
        with pytest.raises(RuntimeError, match="bubblewrap"):
            run(["pass"])
    finally:
        monkeypatch.undo()
        sandbox.refusal.cache_clear()


def test_a_bubblewrap_that_cannot_is_told(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sandbox, "bwrap", lambda: str(broken))
    sandbox.refusal.cache_clear()
    try:
        assert "No permissions to create a new namespace" in str(sandbox.refusal())
    finally:
        monkeypatch.undo()
        sandbox.refusal.cache_clear()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_a_program_whose_every_path_ends(machine):
    """An interpreter of the few instructions used, over call numbers: what is denied, what threads may do."""
    code = [
        struct.unpack_from("=HBBI", seccomp_filter(machine), at) for at in range(0, len(seccomp_filter(machine)), 8)
    ]
    table = sandbox._CALLS[machine]

    def answer(call: int, flags: int = 0, audit: int = table["audit"]) -> int:
        fields, value, at = {0: call, 4: audit, 16: flags}, 0, 0
        while True:
            operation, yes, no, operand = code[at]
            at += 1
            if operation == 0x20:
                value = fields[operand]
            elif operation == 0x15:
                at += yes if value == operand else no
            elif operation == 0x45:
                at += yes if value & operand else no
            else:
                assert operation == 0x06
                return operand

    allow, kill, eperm, enosys = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    assert answer(0) == answer(63 if machine == "aarch64" else 1) == allow
    assert answer(0, audit=0x40000003) == kill
    assert answer(table["clone"]) == eperm
    assert answer(table["clone"], CLONE_THREAD) == allow
    assert answer(table["clone3"]) == enosys
    assert {answer(call) for call in sandbox._DENIED[machine]} == {eperm}
    if machine == "x86_64":
        assert answer(0x40000000 | 57) == eperm
