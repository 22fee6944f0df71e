"""`spot-eval grade FILE`: make a run directory of generations made elsewhere.

The file is read twice, a line at a time: first every row is checked and its doc found, then the records are written.
Settings that the file does not record (sampling, stop strings, finish reasons) are written as unknown.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spot_eval.core.errors import UserError
from spot_eval.core.files import file_name, write_atomically
from spot_eval.core.keys import digest
from spot_eval.core.options import FileOptions
from spot_eval.core.progress import Say
from spot_eval.core.record_files import to_line
from spot_eval.core.records import Doc, Failure, Generation, SamplePlace
from spot_eval.evaluation.checks import check_baseline
from spot_eval.evaluation.grade import grade
from spot_eval.evaluation.score import score
from spot_eval.interchange.generations_file import AnswerFile, Answers, GenerationRow
from spot_eval.interchange.read_generations import Reading, read_once, remarks
from spot_eval.runs.baseline import load_baseline
from spot_eval.runs.directory import SCHEMA, RunDirectory
from spot_eval.runs.manifest import versions
from spot_eval.tasks.data.rows import data_directories
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Sampling, Suite, load_suite, nearest

ENGINE = "elsewhere"


def grade_file(options: FileOptions, say: Say) -> tuple[Path, dict[str, Any]]:
    """Make a run of the file, judge it, and return (run directory, scoreboard).

    Raises UserError for bad input before anything is written, NotComparableError as `run` does.
    """
    whole = load_suite(options.suite)
    whole.refuse_strangers(options.data_files)
    data_directories(options.data_dirs)
    loader = TaskLoader(whole.narrowed(tasks=options.tasks), data_dirs=options.data_dirs, data_files=options.data_files)
    return judge_answers(AnswerFile(options.file), whole, loader, options, say)


def judge_answers(
    answers: Answers, whole: Suite, loader: TaskLoader, options: FileOptions, say: Say
) -> tuple[Path, dict[str, Any]]:
    """Make a run of answers, judge it, and return (run directory, scoreboard).

    Args:
        answers: the checked rows of a file, by task and doc.
        whole: the suite that they answer.
        loader: loads the docs of the tasks that are wanted.
        options: which tasks, what is known of the sampling, where to write; `file` names the run if no model is known.
        say: receives what a reader of the scores should know.

    Raises UserError for bad input before anything is written, NotComparableError as `run` does.
    """
    suite = whole.narrowed(tasks=options.tasks)
    sampling = stated_sampling(options.sampling)
    baseline = load_baseline(options.baseline) if options.baseline else None
    reading = read_once(answers, whole, suite, loader)
    config = _config(options, suite, reading, sampling, answers)
    check_baseline(config, baseline, say)
    for sentence in remarks(options.file, suite, reading):
        say(sentence)

    manifest = _manifest(options, reading, config, {task: _absent(options.file, task) for task in suite.tasks
                                                    if task not in reading.tasks})  # fmt: skip
    out = options.out or Path("runs") / f"{manifest['model']['name']}-{suite.name}-{digest(config)[:8]}"
    fresh = not (out / "manifest.json").exists()
    store = RunDirectory.create(out, manifest)
    try:
        if not store.generations.path.exists():
            _write_records(store, answers, reading)
        return out, score(store, grade(store, workers=options.workers), baseline)
    except UserError:
        if fresh and not store.generations.path.exists():
            store.discard()
        raise
    finally:
        store.close()


def stated_sampling(said: str | None) -> Callable[[Sampling], dict[str, Any]]:
    """Return `--sampling` as a function from a task's sampling in the suite to the sampling to record.

    `suite` records the suite's; `temperature=0.7,top_p=0.8` records these, and None for the rest; without it, all are
    None. Raises UserError for an unknown setting.
    """
    names = list(Sampling.model_fields)
    if said == "suite":
        return lambda of_suite: of_suite.model_dump()
    given: dict[str, str] = {}
    for part in (said or "").split(","):
        name, equals, value = part.strip().partition("=")
        if said and not (equals and value):
            raise UserError(f"--sampling {said}: expected `suite`, or settings as temperature=0.7,top_p=0.8")
        if said and name not in names:
            raise UserError(f"--sampling {said}: there is no setting {name!r}{nearest(name, names)}")
        if said:
            given[name] = value
    try:
        checked = Sampling.model_validate(given).model_dump()
    except ValidationError as problem:
        error = problem.errors()[0]
        raise UserError(f"--sampling {'.'.join(map(str, error['loc']))}: {error['msg']}") from problem
    return lambda _: {name: checked[name] if name in given else None for name in names}


def _config(
    options: FileOptions,
    suite: Suite,
    reading: Reading,
    sampling: Callable[[Sampling], dict[str, Any]],
    answers: Answers,
) -> dict[str, Any]:
    """Return the settings that decide results, as `run` writes them; None for those the file does not record."""
    resolved = suite.resolved()
    recorded = {task: answers.settings(task) for task in reading.tasks}
    tasks = {
        task: {
            "family": settings["family"],
            "repeats": reading.repeats[task],
            "sampling": _both(sampling(suite.sampling_of(task)), recorded[task].get("sampling") or {}),
        }
        for task, settings in resolved["tasks"].items()
        if task in reading.tasks
    }
    return {
        "schema": SCHEMA,
        "context": None,
        "model": {"fingerprint": f"sha256 {reading.sha256[:32]}", "chat_template": None},
        "engine": {"name": ENGINE},
        "suite": {**resolved, "thinking": None, "tasks": tasks},
        "seed": None,
        "changes": {"tasks": ",".join(options.tasks)} if options.tasks else {},
        "skip_too_long": False,
        "data": {task: {**reading.loaded[task].manifest(), "until": recorded[task].get("until")} for task in tasks},
        "prompts": {name: reading.prompts[name] for name in ("asked", "other", "unknown")},
    }


def _both(stated: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings stated on the command line, and those recorded with the answers for the others."""
    return {name: recorded.get(name) if value is None else value for name, value in stated.items()}


