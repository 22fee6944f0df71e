"""Grade answers while the next ones are generated, so that the last answer is not followed by the grading of all.

    with grading_meanwhile(store, workers) as meanwhile:
        generate_missing(store, plan, model, say)               # appends to generations.jsonl
        samples = grade(store, workers=workers, meanwhile=meanwhile)

A thread follows generations.jsonl as it grows and hands each answer to grading processes. The file is the queue: it is
read as fast as answers are judged, so generation never waits and memory does not depend on how far grading is behind.
Verdicts go to a nameless temporary file, each with the key and the hash of its text. `grade` takes those that fit and
judges the rest, as it would without them; a kill loses verdicts, and no answer.

Only graders that say so (`Grader.beside`) judge meanwhile. The others wait until all is generated, as before: those
that run programs in a sandbox, a task's own judgement and a user's function, which may load a model or ask a server.
Votes need all answers to a doc, and are counted by `grade`.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.record_files import checked_row, generation, read_records
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.graders import load_grader
from spot_eval.graders.base import Verdict
from spot_eval.graders.pool import Job, Pool
from spot_eval.runs.directory import RunDirectory

SHARE = 2
"""One grading process per this many, while generation goes on: the engine needs the cores too."""
NICENESS = 10
"""Of the grading processes, while generation goes on: they take what the engine leaves."""
FLUSH_BYTES = 2**16

_Known = tuple[int, str, str]  # number of the line, key, hash of the text


class _StoppedError(Exception):
    """Grading is to end at once, with jobs at work."""


class Meanwhile:
    """The grading that goes on beside generation. `grade` uses its verdicts and, after `end`, its pool."""

    def __init__(self, store: RunDirectory, workers: int | None) -> None:
        """Take the run that is being generated, and the number of grading processes; one per core if None."""
        self._store = store
        names = {task: data["grader"] for task, data in store.manifest["config"]["data"].items()}
        self._names: Mapping[str, str] = {task: name for task, name in names.items() if load_grader(name).beside}
        self._workers = workers or os.cpu_count() or 1
        self._verdicts = _Verdicts()
        self._ended, self._stopped = threading.Event(), threading.Event()
        self.pool = Pool(max(1, self._workers // SHARE), preload=sorted(set(self._names.values())), niceness=NICENESS)
        self.all_graders = self._names.keys() == names.keys()
        self._thread = threading.Thread(target=self._work, name="grading", daemon=True)
        if self._names:
            self._thread.start()

    def end(self) -> None:
        """Take no further answers, wait for those at work, and give the pool all its processes."""
        self.pool.size = self._workers
        self._ended.set()
        self._join()
        self.pool.hurry()

    def stop(self) -> None:
        """End at once, whatever is at work, and forget the verdicts."""
        self._stopped.set()
        self._join()
        self._verdicts.close()

    def take(self, number: int, one: Generation) -> Verdict | None:
        """Return the verdict on `one`, the record with that number in its file; None if that text was not judged.

        The first record is number 0. Call it after `end`.
        """
        return self._verdicts.get((number, one.key, digest(one.content)))

    def __len__(self) -> int:
        """Return the number of verdicts."""
        return self._verdicts.count

    def _join(self) -> None:
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        at_work: dict[int, _Known] = {}
        try:
            for index, verdict in self.pool.run(self._jobs(at_work)):
                assert isinstance(verdict, Verdict)
                self._verdicts.put(at_work.pop(index), verdict)
                if self._stopped.is_set():
                    return
        except (_StoppedError, UserError, RuntimeError, OSError):
            return  # what is wrong with a file or a grader, `grade` finds and raises

    def _jobs(self, at_work: dict[int, _Known]) -> Iterator[Job | None]:
        """Yield a job per answer as it comes, None while there is none; note what is known of it by its index."""
        rows = {
            (doc.task, doc.doc_id): doc.row
            for doc in read_records(self._store.path / "docs.jsonl", Doc)
            if doc.task in self._names
        }
        held = self._held()
        count = 0
        following = _following(self._store.generations.path, self._ended, self._stopped)
        for found in following:
            if found is None:
                yield None
                continue
            number, one = found
            row, text_hash = rows.get((one.task, one.doc_id)), digest(one.content)
            if row is not None and hash((one.key, text_hash)) not in held:
                at_work[count] = (number, one.key, text_hash)
                count += 1
                yield Job(self._names[one.task], "judge", (row, one.judged_text))

    def _held(self) -> set[int]:
        """Return hashes of (key, text_hash) of the answers that an earlier grading by the same graders judged.

        Two that are equal by chance cost nothing: the answer is judged afterwards.
        """
        versions = {task: f"{name}/{load_grader(name).version}" for task, name in self._names.items()}
        path = self._store.path / "samples.jsonl"
        try:
            return {
                hash((sample.key, sample.text_hash))
                for sample in (read_records(path, Sample) if path.exists() else ())
                if sample.grader == versions.get(sample.task)
            }
        except UserError:
            return set()


class _Verdicts:
    """Verdicts by the number of the line that was judged, in a file without a name: 8 bytes each in memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=FLUSH_BYTES)  # noqa: SIM115 - closed by `close`
        self._starts = array("q")
        self.count = 0

    def put(self, known: _Known, verdict: Verdict) -> None:
        """Keep a verdict. Raises OSError if the disk is full."""
        number, start = known[0], self._file.tell()
        pickle.dump((known, verdict), self._file)
        self._starts.extend([-1] * (number + 1 - len(self._starts)))
        self._starts[number] = start
        self.count += 1

    def get(self, known: _Known) -> Verdict | None:
        """Return the verdict on that line, if it is on that text."""
        if known[0] >= len(self._starts) or (start := self._starts[known[0]]) < 0:
            return None
        try:
            self._file.seek(start)
            kept, verdict = pickle.load(self._file)  # noqa: S301 - written above, and nobody else can open it
        except (OSError, EOFError, pickle.UnpicklingError):  # the disk was full
            return None
        return verdict if kept == known and isinstance(verdict, Verdict) else None

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


def _following(path: Path, ended: threading.Event, stopped: threading.Event) -> Iterator[tuple[int, Generation] | None]:
    """Yield number and record of each line of a growing file, None while there is no further one, until an event."""
    while not path.exists():
        if ended.is_set():
            return
        yield None
        if stopped.is_set():
            raise _StoppedError
    start = number = 0
    with path.open("rb") as file:
        while not ended.is_set():
            if stopped.is_set():
                raise _StoppedError
            line = file.readline()
            if not line.endswith(b"\n"):  # it is being written, or the last one was read
                file.seek(start)
                yield None
                continue
            start += len(line)
            yield number, generation(checked_row(line, Generation, path, number + 1))
            number += 1


@contextmanager
def grading_meanwhile(store: RunDirectory, workers: int | None) -> Iterator[Meanwhile]:
    """Grade what is generated in the block, in `workers` processes at most; one per core if None."""
    meanwhile = Meanwhile(store, workers)
    with meanwhile.pool:
        try:
            yield meanwhile
        finally:
            meanwhile.stop()
