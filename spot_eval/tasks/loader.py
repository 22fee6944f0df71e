"""Load the tasks of a suite from lm-eval task YAMLs, by lm-eval itself.

lm-eval reads the YAML, loads the rows and builds the messages (description and few-shot turns included), so a task asks
here what it asks under stock lm-eval. Its loop, caching and backends are not used. `docs` makes the docs.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.paths import folder
from spot_eval.graders.task_loading import load_task_of, task_source
from spot_eval.tasks.data.rows import MissingData
from spot_eval.tasks.data.sources import ALL_SOURCES
from spot_eval.tasks.docs import LoadedTask, drawn_task, read_scored_task, read_task
from spot_eval.tasks.likelihood import OUTPUT_TYPES
from spot_eval.tasks.suite import Suite, nearest
from spot_eval.tasks.user_code import RunawayError, guarded, one_line, own_place
from spot_eval.tasks.yaml_files import bad_aliases

# What lm-eval, datasets and a task's own Python raise for a task that is wrong.
TASK_ERRORS = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, AssertionError, TemplateError,
    RunawayError, ArithmeticError, RecursionError, MemoryError, StopIteration,
)  # fmt: skip

OWN_TASK_CPU_S = 300.0
"""What a task of the user's may take to load with all its docs."""


def load_tasks(
    suite: Suite,
    *,
    data_dirs: Sequence[Path] = (),
    data_files: Mapping[str, Path] | None = None,
    limit: int | None = None,
    connect4_seed: int | None = None,
    fresh_seed: int | None = None,
) -> tuple[list[LoadedTask], dict[str, str]]:
    """Load the tasks of a suite with their docs.

    Args:
        suite: names the tasks, and the folder of the user's own.
        data_dirs: folders of local data sets.
        data_files: a file of rows for a task, by its name.
        limit: docs per task, the first ones; all if None.
        connect4_seed: draws other Connect4 boards.
        fresh_seed: draws other rows of tasks that a generator draws.

    Returns (tasks, left_out): a gated data set that is not at hand is left out with the reason, so that the rest can
    run; its family then has no mean. Any other missing or malformed data raises UserError.
    """
    loader = TaskLoader(
        suite, data_dirs=data_dirs, data_files=data_files, connect4_seed=connect4_seed, fresh_seed=fresh_seed
    )
    loaded, left_out = [], {}
    for name in suite.tasks:
        try:
            loaded.append(loader.load(name, limit))
        except MissingData as problem:
            if not loader.may_be_left_out(name):
                raise
            left_out[name] = str(problem)
    return loaded, left_out


class BrokenTaskError(UserError):
    """A task that cannot be loaded.

    Args:
        task: its name.
        file: the YAML file or Python module at fault.
        line: the line in that file, counted from 1; None if it is not known.
        why: the problem, in one sentence without a full stop.
    """

    def __init__(self, task: str, file: Path, line: int | None, why: str) -> None:
        super().__init__(f"task {task} ({file}, line {line}): {why}" if line else f"task {task} ({file}): {why}")
        self.file, self.line, self.why = file, line, why


