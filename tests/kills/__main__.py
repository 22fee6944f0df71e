"""Kill every command that writes, at any moment, and go on: nothing is lost, twice or half-written.

    python -m tests.kills                       100 kills; writes tests/kills/kills.json
    python -m tests.kills --kills 6 --seed 3 --no-keep

Each kill takes a command of WRITING in turn, a signal, and a moment within the time that the command takes when it is
left alone. After it every file is whole: JSON parses, each line of a log but the last is a record, and what was
finished before is as it was. SIGTERM and Ctrl-C end without a traceback. Then the same command runs again, and its
files are those of the undisturbed one. Exits with 1 if any of this fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command_line import COMMAND, environment

KEPT = Path(__file__).with_name("kills.json")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SPENT = {"created", "began", "seconds", "wall_time_s", "tokens_per_second", "sealed", "duration_s", "time"}
"""Fields that differ between two runs of the same command."""
WAIT_S = 600.0


@dataclass(frozen=True)
class Writing:
    """A command that writes: its arguments, what it writes, and a finished result that may lie there before."""

    arguments: tuple[str, ...]
    out: str
    before: str | None = None


_TRAIN = ("train", "--objective", "sft+", "--model", "miniature", "--pairs", "pairs.jsonl", "-o", "trained",
          "--steps", "8", "--save-every", "2", "--device", "cpu")  # fmt: skip
_RECTIFY = ("pairs", "rectify", "errors.jsonl", "-o", "mended.jsonl", "--oracle", "miniature")
WRITING = {
    "run": Writing(("run", "--suite", "miniature", "--limit", "30", "--engine-arg", "device=cpu", "-o", "new"), "new"),
    "grade": Writing(("grade", "graded"), "graded", before="base"),
    "elicit": Writing(("pairs", "elicit", "base", "-o", "found.jsonl"), "found.jsonl"),
    "rectify": Writing(_RECTIFY, "mended.jsonl"),
    "train": Writing(_TRAIN, "trained"),
    "report": Writing(("report", "base", "-o", "page.html"), "page.html", before="old.html"),
    "export lm-eval": Writing(("export", "base", "--to", "lm-eval", "-o", "lm-eval"), "lm-eval"),
    "export inspect": Writing(("export", "base", "--to", "inspect", "-o", "inspect"), "inspect"),
}  # fmt: skip


class Fault(AssertionError):
    """Something was lost, twice, half-written, or said badly."""


def whole(path: Path) -> None:
    """Raise Fault if a file under `path` is half-written; the last line of a log may be."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []:
        if not file.is_file() or _temporary(file):
            continue
        content = file.read_bytes()
        if file.suffix == ".json":
            _parsed(content, file)
        elif file.suffix == ".jsonl":
            for line in content.split(b"\n")[:-1]:
                _parsed(line, file)
        elif file.suffix == ".html" and not content.rstrip().endswith(b"</html>"):
            raise Fault(f"{file.name} is cut")


def _parsed(content: bytes, file: Path) -> Any:
    try:
        return json.loads(content)
    except ValueError as problem:
        raise Fault(f"{file.name}: not JSON after a kill ({problem})") from problem


def _temporary(file: Path) -> bool:
    return ".tmp" in file.name or file.name.endswith(".part") or file.name == ".lock"


def facts(path: Path) -> dict[str, str]:
    """Return file to what is in it, without times and the order of records. Raises Fault for a left-over."""
    found = {}
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        name = str(file.relative_to(path.parent))
        if not file.is_file() or file.name == ".lock" or "sessions" in file.parts or file.name == "seal.json":
            continue
        if _temporary(file):
            raise Fault(f"{name} is left over")
        content = file.read_bytes()
        if file.suffix in (".json", ".jsonl"):
            lines = content.splitlines() if file.suffix == ".jsonl" else [content]
            rows = [json.dumps(_timeless(json.loads(line)), sort_keys=True) for line in lines]
            content = "\n".join(sorted(rows)).encode()
        elif file.suffix == ".md":
            continue  # a table of scoreboard.json, with the time that it took
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in SPENT and not name.endswith("_s")}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


