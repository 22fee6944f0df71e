"""`spot-eval tasks check`: would these tasks run, and does each one's gold judge right against itself?

A task's files are read, its Python imported, its first docs rendered, and the grader is given the gold as the answer.
Nothing is generated and nothing written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder
from spot_eval.core.records import Doc
from spot_eval.graders import Verdict, load_grader
from spot_eval.graders.pool import Job, Pool
from spot_eval.tasks.data.rows import MissingData, data_directories
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.loader import BrokenTaskError, TaskLoader, names_of_ours
from spot_eval.tasks.shared_stems import shared_stem
from spot_eval.tasks.suite import Suite, TaskSettings, load_suite
from spot_eval.tasks.yaml_files import CPU_SECONDS, Problem, TaskFile, read_task_files

DOCS = 10
STEM_DOCS = 1000
"""So many docs are searched for stems that several of them share."""


@dataclass
class Checked:
    """The findings about a task. `docs` counts those that rendered, `gold_right` those whose gold scored 1.

    `gold_asked` is 0 if a gold is no reply; `notes` are worth a look, `problems` are to be mended. `left_out`: its
    data set is gated and not at hand, so a run goes without it.
    """

    task: str
    file: Path | None
    docs: int = 0
    gold_asked: int = 0
    gold_right: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    left_out: bool = False

    @property
    def ok(self) -> bool:
        """True if nothing is to be mended."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the result for a script: paths as strings, problems as objects."""
        problems = [{**one._asdict(), "file": str(one.file)} for one in self.problems]
        return {**asdict(self), "file": self.file and str(self.file), "problems": problems, "ok": self.ok}


def check_tasks(
    what: str, data_dirs: Sequence[Path] = (), data_files: Mapping[str, Path] | None = None
) -> list[Checked]:
    """Check a folder of tasks, or the tasks of a suite by name or file; broken files without a task come first.

    Raises UserError if there is no such folder or suite, or the folder has no task.
    """
    data_directories(data_dirs)
    if Path(what).is_dir():
        files = read_task_files(Path(what))
        suite = _suite_of(Path(what), files)
    else:
        suite = load_suite(what)
        files = read_task_files(Path(suite.tasks_dir)) if suite.tasks_dir else []
    broken = [Checked(file.path.name, file.path, problems=file.problems) for file in files if not file.task]
    broken = [one for one in broken if not one.ok]
    if suite is None:
        if broken:
            return broken
        raise UserError(f"{what}: no task file is in it (a .yaml with a setting `task`)")
    suite.refuse_strangers(data_files or {})
    loader = TaskLoader(suite, data_dirs=data_dirs, data_files=data_files, unchecked=True, cpu_seconds=CPU_SECONDS)
    ours = names_of_ours() if suite.tasks_dir else set()
    with Pool(1, preload=()) as pool:
        return [*broken, *(_checked(task, files, ours, loader, pool) for task in suite.tasks)]


def _suite_of(root: Path, files: Sequence[TaskFile]) -> Suite | None:
    """A suite of all tasks under `root`; None if there is none."""
    tasks = {file.task: TaskSettings() for file in files if file.task}
    if not tasks:
        return None
    is_ours = folder("tasks").resolve() in [root.resolve(), *root.resolve().parents]
    return Suite(
        name="checked",
        version=1,
        tasks_dir=None if is_ours else str(root.resolve()),
        families={"checked": tasks},
    )


