"""Read a file of generations once: check every row, and find the doc it answers.

Nothing is written. `from_generations` makes a run of what was read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.core.progress import progress
from spot_eval.core.records import SamplePlace
from spot_eval.core.thinking import closes_unopened, has_thinking
from spot_eval.evaluation.checks import preflight
from spot_eval.interchange.doc_matching import AskedDocs, repeats_of
from spot_eval.interchange.generations_file import Answers
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Suite, nearest


@dataclass
class Reading:
    """Result of reading a file. `places` has one entry per row, None if its task was not asked for."""

    sha256: str = ""
    model: str | None = None
    places: list[SamplePlace | None] = field(default_factory=list)
    tasks: dict[str, AskedDocs] = field(default_factory=dict)
    loaded: dict[str, LoadedTask] = field(default_factory=dict)
    prompts: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)  # task to its rows without a text
    closed: int = 0  # answers that end a thinking block they did not open, if the row does not describe the prompt
    bare: int = 0  # answers without thinking, likewise
    repeats: dict[str, int] = field(default_factory=dict)


def read_once(answers: Answers, whole: Suite, suite: Suite, loader: TaskLoader) -> Reading:
    """Check every row and find its doc. The docs of a task are loaded when its first row is read.

    Args:
        answers: the file of generations, or what else holds answers.
        whole: the suite that the file answers.
        suite: its tasks that are wanted.
        loader: loads the docs of `suite`.

    Raises UserError naming line and column if a row matches no task or doc, if two rows answer the same repeat of a
    doc, or if the file names two models.
    """
    found, content, file = Reading(), hashlib.sha256(), answers.path
    lines: dict[SamplePlace, int] = {}
    graders: set[str] = set()
    with progress(f"reading {file.name} (KB)", answers.size() >> 10) as advance:
        behind = 0

        def advance_to(position: int) -> None:
            nonlocal behind
            advance((position >> 10) - behind)
            behind = position >> 10

        for row in answers.rows(read=content.update, behind=advance_to):
            where = f"{row.file or file}, line {row.line}"
            if row.model is not None and found.model not in {None, row.model}:
                raise UserError(
                    f"{where}, column model: {row.model!r} after {found.model!r}; one file holds one model's answers"
                )
            found.model = row.model or found.model
            if row.task not in whole.tasks:
                raise UserError(
                    f"{where}, column task: suite {whole.name} has no task {row.task!r}{nearest(row.task, whole.tasks)}"
                )
            if row.task not in suite.tasks:
                found.passed_over[row.task] += 1
                found.places.append(None)
                continue
            if row.task not in found.tasks:
                task = found.loaded[row.task] = loader.load(row.task)
                preflight(task.docs if task.grader == "ifeval" else (), {task.grader} - graders)
                graders.add(task.grader)
                found.tasks[row.task] = AskedDocs(row.task, task.docs)
            doc, prompt = found.tasks[row.task].find(row, where)
            place = (row.task, doc.doc_id, row.repeat)
            if place in lines:
                raise UserError(
                    f"{where}: doc {doc.doc_id} of {row.task}, repeat {row.repeat}, is already in line {lines[place]}; "
                    "several answers to a doc are told apart by a column repeat: 0, 1, 2, …"
                )
            lines[place] = row.line
            found.places.append(place)
            found.prompts[prompt] += 1
            found.silent[row.task] += row.text is None
            if row.thinking_open is None and row.text is not None:
                found.closed += closes_unopened(row.text)
                found.bare += not has_thinking(row.text)
    if not lines:
        raise UserError(f"{file}: it has no row{' of the chosen tasks' if found.places else ''}")
    try:
        found.repeats = repeats_of(lines)
    except UserError as problem:
        raise UserError(f"{file}, {problem}") from problem
    found.sha256 = content.hexdigest()
    return found


def remarks(file: Path, suite: Suite, reading: Reading) -> Iterator[str]:
    """Yield what a reader of the scores should know about the file."""
    if reading.passed_over:
        tasks = ", ".join(reading.passed_over)
        yield f"{reading.passed_over.total()} rows of tasks that --tasks leaves out are passed over ({tasks})"
    if absent := [task for task in suite.tasks if task not in reading.tasks]:
        yield f"{file.name} has no row of {', '.join(absent)}: left out, and their families have no mean"
    if reading.closed and reading.bare:
        yield (
            f"{reading.closed} answers end a thinking block that their prompt must have opened, and {reading.bare} "
            "have no thinking: if those were cut inside the block, they are judged by their scratch work. A column "
            "thinking_open (true or false) says whether the prompt left a block open"
        )
    answered = {place for place in reading.places if place}
    for task, asked in reading.tasks.items():
        wanted = len(asked.docs) * reading.repeats[task]
        there = sum(place[0] == task for place in answered)
        if there < wanted:
            yield f"{task}: {wanted - there} of {wanted} answers are not in {file.name}; they are not judged"
        if silent := reading.silent[task]:
            yield f"{task}: {silent} of {wanted} answers have no text (failures.jsonl says why); they are not judged"
    if other := reading.prompts["other"]:
        yield (
            f"{other} of {reading.prompts.total()} prompts are not the ones spot-eval asks; their docs were taken from "
            "doc_id, and the scores are of those prompts"
        )
