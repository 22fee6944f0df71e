"""Grading beside generation: the same files as grading afterwards, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_json
from spot_eval.core.record_files import read_records, to_line
from spot_eval.core.records import Generation
from spot_eval.evaluation import grade_meanwhile
from spot_eval.evaluation.grade import grade
from spot_eval.evaluation.grade_meanwhile import Meanwhile, grading_meanwhile
from spot_eval.graders import GRADERS, Verdict, load_grader
from spot_eval.graders.pool import Job
from spot_eval.runs.directory import RunDirectory
from tests.report.made_up_runs import lines, write_run

PATIENCE_S = 60.0


def answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
    """Right, right in another spelling, wrong, or without an answer."""
    said = [f"\\boxed{{{doc_id + 1}}}", f"\\boxed{{\\frac{{{2 * doc_id + 2}}}{{2}}}}", "\\boxed{-5}", "I do not know."]
    return {"text": said[(repeat + doc_id) % 4]}


@pytest.fixture
def graded(tmp_path: Path) -> tuple[Path, list[Generation]]:
    """A run that is graded after all was generated, and its answers."""
    run = write_run(tmp_path / "after", answer)
    (run / "samples.jsonl").unlink()
    grade(RunDirectory.at(run), workers=1)
    return run, list(read_records(run / "generations.jsonl", Generation))


def unanswered(run: Path, path: Path) -> RunDirectory:
    shutil.copytree(run, path)
    (path / "generations.jsonl").unlink()
    (path / "samples.jsonl").unlink()
    return RunDirectory.at(path)


def wait_for(meanwhile: Meanwhile, count: int) -> None:
    last = time.monotonic() + PATIENCE_S
    while len(meanwhile) < count:
        assert time.monotonic() < last, f"{len(meanwhile)} of {count} answers judged"
        time.sleep(0.02)


def test_verdicts_come_while_answers_do_and_the_files_are_the_same(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "beside")
    with grading_meanwhile(store, 2) as meanwhile:
        for number, one in enumerate(answers, start=1):
            store.generations.append(one)
            if number == len(answers) // 2:
                wait_for(meanwhile, number)  # before the next answer is there
        wait_for(meanwhile, len(answers))
        samples = grade(store, workers=2, meanwhile=meanwhile)
    assert (store.path / "samples.jsonl").read_bytes() == (run / "samples.jsonl").read_bytes()
    assert [to_line(one) for one in samples] == (run / "samples.jsonl").read_bytes().splitlines(keepends=True)


def test_what_was_not_judged_in_time_is_judged_afterwards(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "late")
    with grading_meanwhile(store, 1) as meanwhile:
        for one in reversed(answers):
            store.generations.append(one)
        grade(store, workers=1, meanwhile=meanwhile)
    assert (store.path / "samples.jsonl").read_bytes() == (run / "samples.jsonl").read_bytes()


def test_a_line_that_comes_in_two_halves_is_read_when_it_is_whole(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "halves")
    line = to_line(answers[0])
    with grading_meanwhile(store, 1) as meanwhile, store.generations.path.open("ab", buffering=0) as file:
        file.write(line[:40])
        time.sleep(0.3)
        assert len(meanwhile) == 0
        file.write(line[40:])
        wait_for(meanwhile, 1)
        meanwhile.end()
        verdict = meanwhile.take(0, answers[0])
        assert verdict is not None
        assert verdict.score == lines(run / "samples.jsonl")[0]["score"]


def test_a_verdict_on_another_text_is_not_taken(graded: tuple[Path, list[Generation]], tmp_path: Path) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "changed")
    with grading_meanwhile(store, 1) as meanwhile:
        for one in answers:
            store.generations.append(replace(one, text="\\boxed{-5}"))
        wait_for(meanwhile, len(answers))
        store.generations.close()
        store.generations.path.write_bytes(b"".join(map(to_line, answers)))
        grade(store, workers=1, meanwhile=meanwhile)
    assert (store.path / "samples.jsonl").read_bytes() == (run / "samples.jsonl").read_bytes()


def test_answers_with_a_verdict_are_not_judged_again(graded: tuple[Path, list[Generation]], tmp_path: Path) -> None:
    run, answers = graded
    path = Path(shutil.copytree(run, tmp_path / "again"))
    before = (path / "samples.jsonl").stat()
    store = RunDirectory.at(path)
    with grading_meanwhile(store, 1) as meanwhile:
        time.sleep(0.3)
        assert len(meanwhile) == 0
        assert len(grade(store, workers=1, meanwhile=meanwhile)) == len(answers)
    assert (path / "samples.jsonl").stat().st_mtime_ns == before.st_mtime_ns


def test_a_failure_of_the_engine_ends_the_grading_and_keeps_every_answer(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "killed")
    begun: list[Meanwhile] = []

    def interrupted() -> None:
        with grading_meanwhile(store, 1) as meanwhile:
            begun.append(meanwhile)
            for one in answers[:10]:
                store.generations.append(one)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(thread.name == "grading" for thread in threading.enumerate())
    assert begun[0].pool._nursery is None
    assert len(lines(store.generations.path)) == 10
    assert not (store.path / "samples.jsonl").exists()


def test_a_broken_file_is_the_same_sentence_as_without(graded: tuple[Path, list[Generation]], tmp_path: Path) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "broken")
    store.generations.path.write_bytes(b"{}\n" + to_line(answers[0]))
    with (
        pytest.raises(UserError, match=r"generations\.jsonl, line 1: not a record"),
        grading_meanwhile(store, 1) as meanwhile,
    ):
        grade(store, workers=1, meanwhile=meanwhile)


KILLED = """
import sys, time
from pathlib import Path
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Generation
from spot_eval.evaluation.grade_meanwhile import grading_meanwhile
from spot_eval.graders.pool import Job, Pool
from spot_eval.runs.directory import RunDirectory

