"""Engine processes, with a fake engine in them: fed in balance, watched, and never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from spot_eval.core.errors import EngineDiedError, UserError
from spot_eval.models.vllm.shards import Message, Shard, ask, stream

FAKE = [sys.executable, str(Path(__file__).parent / "fake_engine.py")]
ROOT = str(Path(__file__).parents[3])
Start = Callable[..., list[Shard]]


def environment(number: int, faults: dict[str, Any]) -> dict[str, str]:
    path = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "FAKE_ENGINE": json.dumps(faults), "FAKE_VISIBLE": str(number)}


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts shards that are ready to answer; afterwards nothing of them is left."""
    shards: list[Shard] = []

    def started(count: int = 1, **faults: Any) -> list[Shard]:
        new = [Shard(FAKE, environment=environment(n, faults), name=f"engine {n}") for n in range(count)]
        shards.extend(new)
        ask(new, {"parent": os.getpid(), "arguments": {}})
        ask(new, {"stop_ids": []})
        return new

    yield started
    families = [family(shard.process.pid) for shard in shards]
    for shard in shards:
        shard.close()
    assert not psutil.wait_procs([process for one in families for process in one], timeout=5)[1]


def family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def requests(count: int) -> list[Message]:
    return [{"key": str(n), "seed": n, "max_tokens": 3} for n in range(count)]


def test_every_request_is_answered_once_and_no_shard_waits_for_another(start: Start) -> None:
    took: list[Message] = []
    stream(start(3, delay=0.002), requests(100), window=8, patience_s=60, take=took.append)
    assert sorted(int(one["key"]) for one in took) == list(range(100))
    shares = Counter(one["visible"] for one in took)
    assert shares.keys() == {"0", "1", "2"}
    assert min(shares.values()) > 15
    assert max(one["most"] for one in took) <= 8


def test_a_slow_shard_gets_less(start: Start) -> None:
    shards = [*start(1, delay=0.05), *start(2, delay=0.001)[1:]]
    took: list[Message] = []
    stream(shards, requests(100), window=2, patience_s=60, take=took.append)
    shares = Counter(one["visible"] for one in took)
    assert shares["0"] < shares["1"] / 3


def test_requests_are_made_as_they_are_needed(start: Start) -> None:
    """A queue of any length costs the window."""
    made = finished = ahead = 0

    def source() -> Iterator[Message]:
        nonlocal made, ahead
        for request in requests(200):
            made += 1
            ahead = max(ahead, made - finished)
            yield request

    def take(answer: Message) -> None:
        nonlocal finished
        finished += 1

    stream(start(2), source(), window=5, patience_s=60, take=take)
    assert finished == 200
    assert ahead <= 11


@pytest.mark.parametrize(("quietly", "how"), [({}, "its engine core failed"), ({"quietly": 1}, "killed by SIGKILL")])
def test_a_death_is_one_sentence_with_the_engines_own_cause(start: Start, quietly: dict[str, int], how: str) -> None:
    took: list[Message] = []
    shards = start(2, die_after=7, where=["1"], delay=0.002, **quietly)
    with pytest.raises(EngineDiedError) as death:
        stream(shards, requests(100), window=4, patience_s=60, take=took.append)
    said = str(death.value)
    assert said.startswith(f"engine 1 is dead ({how}; OutOfMemoryError: CUDA out of memory.); ")
    assert "the same command goes on from there" in said
    assert Counter(one["visible"] for one in took)["1"] == 7, "what it had answered was taken"
    log = Path(said.rpartition("all it said: ")[2])
    assert "EngineDeadError" in log.read_text()
    log.unlink()


def test_an_engine_that_hangs_is_given_up(start: Start) -> None:
    took: list[Message] = []
    began = time.monotonic()
    with pytest.raises(EngineDiedError, match="no step has come to its end for 1 s") as death:
        stream(start(1, hang_after=5), requests(20), window=4, patience_s=1.0, take=took.append)
    assert len(took) == 5
    assert time.monotonic() - began < 5
    Path(str(death.value).rpartition("all it said: ")[2]).unlink()


def test_what_it_refuses_and_what_breaks_its_start_are_bad_input(start: Start) -> None:
    with pytest.raises(UserError, match=r"^no such argument$"):
        start(1, refuse="no such argument")
    with pytest.raises(
        UserError, match=r"engine 0 did not start: exit code 3; ValueError: too small; all it"
    ) as problem:
        start(1, crash_at_start="ValueError: too small")
    Path(str(problem.value).rpartition("all it said: ")[2]).unlink()


def test_an_error_while_taking_ends_nothing_by_itself_and_close_does(start: Start) -> None:
    shards = start(2, delay=0.001)

    def full(answer: Message) -> None:
        raise UserError("the disk is full")

    with pytest.raises(UserError, match="the disk is full"):
        stream(shards, requests(100), window=4, patience_s=60, take=full)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_run_leaves_no_engine_behind(tmp_path: Path, number: int) -> None:
    program = f"""
import os
from spot_eval.models.vllm.shards import Shard, ask, stream
shard = Shard({FAKE!r}, environment=os.environ, name="engine")
ask([shard], {{"parent": os.getpid(), "arguments": {{}}}})
ask([shard], {{"stop_ids": []}})
requests = ({{"key": str(n), "seed": n, "max_tokens": 1}} for n in range(10 ** 6))
stream([shard], requests, window=4, patience_s=60, take=lambda one: print(one["key"], flush=True))
"""
    for faults in ({"delay": 0.01}, {"hang_after": 3}):
        run = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment(0, faults), text=True
        )
        assert run.stdout
        assert [run.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
        engines = family(run.pid)[1:]
        assert len(engines) == 2
        run.send_signal(number)
        run.wait()
        assert not psutil.wait_procs(engines, timeout=5)[1]
        run.stdout.close()