def _manifest(
    options: FileOptions, reading: Reading, config: dict[str, Any], left_out: Mapping[str, str]
) -> dict[str, Any]:
    stem = options.file.name.removesuffix(".gz").removesuffix(".jsonl")
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": {
            "name": file_name(options.model or reading.model or stem),
            "path": str(options.file),
            "dtype": None,
            "context": None,
        },
        "engine_args": {},
        "versions": versions(),
        "data": {
            task.name: {"origin": task.origin, "revision": task.revision, "content_hash": task.content_hash}
            for task in reading.loaded.values()
        },
        "left_out": dict(left_out),
        "config": config,
    }


def _absent(file: Path, task: str) -> str:
    return f"{file.name} has no row of {task}"


def _write_records(store: RunDirectory, answers: Answers, reading: Reading) -> None:
    """Write docs, failures, and last the generations: if that file exists, the others do too."""
    docs = {(name, doc.doc_id): doc for name, asked in reading.tasks.items() for doc in asked.docs}
    write_atomically(store.path / "docs.jsonl", map(to_line, docs.values()))
    content, silent = hashlib.sha256(), dict[SamplePlace, str]()

    def generations() -> Iterator[bytes]:
        rows = answers.rows(read=content.update)
        for row, place in zip(rows, reading.places, strict=False):
            if place and row.text is None:
                silent[place] = row.absence or f"line {row.line} of {(row.file or answers.path).name} has no text"
            elif place:
                yield to_line(_generation(row, docs[place[:2]], place[2], reading))
        next(rows, None)  # rows added to the file meanwhile change its hash
        if content.hexdigest() != reading.sha256:
            raise UserError(f"{answers.path} changed while it was read; run the command again when it is finished")
        write_atomically(store.failures.path, map(to_line, _failures(answers.path, reading, docs, silent)))

    write_atomically(store.generations.path, generations())


def _generation(row: GenerationRow, doc: Doc, repeat: int, reading: Reading) -> Generation:
    return Generation(
        key=_key(reading, doc, repeat),
        task=doc.task,
        doc_id=doc.doc_id,
        doc_hash=doc.doc_hash,
        repeat=repeat,
        seed=None,
        text=row.text or "",
        finish_reason=row.finish_reason or "unknown",
        prompt_tokens=row.prompt_tokens,
        output_tokens=row.output_tokens,
        max_new_tokens=None,
        thinking_open=row.thinking_open,
    )


def _failures(
    file: Path, reading: Reading, docs: Mapping[tuple[str, int], Doc], silent: Mapping[SamplePlace, str]
) -> Iterator[Failure]:
    """Yield a failure for each answer that the file lacks."""
    given: dict[tuple[str, int], set[int]] = defaultdict(set)
    for place in reading.places:
        if place and place not in silent:
            given[place[:2]].add(place[2])
    for (task, doc_id), doc in docs.items():
        for repeat in sorted(set(range(reading.repeats[task])) - given[task, doc_id]):
            reason = silent.get((task, doc_id, repeat)) or f"{file.name} has no row for it"
            yield Failure(_key(reading, doc, repeat), task, doc_id, doc.doc_hash, repeat, reason)


def _key(reading: Reading, doc: Doc, repeat: int) -> str:
    return digest(ENGINE, reading.sha256, doc.task, doc.doc_hash, repeat)
