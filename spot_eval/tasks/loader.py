"""From lm-eval task YAMLs to docs: what is asked, what is expected, which grader judges.

lm-eval reads the YAML, loads the rows and builds the messages (description and few-shot turns included), so a task says
here what it says under stock lm-eval. Its loop, caching and backends are not used.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder
from spot_eval.core.records import Doc, digest, doc_hash
from spot_eval.graders import GRADER_FIELDS
from spot_eval.tasks.data.reasoning_gym import draw
from spot_eval.tasks.data.sources import ALL_SOURCES, MissingData
from spot_eval.tasks.suite import Fresh, Suite, nearest
from spot_eval.tasks.user_code import RunawayError, guarded, one_line, own_place

# What lm-eval, datasets and a task's own Python raise for a task that is wrong.
TASK_ERRORS = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, AssertionError, TemplateError,
    RunawayError,
)  # fmt: skip


@dataclass(frozen=True)
class LoadedTask:
    """One task with its docs, in the order of its data set."""

    name: str
    grader: str
    docs: list[Doc]
    until: tuple[str, ...]
    origin: str
    revision: str | None
    content_hash: str  # of messages, gold and rows of the docs that are asked
    task_version: str
    drawn: dict[str, Any] | None = None  # seed and generator, where the rows were made and not read

    def manifest(self) -> dict[str, Any]:
        """What decides scores: goes into the run's configuration."""
        return {
            "docs": len(self.docs),
            "content_hash": self.content_hash,
            "grader": self.grader,
            "until": list(self.until),
            "task_version": self.task_version,
            **({"drawn": self.drawn} if self.drawn else {}),
        }


def load_tasks(
    suite: Suite,
    *,
    data_dirs: Sequence[Path] = (),
    data_files: Mapping[str, Path] | None = None,
    limit: int | None = None,
    connect4_seed: int | None = None,
    fresh_seed: int | None = None,
) -> tuple[list[LoadedTask], dict[str, str]]:
    """The suite's tasks with their docs, the first `limit` of each where given; `connect4_seed` draws other boards,
    `fresh_seed` other rows of tasks that a generator draws.

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
    """A task that cannot be loaded, with the file, and where known the line, that is to blame."""

    def __init__(self, task: str, file: Path, line: int | None, why: str) -> None:
        super().__init__(f"task {task} ({file}, line {line}): {why}" if line else f"task {task} ({file}): {why}")
        self.file, self.line, self.why = file, line, why


class TaskLoader:
    """The tasks of a suite, loaded one at a time as they are asked for.

    Raises UserError where a file among the user's own tasks is broken or takes a name of ours; `unchecked` passes
    over both. `cpu_seconds` is what a task may take to load.
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
        self._cpu_seconds, self._fresh_seed = cpu_seconds, fresh_seed
        self._include = [str(folder("tasks")), *([suite.tasks_dir] if suite.tasks_dir else [])]
        self._data_files = {task: str(path) for task, path in (data_files or {}).items()}
        metadata: dict[str, Any] = {
            "data_dirs": [str(path) for path in data_dirs],
            "data_files": self._data_files,
            **({} if connect4_seed is None else {"connect4_seed": connect4_seed}),
        }
        self._manager = TaskManager(include_path=self._include, include_defaults=False, metadata=metadata)
        self._own_code = "" if unchecked else _own_tasks(suite)

    def load(self, name: str, limit: int | None = None) -> LoadedTask:
        """One task with its docs; whatever is wrong with a user's task is one sentence naming file and line.

        Raises MissingData where its rows are not at hand, UserError for anything else.
        """
        if fresh := self.suite.settings(name).fresh:
            return drawn_task(name, fresh, self._fresh_seed, limit)
        known = self._manager.all_subtasks
        if name not in known:
            raise UserError(f"suite {self.suite.name}: there is no task {name!r}{nearest(name, known)}")
        try:
            with guarded(self._cpu_seconds):
                task = self._manager.load([name])["tasks"][name]
                return _read_task(task, name, self._include, limit, self._own_code)
        except UserError:
            raise
        except Exception as problem:
            place = own_place(problem, self.suite.tasks_dir)
            if place is None and not isinstance(problem, TASK_ERRORS):
                raise
            file, line = place or (self.file(name), None)
            raise BrokenTaskError(name, file, line, one_line(problem)) from problem

    def file(self, name: str) -> Path:
        """The YAML file of a task."""
        return Path(self._manager.task_index[name].yaml_path)

    def may_be_left_out(self, name: str) -> bool:
        """Whether a run can do without the task: its data set is gated, nobody named a file, and there are others."""
        gated = name in ALL_SOURCES and ALL_SOURCES[name].gated
        return gated and name not in self._data_files and len(self.suite.tasks) > 1


ASKED_FOR = "\n\nGive your final answer, and nothing else, between <answer> and </answer>."


def drawn_task(name: str, fresh: Fresh, seed: int | None, limit: int | None) -> LoadedTask:
    """Draw a task that has no file: see `tasks.data.reasoning_gym`. `seed` replaces the suite's."""
    drawn = draw(fresh, seed)
    docs = []
    for number, row in enumerate(drawn.rows[:limit]):
        messages = [{"role": "user", "content": row["question"].strip() + ASKED_FOR}]
        docs.append(Doc(name, number, doc_hash(messages, row["answer"]), messages, row["answer"], row))
    seen = Counter(doc.doc_hash for doc in docs)
    if twins := [doc.doc_id for doc in docs if seen[doc.doc_hash] > 1]:
        later = Counter[str]()
        for at in twins:
            doc = docs[at]
            docs[at] = replace(doc, doc_hash=doc_hash(doc.messages, doc.gold, later[doc.doc_hash]))
            later[doc.doc_hash] += 1
    return LoadedTask(
        name=name,
        grader="reasoning_gym",
        docs=docs,
        until=(),
        origin=f"{drawn.facts['generator']} {drawn.facts['version']}, seed {drawn.facts['seed']}",
        revision=None,
        content_hash=digest([[doc.messages, doc.gold, doc.row] for doc in docs]),
        task_version=drawn.facts["version"],
        drawn=drawn.facts,
    )


