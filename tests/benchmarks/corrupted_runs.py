"""Corrupt copies of a finished run in some 420 ways, and give each to every verb that reads runs.

    python -m tests.benchmarks.corrupted_runs            all copies; some minutes
    python -m tests.benchmarks.corrupted_runs 40         every tenth or so, as the tests do

A verb may answer, or end in one sentence (UserError). A traceback, a NaN or an endless wait is a fault, and the script
ends with 1. Prints the number of copies, of uses, and of refusals.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from tests.report.made_up_runs import write_run

FILES = ("manifest.json", "docs.jsonl", "generations.jsonl", "samples.jsonl", "scoreboard.json", "sessions/1.json")
DEEP = json.loads("[" * 200 + "]" * 200)
WRONG: dict[str, Any] = {
    "null": None, "text": "x\x1b[31m", "negative": -1, "large": 7.5, "nan": math.nan, "list": [], "object": {},
    "deep": DEEP, "huge": 10**400, "surrogate": "\ud800",
}  # fmt: skip

Mutation = tuple[str, Callable[[Path], None]]


def mutations(run: Path) -> Iterator[Mutation]:
    """Yield (name, function that corrupts a copy of `run`)."""
    for name in FILES:
        content = (run / name).read_bytes()
        yield from _whole(name, content)
        if name.endswith(".jsonl"):
            lines = content.splitlines(keepends=True)
            yield f"{name}: a line lost", _writes(name, b"".join(lines[1:]))
            yield f"{name}: a line doubled", _writes(name, b"".join([*lines, lines[0]]))
            yield f"{name}: broken in the middle", _writes(name, b"".join([lines[0], b'{"key":\n', *lines[1:]]))
            yield f"{name}: a list for a record", _writes(name, b"".join([b"[]\n", *lines]))
            rows = [json.loads(line) for line in lines]
            for place in _places(rows[1]):
                yield from _at(name, rows, 1, place)
        else:
            value = json.loads(content)
            for place in _places(value):
                yield from _at(name, [value], 0, place)


def _whole(name: str, content: bytes) -> Iterator[Mutation]:
    yield f"{name}: gone", lambda copy: (copy / name).unlink()
    middle = len(content) // 2
    for label, changed in {
        "empty": b"",
        "half": content[:middle],
        "zeros": content[:middle] + bytes(64) + content[middle + 64 :],
        "not UTF-8": b"\xff\xfe" + content,
        "deep": b"[" * 100_000 + b"]" * 100_000 + b"\n",
        "a bit": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "a folder": None,
    }.items():
        yield f"{name}: {label}", _writes(name, changed)


def _writes(name: str, content: bytes | None) -> Callable[[Path], None]:
    def corrupt(copy: Path) -> None:
        (copy / name).unlink()
        if content is None:
            (copy / name).mkdir()
        else:
            (copy / name).write_bytes(content)

    return corrupt


def _places(value: Any, under: tuple[str | int, ...] = (), depth: int = 0) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every field, down to the fourth level."""
    if isinstance(value, dict) and depth < 5:
        for name, part in value.items():
            yield (*under, name)
            yield from _places(part, (*under, name), depth + 1)
    elif isinstance(value, list) and value and depth < 5:
        yield from _places(value[0], (*under, 0), depth + 1)


def _at(name: str, rows: list[Any], row: int, place: tuple[str | int, ...]) -> Iterator[Mutation]:
    """Yield a copy without the field at `place`, and one with a wrong value there; each place has its own value."""
    label = ".".join(map(str, place))
    wrong = list(WRONG)[sum(map(ord, label)) % len(WRONG)]
    for kind in ("lost", wrong):
        changed = json.loads(json.dumps(rows))
        inner = changed[row]
        for part in place[:-1]:
            inner = inner[part]
        if kind == "lost":
            del inner[place[-1]]
        else:
            inner[place[-1]] = WRONG[kind]
        indent = None if name.endswith(".jsonl") else 2
        yield f"{name}: {label} {kind}", _writes(name, "".join(json.dumps(one, indent=indent) + "\n"
                                                               for one in changed).encode())  # fmt: skip


def uses(copy: Path, base: Path, out: Path) -> dict[str, list[str]]:
    """Return the command lines that read the run at `copy`, by name."""
    run, other = str(copy), str(base)
    return {
        "compare": ["compare", run, other, "-o", str(out / "comparison.json"), "--by", "length"],
        "as base": ["compare", other, run, "-o", str(out / "comparison.json")],
        "gate": ["gate", run, "--baseline", other, "-o", str(out / "gate")],
        "report": ["report", run, "--baseline", other, "-o", str(out / "report.html")],
        "alone": ["report", run, "--format", "md"],
        "lm-eval": ["export", run, "--to", "lm-eval", "-o", str(out / "lm-eval")],
        "inspect": ["export", run, "--to", "inspect", "-o", str(out / "inspect")],
        "model card": ["export", run, "--to", "model-card", "-o", str(out / "card.md")],
        "save": ["baseline", "save", run, "-o", str(out / "saved")],
        "pairs": ["pairs", "elicit", run, "-o", str(out / "pairs.jsonl")],
        "power": ["power", "--baseline", run],
        "certify": ["certify", run, "--draws", "20"],
        "deepen": ["baseline", "deepen", run],
        "runs": ["runs", str(copy.parent)],
        "grade": ["grade", run, "--workers", "1"],
    }


def check(number: int | None = None, *, skip: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Corrupt copies of a run and use each; return counts, and the faults with their tracebacks.

    Args:
        number: about how many copies; all if None.
        skip: verbs to leave out.
        only: names of the copies to try; all if empty.
    """
    faults: list[str] = []
    counts = {"copies": 0, "uses": 0, "refused": 0}
    with tempfile.TemporaryDirectory() as folder:
        whole = write_run(Path(folder) / "whole", model="tiny-sft")
        base = write_run(Path(folder) / "base", model="tiny")
        every = list(mutations(whole))
        every = [one for one in every if not only or one[0] in only]
        step = 1 if number is None else max(1, len(every) // number)
        for label, corrupt in every[::step]:
            copy, out = Path(folder) / "runs" / "copy", Path(folder) / "out"
            shutil.copytree(whole, copy)
            corrupt(copy)
            counts["copies"] += 1
            for verb, words in uses(copy, base, out).items():
                if verb in skip:
                    continue
                out.mkdir()
                done = CliRunner().invoke(app, words)
                counts["uses"] += 1
                counts["refused"] += isinstance(done.exception, UserError)
                if (found := fault(done)) is not None:
                    faults.append(f"{label}, {verb}: {found}")
                shutil.rmtree(out)
            shutil.rmtree(copy.parent)
    return {**counts, "faults": faults}


def fault(done: Any) -> str | None:
    """Return what is wrong with the end of a command: a traceback, or a number that is none."""
    if done.exception is not None and not isinstance(done.exception, UserError | SystemExit):
        return "".join(traceback.format_exception(*done.exc_info)[-3:])
    if isinstance(done.exception, UserError) and len(str(done.exception)) > 2000:
        return f"a message of {len(str(done.exception))} characters"
    if " nan" in done.stdout.lower():  # a message on stderr may name it
        return "it shows NaN"
    return None


if __name__ == "__main__":
    result = check(int(sys.argv[1]) if len(sys.argv) > 1 else None)
    print("\n".join(result["faults"]))
    print({name: value for name, value in result.items() if name != "faults"}, "faults:", len(result["faults"]))
    sys.exit(bool(result["faults"]))