store, half = RunDirectory.at(Path(sys.argv[2])), int(sys.argv[3])
with grading_meanwhile(store, 2) as meanwhile:
    for one in list(read_records(Path(sys.argv[1]), Generation))[:half]:
        store.generations.append(one)
    while len(meanwhile) < half // 2:
        time.sleep(0.02)
    print("at work", flush=True)
    time.sleep(600)
"""


def test_a_kill_loses_no_answer_and_what_follows_gives_the_same_files(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    store, half = unanswered(run, tmp_path / "killed"), len(answers) // 2
    command = [sys.executable, "-c", KILLED, str(run / "generations.jsonl"), str(store.path), str(half)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        process.send_signal(signal.SIGKILL)
    assert len(lines(store.generations.path)) == half
    with store.generations.path.open("ab") as file:  # the kill came in the middle of a line
        file.write(to_line(answers[half])[:50])
    store.generations.repair()
    with grading_meanwhile(store, 2) as meanwhile:
        for one in answers[half:]:
            store.generations.append(one)
        wait_for(meanwhile, len(answers))
        grade(store, workers=2, meanwhile=meanwhile)
    for name in ("generations.jsonl", "samples.jsonl"):
        assert (store.path / name).read_bytes() == (run / name).read_bytes()


def with_grader(run: Path, name: str) -> None:
    """Make all tasks of a run name that grader."""
    manifest = json.loads((run / "manifest.json").read_text())
    for data in manifest["config"]["data"].values():
        data["grader"] = name
    write_json(run / "manifest.json", manifest)


def test_a_grader_that_raises_gives_the_same_files(graded: tuple[Path, list[Generation]], tmp_path: Path) -> None:
    run, answers = graded
    for row in (docs := lines(run / "docs.jsonl")):
        if row["doc_id"] % 2:
            row["row"] = {}  # without the answer
    (run / "docs.jsonl").write_bytes(b"".join(map(to_line, docs)))
    (run / "samples.jsonl").unlink()
    found = grade(RunDirectory.at(run), workers=1)
    assert {one.why for one in found if one.doc_id % 2} == {"KeyError: 'answer'"}
    store = unanswered(run, tmp_path / "raises")
    with grading_meanwhile(store, 1) as meanwhile:
        for one in answers:
            store.generations.append(one)
        wait_for(meanwhile, len(answers))
        grade(store, workers=1, meanwhile=meanwhile)
    assert (store.path / "samples.jsonl").read_bytes() == (run / "samples.jsonl").read_bytes()


def test_a_grader_that_asks_for_something_stops_the_run_afterwards_and_no_answer_is_lost(
    graded: tuple[Path, list[Generation]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, answers = graded
    for row in (docs := lines(run / "docs.jsonl")):
        row["row"] = {"key": 1, "prompt": "", "instruction_id_list": ["length_constraints:number_sentences"],
                      "kwargs": [{"num_sentences": 3, "relation": "at least"}]}  # fmt: skip
    (run / "docs.jsonl").write_bytes(b"".join(map(to_line, docs)))
    with_grader(run, "ifeval")
    store = unanswered(run, tmp_path / "asks")
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    written = []

    def generate_and_grade() -> None:
        with grading_meanwhile(store, 1) as meanwhile:
            for one in answers:
                store.generations.append(one)
            written.append(len(lines(store.generations.path)))
            grade(store, workers=1, meanwhile=meanwhile)

    with pytest.raises(UserError, match="punkt_tab"):
        generate_and_grade()
    assert written == [len(answers)]


def test_a_grader_that_must_not_run_beside_waits_for_the_last_answer(
    graded: tuple[Path, list[Generation]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, answers = graded
    (tmp_path / "verifier_beside.py").write_text(
        "import pathlib\n"
        "def verify(row, text):\n"
        f"    return float(row['answer'] in text and pathlib.Path({str(tmp_path / 'generated')!r}).exists())\n"
    )
    monkeypatch.chdir(tmp_path)
    with_grader(run, "verifier_beside:verify")
    store = unanswered(run, tmp_path / "own")
    with grading_meanwhile(store, 1) as meanwhile:
        for one in answers:
            store.generations.append(one)
        time.sleep(0.5)
        assert len(meanwhile) == 0
        assert meanwhile.pool._nursery is None
        (tmp_path / "generated").touch()
        samples = grade(store, workers=1, meanwhile=meanwhile)
    assert {one.score for one in samples} == {0.0, 1.0}


def test_of_two_graders_only_the_one_that_may_judges_beside(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["config"]["data"]["orders"]["grader"] = "code"
    write_json(run / "manifest.json", manifest)
    store = unanswered(run, tmp_path / "two")
    sums = [one for one in answers if one.task == "sums"]
    with grading_meanwhile(store, 1) as meanwhile:
        for one in answers:
            store.generations.append(one)
        wait_for(meanwhile, len(sums))
        time.sleep(0.3)
        meanwhile.end()
        assert len(meanwhile) == len(sums)
        verdicts = [meanwhile.take(number, one) for number, one in enumerate(answers)]
    assert [verdict is not None for verdict in verdicts] == [one.task == "sums" for one in answers]


def test_graders_that_run_programs_or_code_of_a_task_or_user_do_not_run_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "verifier_asked.py").write_text("def verify(row, text):\n    return True\n")
    monkeypatch.chdir(tmp_path)
    assert not load_grader("verifier_asked:verify").beside
    beside = {name for name in GRADERS if name not in {"code", "lm_eval", "likelihood"}}
    assert {name for name in GRADERS if load_grader(name).beside} == beside


def test_grading_processes_give_way_to_generation_and_no_longer_when_it_has_ended(
    graded: tuple[Path, list[Generation]], tmp_path: Path
) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "nice")
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with grading_meanwhile(store, 4) as meanwhile:
        assert meanwhile.pool.size == 2
        for one in answers:
            store.generations.append(one)
        wait_for(meanwhile, len(answers))
        beside = [worker.pid for worker in (*meanwhile.pool._idle, *meanwhile.pool._busy)]
        assert 0 < len(beside) <= 2
        assert all(os.getpriority(os.PRIO_PROCESS, pid) == min(19, ours + 10) for pid in beside)
        meanwhile.end()
        assert meanwhile.pool.size == 4
        list(meanwhile.pool.run([Job("maths", "judge", ({"answer": "1"}, "\\boxed{1}"))]))
        assert [os.getpriority(os.PRIO_PROCESS, worker.pid) for worker in meanwhile.pool._idle] == [ours]


def test_a_disk_that_is_full_costs_verdicts_only(
    graded: tuple[Path, list[Generation]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, answers = graded
    store = unanswered(run, tmp_path / "full")
    put, kept = grade_meanwhile._Verdicts.put, []

    def full(self: Any, known: Any, verdict: Verdict) -> None:
        if len(kept) == 5:
            raise OSError(28, "No space left on device")
        kept.append(known)
        put(self, known, verdict)

    monkeypatch.setattr(grade_meanwhile._Verdicts, "put", full)
    with grading_meanwhile(store, 1) as meanwhile:
        for one in answers:
            store.generations.append(one)
        wait_for(meanwhile, 5)
        grade(store, workers=1, meanwhile=meanwhile)
    assert (store.path / "samples.jsonl").read_bytes() == (run / "samples.jsonl").read_bytes()