class TaskLoader:
    """The tasks of a suite, loaded one at a time as they are asked for.

    Args:
        suite: the suite; its `tasks_dir` names the folder of the user's own tasks.
        data_dirs: folders to look for rows in.
        data_files: files of rows by task, used instead of the folders.
        connect4_seed: seed of the Connect4 boards; the task's own if None.
        fresh_seed: seed of the tasks that a generator draws; the suite's if None.
        unchecked: neither check nor hash the files of the user's own tasks.
        cpu_seconds: CPU time that a task may take to load; if None, OWN_TASK_CPU_S for a user's own, no limit for ours.

    Raises UserError if a file among the user's own tasks is broken or takes a name of ours, unless `unchecked`.
    """

    def __init__(
        self,
        suite: Suite,
        *,
        data_dirs: Sequence[Path] = (),
        data_files: Mapping[str, Path] | None = None,
        connect4_seed: int | None = None,
        fresh_seed: int | None = None,
        unchecked: bool = False,
        cpu_seconds: float | None = None,
    ) -> None:
        logging.getLogger("lm_eval").setLevel(logging.ERROR)  # lm-eval warns once for each custom_dataset it loads
        from lm_eval.tasks import TaskManager

        if not sys.stderr.isatty():
            importlib.import_module("datasets").disable_progress_bars()
        self.suite = suite
        self._cpu_seconds = cpu_seconds or (OWN_TASK_CPU_S if suite.tasks_dir else None)
        self._fresh_seed = fresh_seed
        self._include = [str(folder("tasks")), *([suite.tasks_dir] if suite.tasks_dir else [])]
        self._data_files = {task: str(path) for task, path in (data_files or {}).items()}
        metadata: dict[str, Any] = {
            "data_dirs": [str(path) for path in data_dirs],
            "data_files": self._data_files,
            **({} if connect4_seed is None else {"connect4_seed": connect4_seed}),
        }
        self._own_code = "" if unchecked else _own_tasks(suite)
        try:
            self._manager = TaskManager(include_path=self._include, include_defaults=False, metadata=metadata)
        except (*TASK_ERRORS, yaml.YAMLError) as problem:
            raise UserError(
                f"{suite.tasks_dir or folder('tasks')}: lm-eval cannot list its tasks ({one_line(problem)}); a name is "
                "a text, and `spot-eval tasks check FOLDER` names the file"
            ) from problem

    def load(self, name: str, limit: int | None = None) -> LoadedTask:
        """Return a task with its docs; whatever is wrong with a user's task is one sentence naming file and line.

        Raises MissingData if its rows are not at hand, UserError for anything else.
        """
        if fresh := self.suite.settings(name).fresh:
            return drawn_task(name, fresh, self._fresh_seed, limit)
        known = self._manager.all_subtasks
        if name not in known:
            raise UserError(f"suite {self.suite.name}: there is no task {name!r}{nearest(name, known)}")
        try:
            with guarded(self._cpu_seconds):
                own_rows = self._data_files.get(name) if name not in ALL_SOURCES else None
                task = load_task_of(self._manager, name, own_rows)
                settings = self.suite.settings(name)
                source = task_source(name, self.suite.tasks_dir, own_rows)
                if settings.num_fewshot is not None:
                    task.set_config("num_fewshot", settings.num_fewshot)
                if task.config.output_type in OUTPUT_TYPES:
                    return read_scored_task(task, name, settings, source, limit, own_code=self._own_code)
                if settings.chat_template is not None:
                    raise UserError(
                        f"task {name}: chat_template is for tasks of log-likelihoods; a task that generates is asked "
                        "within the template, or in plain text with --chat-template none"
                    )
                return read_task(task, name, source, limit, self._own_code)
        except UserError:
            raise
        except Exception as problem:
            place = own_place(problem, self.suite.tasks_dir)
            foreign = type(problem).__module__.partition(".")[0] in ("datasets", "pyarrow")
            if place is None and not foreign and not isinstance(problem, TASK_ERRORS):
                raise
            file, line = place or (self.file(name), None)
            raise BrokenTaskError(name, file, line, one_line(problem)) from problem

    def file(self, name: str) -> Path:
        """The YAML file of a task."""
        return Path(self._manager.task_index[name].yaml_path)

    def may_be_left_out(self, name: str) -> bool:
        """True if a run can do without the task: its data set is gated, nobody named a file, and there are others."""
        gated = name in ALL_SOURCES and ALL_SOURCES[name].gated
        return gated and name not in self._data_files and len(self.suite.tasks) > 1


def names_of_ours() -> set[str]:
    """The tasks that come with this installation."""
    from lm_eval.tasks import TaskManager

    return set(TaskManager(include_path=str(folder("tasks")), include_defaults=False).all_subtasks)


def _own_tasks(suite: Suite) -> str:
    """A hash of the user's task files, which decide what is asked and how it is judged; empty if there are none.

    Raises UserError for a file that is no YAML, or a task that takes the name of one of ours.
    """
    if suite.tasks_dir is None:
        return ""
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    files = sorted(path for path in Path(suite.tasks_dir).rglob("*") if path.suffix in {".yaml", ".py"})
    for path in files:
        if path.suffix == ".yaml":
            try:
                settings = load_yaml(path, resolve_func=False)
                endless = bad_aliases(path, yaml.compose(path.read_text(encoding="utf-8")))
            except yaml.MarkedYAMLError as problem:
                line = f", line {problem.problem_mark.line + 1}" if problem.problem_mark else ""
                raise UserError(f"{path}{line}: broken YAML ({problem.problem})") from problem
            except RecursionError as problem:
                raise UserError(f"{path}: nested too deeply to be a task file") from problem
            except (ValueError, OSError, yaml.YAMLError) as problem:
                raise UserError(f"{path}: no task file ({problem})") from problem
            if endless:
                raise UserError(str(endless))
            named = settings.get("task") if isinstance(settings, dict) else None
            if named is not None and not isinstance(named, str | list):
                raise UserError(f"{path}: task is {named!r}; expected a name")
    try:
        theirs = set(TaskManager(include_path=suite.tasks_dir, include_defaults=False).all_subtasks)
    except (*TASK_ERRORS, yaml.YAMLError) as problem:
        raise UserError(
            f"{suite.tasks_dir}: lm-eval cannot list its tasks ({one_line(problem)}); a task's name is a text, and "
            f"`spot-eval tasks check {suite.tasks_dir}` names the file"
        ) from problem
    if taken := sorted(names_of_ours() & theirs):
        raise UserError(f"{suite.tasks_dir}: task {taken[0]!r} has the name of one of spot-eval's own; rename it")
    return digest([[path.name, path.read_text(encoding="utf-8", errors="replace")] for path in files])