class Place:
    """A folder with everything that the commands read, and what each writes when it is left alone."""

    def __init__(self, folder: Path, only: Sequence[str]) -> None:
        self.folder = folder
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        for arguments in (
            ("run", "--suite", "miniature", "--limit", "30", "--engine-arg", "device=cpu", "-o", "base"),
            ("pairs", "elicit", "base", "-o", "errors.jsonl"),
            ("pairs", "rectify", "errors.jsonl", "-o", "pairs.jsonl", "--oracle", "miniature"),
            ("report", "base", "-o", "old.html"),
        ):
            self.call(arguments, self.inputs)
        self.undisturbed: dict[str, tuple[float, dict[str, str]]] = {}
        for name in only:
            work = self.fresh(name)
            began = time.monotonic()
            self.call(WRITING[name].arguments, work)
            self.undisturbed[name] = (time.monotonic() - began, facts(work / WRITING[name].out))
            shutil.rmtree(work)

    def fresh(self, name: str) -> Path:
        """Return a new folder with the inputs, and with an older result where the command has one."""
        work = Path(tempfile.mkdtemp(dir=self.folder)) / "work"
        shutil.copytree(self.inputs, work)
        one = WRITING[name]
        if one.before and (work / one.before).is_dir():
            shutil.copytree(work / one.before, work / one.out)
        elif one.before:
            shutil.copy(work / one.before, work / one.out)
        return work

    def call(self, arguments: tuple[str, ...], work: Path) -> None:
        """Run a command to its end. Raises Fault if it fails."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=work,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )
        if done.returncode:
            raise Fault(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-800:]}")


def kill(place: Place, name: str, how: signal.Signals, moment: float) -> str:
    """Kill a command `moment` of its usual time after its start, look at what is left, and go on with it.

    Args:
        place: the inputs, and what the command writes when left alone.
        name: of the command in WRITING.
        how: the signal; Ctrl-C goes to the whole group of processes, as a terminal sends it.
        moment: fraction of the usual time, 0 to 1.

    Returns "killed", or "over" if it ended before.
    Raises Fault.
    """
    one = WRITING[name]
    work = place.fresh(name)
    usual, expected = place.undisturbed[name]
    old = facts(work / one.out) if one.before else {}
    with (work.parent / "said").open("w+") as said:
        process = subprocess.Popen(
            [*COMMAND, *one.arguments], cwd=work, env=environment(), stdout=said, stderr=said, start_new_session=True
        )
        time.sleep(moment * usual)
        over = process.poll() is not None
        if not over:
            (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
        code = process.wait(WAIT_S)
        said.seek(0)
        text = said.read()
    if over and code:
        raise Fault(f"{name} failed by itself: {text[-800:]}")
    # a signal in the first moments meets Python's own start, which no program of Python can catch
    ours = re.search(r'File ".*(spot_eval|trainer|connect4)/', text)
    if not over and how != signal.SIGKILL and "Traceback" in text and ours:
        raise Fault(f"{name}: {how.name} at {moment:.2f}: a traceback: {text[-1500:]}")
    whole(work / one.out)
    if one.before and not (work / one.out).is_dir() and facts(work / one.out) not in (old, expected):
        raise Fault(f"{name}: the older result is neither kept nor replaced")
    place.call(one.arguments, work)
    if (found := facts(work / one.out)) != expected:
        different = sorted(file for file in found.keys() | expected.keys() if found.get(file) != expected.get(file))
        raise Fault(f"{name}: {how.name} at {moment:.2f}: after going on, {', '.join(different)} differ")
    shutil.rmtree(work.parent)
    return "over" if over else "killed"


def kills(
    count: int, seed: int, say: Callable[[str], None] = print, only: Sequence[str] = tuple(WRITING)
) -> dict[str, Any]:
    """Return counts by command and signal, and the faults.

    Args:
        count: kills in all; those of a command that was over before do not count.
        seed: draws command, signal and moment.
        say: receives a line for each.
        only: the commands, by their names in WRITING.
    """
    draw = random.Random(seed)
    counts: Counter[str] = Counter()
    faults: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), only)
        number = 0
        while sum(counts.values()) < count:
            name, how = only[number % len(only)], SIGNALS[(number + number // len(only)) % len(SIGNALS)]
            number += 1
            moment = draw.random()
            try:
                outcome = kill(place, name, how, moment)
            except Fault as fault:
                outcome = "killed"
                faults.append(str(fault))
                say(f"FAULT {fault}")
            if outcome == "killed":
                counts[f"{name}, {how.name}"] += 1
            say(f"{sum(counts.values())}/{count} {name} {how.name} {moment:.2f} {outcome}")
    return {
        "kills": sum(counts.values()), "seed": seed, "seconds": round(time.monotonic() - began),
        "counts": dict(sorted(counts.items())), "faults": faults,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-keep", action="store_true", help="do not write the kept result")
    given = parser.parse_args()
    found = kills(given.kills, given.seed)
    if not given.no_keep:
        KEPT.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{found['kills']} kills, {len(found['faults'])} faults, {found['seconds']} s")
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