def _checked(task: str, files: Sequence[TaskFile], ours: set[str], loader: TaskLoader, pool: Pool) -> Checked:
    own = [file for file in files if file.task == task]
    one = Checked(task, own[0].path if own else None)
    for file in own:
        one.problems += file.problems
    one.problems += [Problem(file.path, file.line, f"{own[0].path} has a task {task} too") for file in own[1:]]
    if own and task in ours:
        one.problems.append(
            Problem(own[0].path, own[0].line, f"{task} is the name of one of spot-eval's own; rename it")
        )
    if one.ok:
        try:
            loaded = loader.load(task, STEM_DOCS)
            if not loaded.has_examples and (stem := shared_stem(loaded.docs)):
                one.notes.append(stem.sentence)
            _check_docs(one, replace(loaded, docs=loaded.docs[:DOCS]), pool)
        except MissingData as problem:
            if loader.may_be_left_out(task):
                one.left_out = True
                one.notes.append(f"left out of a run: {problem}")
            else:
                one.problems.append(Problem(one.file or loader.file(task), None, str(problem)))
        except BrokenTaskError as problem:
            one.problems.append(Problem(problem.file, problem.line, problem.why))
        except UserError as problem:
            one.problems.append(Problem(one.file or Path(loader.suite.name), None, str(problem)))
    return one


def _check_docs(one: Checked, task: LoadedTask, pool: Pool) -> None:
    one.docs = len(task.docs)
    file = one.file or Path(task.name)
    for doc in task.docs:
        if not all(turn["content"].strip() for turn in doc.messages):
            one.problems.append(Problem(file, None, f"doc {doc.doc_id}: a turn of its prompt is empty"))
    if len(task.docs) > 1 and all(doc.messages == task.docs[0].messages for doc in task.docs):
        one.notes.append(f"its first {len(task.docs)} prompts are the same text: does doc_to_text read the row?")
    replies = _replies(task)
    one.gold_asked = len(replies)
    jobs = [Job(task.grader, "judge", (doc.row, reply)) for doc, reply in replies]
    for index, verdict in pool.run(jobs):
        assert isinstance(verdict, Verdict)
        _judge_gold(one, task.grader, replies[index], verdict)


def _replies(task: LoadedTask) -> list[tuple[Doc, str]]:
    """Docs with the reply that their gold makes."""
    perfect = load_grader(task.grader).perfect
    found = [(doc, perfect(doc.row, doc.gold)) for doc in task.docs] if perfect else []
    return [(doc, reply) for doc, reply in found if reply is not None]


def _judge_gold(one: Checked, grader: str, asked: tuple[Doc, str], verdict: Verdict) -> None:
    doc, reply = asked
    shown = reply if len(reply) <= 60 else f"{reply[:57]}..."
    if verdict.score is not None and verdict.score >= 1:
        one.gold_right += 1
    elif grader == "lm_eval" and verdict.score is not None:
        # its filters and metrics are the task's own: they may want more than the bare gold, or count otherwise
        one.notes.append(f"doc {doc.doc_id}: its bare gold {shown!r} scores {verdict.score:g}")
    else:
        score = "is not judged" if verdict.score is None else f"scores {verdict.score:g}"
        why = f" ({verdict.why})" if verdict.why else ""
        one.problems.append(
            Problem(one.file or Path(one.task), None, f"doc {doc.doc_id}: its own gold, {shown!r}, {score}{why}")
        )


def print_checked(checked: Sequence[Checked]) -> None:
    """A table of tasks and results, then what is to be mended and what is worth a look."""
    from rich import box
    from rich.table import Table

    from spot_eval.display.terminal import Terminal

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("task", "result", "docs", "gold judged right"):
        table.add_column(title, justify="right" if title == "docs" else "left", no_wrap=True)
    for one in checked:
        gold = f"{one.gold_right} of {one.gold_asked}" if one.gold_asked else ("no gold to judge" if one.docs else "")
        result = "left out" if one.left_out else "ok" if one.ok else "broken"
        table.add_row(one.task, result, str(one.docs or ""), gold)
    console = Terminal()
    console.print(table)
    for one in checked:
        for problem in one.problems:
            console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
        for note in one.notes[:3]:
            console.print(f"note: {one.task}: {note}", markup=False, highlight=False, soft_wrap=True)
        if len(one.notes) > 3:
            console.print(f"note: {one.task}: and {len(one.notes) - 3} more like it", markup=False, highlight=False)
