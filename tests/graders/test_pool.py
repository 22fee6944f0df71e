r"""Workers that can be killed: limits, isolation, and verdicts that depend on nothing but the text."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spot_eval.graders import Verdict
from spot_eval.graders.pool import Job, Pool

SPINNING = "tests.graders.spinning:judge"
SLOW = r"\boxed{(x+y+z)^{300}-(x+y)^{300}}"  # seconds of CPU and gigabytes to whoever expands it
TOWER = r"9^{9^{9^9}}"


def judge_job(text: str, gold: str = "3") -> Job:
    return Job("maths", "judge", ({"answer": gold}, text))


def spinning_job(text: str = "spin") -> Job:
    return Job(SPINNING, "judge", ({}, text))


def synthetic(count: int) -> list[Job]:
    """Answers of many kinds, right and wrong, none of them settled by comparing strings."""
    chance = random.Random(5)
    shapes = [
        (r"\frac{%d}{%d}", lambda a, b: f"{a}/{b}"),
        (r"%d x^2 + %d x", lambda a, b: f"x({a}x+{b})"),
        (r"\sqrt{%d}+%d", lambda a, b: f"{b} + \\sqrt{{{a}}}"),
        (r"\{%d, %d\}", lambda a, b: f"{b}, {a}"),
        (r"y = %d x + %d", lambda a, b: f"{b} + {a}x = y"),
    ]
    jobs = []
    for i in range(count):
        shape, write = shapes[i % len(shapes)]
        a, b = chance.randint(2, 99), chance.randint(2, 99)
        jobs.append(judge_job(f"\\boxed{{{write(a, b + chance.randint(0, 1))}}}", shape % (a, b)))
    return jobs


def run_all(jobs: list[Job], workers: int = 1, **limits: float) -> list[Verdict | bool]:
    with Pool(workers, **limits) as pool:  # type: ignore[arg-type]
        results = dict(pool.run(jobs))
    return [results[i] for i in range(len(jobs))]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2, cpu_seconds=1) as pool:
        yield pool


def test_every_job_is_answered_once_with_its_index(pool: Pool) -> None:
    jobs = [judge_job(f"\\boxed{{{i % 5}}}") for i in range(100)]
    results = list(pool.run(jobs))
    assert sorted(i for i, _ in results) == list(range(100))
    assert all(isinstance(v, Verdict) and v.score == (i % 5 == 3) for i, v in results)
    assert list(pool.run([])) == []


def test_both_calls(pool: Pool) -> None:
    jobs = [Job("maths", "same", pair) for pair in (("1/2", "0.5"), ("1/2", "1/3"))]
    assert dict(pool.run(jobs)) == {0: True, 1: False}


def test_a_job_over_the_cpu_limit_is_not_judged_and_the_others_are(pool: Pool) -> None:
    jobs = [spinning_job() if i == 7 else judge_job(r"\boxed{3}") for i in range(40)]
    results = dict(pool.run(jobs))
    guilty = results.pop(7)
    assert isinstance(guilty, Verdict)
    assert (guilty.score, guilty.why) == (None, "more than 1 s of CPU")
    assert all(isinstance(verdict, Verdict) and verdict.score == 1 for verdict in results.values())


def test_a_job_over_the_memory_limit_is_not_judged_and_the_others_are() -> None:
    jobs = [spinning_job("hoard") if i == 2 else judge_job(r"\boxed{3}") for i in range(8)]
    results = run_all(jobs, memory_bytes=2**25, cpu_seconds=60)
    guilty = results.pop(2)
    assert isinstance(guilty, Verdict)
    assert (guilty.score, guilty.why) == (None, "more than 0.0312 GiB of memory")
    assert all(isinstance(verdict, Verdict) and verdict.score == 1 for verdict in results)


def test_a_job_whose_worker_dies_is_not_judged_and_the_others_are() -> None:
    with Pool(1, cpu_seconds=30) as pool:
        results = {}
        for index, verdict in pool.run([judge_job(r"\boxed{3}"), spinning_job(), judge_job(r"\boxed{3}")]):
            results[index] = verdict
            if index == 0:  # the next job is at work half a second from now
                threading.Timer(0.5, lambda: os.kill(pool._busy[0].pid, signal.SIGSEGV)).start()
    assert [v.score for v in (results[0], results[2])] == [1, 1]  # type: ignore[union-attr]
    assert results[1].why == "the worker died (signal 11)"  # type: ignore[union-attr]


def test_a_worker_that_dies_idle_costs_nobody_a_verdict() -> None:
    with Pool(1) as pool:
        list(pool.run([judge_job(r"\boxed{3}")]))
        os.kill(pool._idle[0].pid, signal.SIGKILL)
        time.sleep(0.2)
        assert dict(pool.run([judge_job(r"\boxed{3}")]))[0].score == 1  # type: ignore[union-attr]


def test_hostile_answers_together_cost_little(tmp_path: Path) -> None:
    marker = tmp_path / "x"
    answers = [
        TOWER,
        "1e11!",
        "9" * 200_000,
        r"\boxed{" * 2_000,
        "(" * 3_000 + "1" + ")" * 3_000,
        r"\frac{1}{" * 50 + "2" + "}" * 50,
        f"__import__('os').system('touch {marker}')",
        r"\sqrt{2+" * 50 + "3" + "}" * 50,
        r"\binom{10000000000}{5000000000}",
        r"\begin{pmatrix}" + r"\\".join("&".join("1" * 100) for _ in range(100)) + r"\end{pmatrix}",
        "10**10**10",
        SLOW,
    ]
    started = time.monotonic()
    bare, boxed = (run_all([judge_job(shape % a) for a in answers]) for shape in ("%s", r"\boxed{%s}"))
    assert all(isinstance(verdict, Verdict) and not verdict.score for verdict in bare + boxed)
    assert time.monotonic() - started < 30  # twice the list
    assert not marker.exists()


def test_verdicts_depend_neither_on_the_number_of_workers_nor_on_the_load() -> None:
    jobs = synthetic(240)
    alone = run_all(jobs)
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        crowded = run_all(jobs, workers=8)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert crowded == alone
    scores = [verdict.score for verdict in alone]  # type: ignore[union-attr]
    assert None not in scores
    assert 0.2 < sum(scores) / len(scores) < 0.8  # type: ignore[arg-type]


def test_a_verdict_depends_neither_on_what_its_worker_judged_before_nor_on_the_hash_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = synthetic(60)
    forwards = run_all(jobs)
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    assert run_all(jobs[::-1])[::-1] == forwards


def test_a_run_that_is_left_early_leaves_a_pool_that_works(pool: Pool) -> None:
    for _ in pool.run([judge_job(r"\boxed{3}"), spinning_job(), spinning_job()]):
        break
    assert [i for i, _ in pool.run([judge_job(r"\boxed{3}")])] == [0]


def test_what_the_caller_must_mend_is_raised(pool: Pool) -> None:
    with pytest.raises(RuntimeError, match="'no such grader' cannot be loaded"):
        list(pool.run([Job("no such grader", "judge", ({}, ""))]))
    assert [i for i, _ in pool.run([judge_job(r"\boxed{3}")])] == [0]


PROGRAM = f"""
    import sys
    sys.stdin = None
    print("main runs")  # once: workers do not run the caller's main module again
    from spot_eval.graders.pool import Job, Pool
    with Pool(2, cpu_seconds=60) as pool:
        jobs = [Job({SPINNING!r}, "judge", ({{}}, text)) for text in ("right", "spin", "spin")]
        for index, verdict in pool.run(jobs):
            print(verdict.score, flush=True)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_caller_and_none_makes_noise(end: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    caller = subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert caller.stdout
    assert caller.stderr
    assert [caller.stdout.readline(), caller.stdout.readline()] == ["main runs\n", "1.0\n"]
    children = psutil.Process(caller.pid).children(recursive=True)
    assert len(children) == 3  # the nursery and two workers
    if end == signal.SIGINT:
        os.killpg(caller.pid, end)  # as a terminal does it
    else:
        os.kill(caller.pid, end)
    caller.wait(timeout=20)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert caller.stdout.read() == ""
    noise = caller.stderr.read()
    assert "KeyboardInterrupt" in noise if end == signal.SIGINT else noise == ""


def test_an_idle_worker_whose_pipe_another_process_holds_open_does_not_hang_the_pool() -> None:
    with Pool(1) as pool:
        list(pool.run([Job("maths", "judge", ({"answer": "1"}, "\\boxed{1}"))]))
        held = os.dup(pool._idle[0].pipe.fileno())  # as a process that an engine forks would
    os.close(held)
    assert pool._nursery is None


def test_a_pool_whose_processes_cannot_start_says_so_each_time() -> None:
    with Pool(1, preload=("no such grader",)) as pool:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="cannot start"):
                list(pool.run([Job("maths", "judge", ({"answer": "1"}, "1"))]))