def names_of_ours() -> set[str]:
    """The tasks that come with this installation."""
    from lm_eval.tasks import TaskManager

    return set(TaskManager(include_path=str(folder("tasks")), include_defaults=False).all_subtasks)


def _own_tasks(suite: Suite) -> str:
    """A hash of the user's task files, which decide what is asked and how it is judged; empty where there are none.

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
                load_yaml(path, resolve_func=False)
            except yaml.MarkedYAMLError as problem:
                line = f", line {problem.problem_mark.line + 1}" if problem.problem_mark else ""
                raise UserError(f"{path}{line}: broken YAML ({problem.problem})") from problem
            except (ValueError, OSError, yaml.YAMLError) as problem:
                raise UserError(f"{path}: no task file ({problem})") from problem
    theirs = set(TaskManager(include_path=suite.tasks_dir, include_defaults=False).all_subtasks)
    if taken := sorted(names_of_ours() & theirs):
        raise UserError(f"{suite.tasks_dir}: task {taken[0]!r} has the name of one of spot-eval's own; rename it")
    return digest([[path.name, path.read_text(encoding="utf-8", errors="replace")] for path in files])


def _read_task(task: Any, name: str, include: list[str], limit: int | None, own_code: str) -> LoadedTask:
    if task.config.output_type != "generate_until":
        raise UserError(
            f"task {name}: output_type {task.config.output_type} needs log-likelihoods; "
            "spot-eval runs generate_until tasks"
        )
    metadata = task.config.metadata or {}
    own_grader = metadata.get("grader")
    if own_grader is not None and own_grader not in GRADER_FIELDS:
        raise UserError(f"task {name}: there is no grader {own_grader!r}{nearest(str(own_grader), GRADER_FIELDS)}")
    rows = task.eval_docs
    origin = _origin(rows)
    docs: list[Doc] = []
    asked: list[Any] = []
    seen = Counter[str]()
    for doc_id, raw in enumerate(rows):
        if limit is not None and doc_id >= limit:
            break
        messages = _messages(task, raw)
        row = _plain(raw)
        gold = _plain(task.doc_to_target(raw))
        twin = digest(messages, gold)
        asked.append([messages, gold, row])
        if own_grader is None:
            row = {"_task": {"include_path": include, "name": name}, "row": row}
        elif absent := [field for field in GRADER_FIELDS[own_grader] if row.get(field) is None]:
            raise UserError(
                f"task {name}, doc {doc_id}: grader {own_grader} reads {absent[0]!r}, which the row has not"
            )
        docs.append(Doc(name, doc_id, doc_hash(messages, gold, seen[twin]), messages, gold, row))
        seen[twin] += 1
    if not docs:
        raise UserError(f"task {name}: its data set has no rows")
    return LoadedTask(
        name=name,
        grader=own_grader or "lm_eval",
        docs=docs,
        until=_until(task),
        origin=origin.get("origin") or str(task.config.dataset_path or "custom"),
        revision=origin.get("revision"),
        content_hash=digest(asked),
        task_version=str(metadata.get("version", "")) if name in ALL_SOURCES or not own_code else own_code,
        drawn=origin.get("drawn"),
    )


def _messages(task: Any, row: Any) -> list[dict[str, str]]:
    """The turns lm-eval would hand to a chat template; a few-shot draw depends on nothing but the doc."""
    captured: list[dict[str, str]] = []

    def capture(messages: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        del add_generation_prompt  # a last assistant turn says it: see ChatTokenizer.render
        captured.extend(messages)
        return ""

    task.set_fewshot_seed(seed=1234)
    task.fewshot_context(
        row,
        task.config.num_fewshot or 0,
        apply_chat_template=True,
        fewshot_as_multiturn=True,
        chat_template=capture,
        gen_prefix=task.doc_to_prefix(row),
    )
    return captured


def _until(task: Any) -> tuple[str, ...]:
    until = (task.config.generation_kwargs or {}).get("until") or []
    return (until,) if isinstance(until, str) else tuple(text for text in until if text)


def _origin(rows: Any) -> dict[str, Any]:
    """Where the rows came from, as the loader wrote it into the data set's description."""
    description = getattr(getattr(rows, "info", None), "description", None) or "{}"
    try:
        found = json.loads(description)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _plain(value: Any) -> Any:
    """`value` as JSON types (numbers of numpy and dates become what JSON makes of them)."""
    return json.loads(
        json.dumps(_without_fill(value), default=lambda odd: odd.item() if hasattr(odd, "item") else str(odd))
    )


def _without_fill(value: Any, *, listed: bool = False) -> Any:
    """Without the nulls by which Arrow makes all objects of a list alike: they depend on the other rows."""
    if isinstance(value, dict):
        return {name: _without_fill(part) for name, part in value.items() if not (listed and part is None)}
    if isinstance(value, list):
        return [_without_fill(part, listed=True) for part in value]
    return value
