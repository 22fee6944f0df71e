"""Suites: which tasks, in which families, how often and with which sampling. A suite is a YAML file:

    name: mine
    version: 1
    sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 4096}
    tasks_dir: my_tasks            # lm-eval YAMLs of your own, beside this file (optional)
    families:
      in_domain:
        math500: {repeats: 4}
      general:
        my_task: {repeats: 1, max_new_tokens: 512}
      ood:
        paths: {fresh: {generator: shortest_path, seed: 7, n: 100}}   # drawn by reasoning-gym, no task file

Knows names and numbers only; what a task asks is in its own YAML.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder


class _NoDoubles(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error and not the last one's."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping; raises ConstructorError at a doubled key."""
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
        return super().construct_mapping(node, deep)


class Sampling(BaseModel):
    """The sampling of tokens. Temperature 0 is greedy; top_p 1 and top_k 0 switch those filters off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    max_new_tokens: int = Field(default=32768, ge=1)


class Fresh(BaseModel):
    """A task that is drawn: rows by a generator of reasoning-gym, no task file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generator: str
    seed: int = Field(default=0, ge=0, lt=2**31)
    n: int = Field(default=100, ge=1, le=100_000)
    config: dict[str, Any] = {}


EXAMPLES = {"mmlu_dev": "mmlu"}
"""Sources of examples, which `--data` may name too, with their task."""

NOT_SAMPLING = ("repeats", "num_fewshot", "chat_template", "fresh")


class TaskSettings(BaseModel):
    """The settings of a task in a suite; what it leaves out comes from the suite's sampling."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repeats: int = Field(default=1, ge=1)
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    max_new_tokens: int | None = Field(default=None, ge=1)
    num_fewshot: int | None = Field(default=None, ge=0)
    """Examples before each question, instead of the task file's number."""
    chat_template: bool | None = None
    """For tasks of log-likelihoods: ask within the chat template (default: plain text, as these are published)."""
    fresh: Fresh | None = None


class Suite(BaseModel):
    """A suite file, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: int = Field(ge=1)
    description: str = ""
    sampling: Sampling = Sampling()
    thinking: bool = False
    tasks_dir: str | None = None
    families: dict[str, dict[str, TaskSettings]] = Field(min_length=1)
    _declared: dict[str, list[str]] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _each_task_once(self) -> Suite:
        names = [task for tasks in self.families.values() for task in tasks]
        if not names:
            raise ValueError("a suite needs at least one task under `families`")
        if doubles := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(doubles)}: a task belongs to one family only")
        return self

    @property
    def tasks(self) -> dict[str, str]:
        """Task name to family, in the suite's order."""
        return {task: family for family, tasks in self.families.items() for task in tasks}

    def settings(self, task: str) -> TaskSettings:
        """Return the suite's settings of `task`."""
        return self.families[self.tasks[task]][task]

    def repeats(self, task: str) -> int:
        """Return the number of samples per doc of `task`."""
        return self.settings(task).repeats

    def sampling_of(self, task: str) -> Sampling:
        """The sampling of one task: its own settings over the suite's."""
        own = self.settings(task).model_dump(exclude_none=True, exclude=set(NOT_SAMPLING))
        return self.sampling.model_copy(update=own)

    def refuse_strangers(self, data_files: Iterable[str]) -> None:
        """Raise UserError if `--data` names neither a task of the suite nor the examples of one."""
        for task in data_files:
            if EXAMPLES.get(task, task) not in self.tasks:
                raise UserError(f"--data {task}=…: suite {self.name} has no task {task!r}{nearest(task, self.tasks)}")
            if task not in EXAMPLES and self.settings(task).fresh:
                raise UserError(f"--data {task}=…: this task is drawn from a seed and reads no file")

    def narrowed(
        self,
        *,
        tasks: Sequence[str] | None = None,
        repeats: int | None = None,
        max_new_tokens: int | None = None,
        times: int = 1,
    ) -> Suite:
        """Return the suite with fewer tasks, other repeats or another budget.

        Args:
            tasks: the tasks to keep; None for all.
            repeats: repeats of every task, instead of its own.
            max_new_tokens: budget of every task, instead of its own.
            times: multiplies the repeats.

        Raises UserError for a task the suite does not have, naming the nearest.
        """
        chosen = list(tasks) if tasks else list(self.tasks)
        for task in chosen:
            if task not in self.tasks:
                raise UserError(f"suite {self.name} has no task {task!r}{nearest(task, self.tasks)}")

        def settings(task: str) -> TaskSettings:
            many = None if repeats is None and times == 1 else times * (repeats or self.repeats(task))
            update = {"repeats": many, "max_new_tokens": max_new_tokens}
            given = {key: value for key, value in update.items() if value is not None}
            return self.settings(task).model_copy(update=given)

        families = {
            family: {task: settings(task) for task in members if task in chosen}
            for family, members in self.families.items()
        }
        narrowed = self.model_copy(
            update={"families": {name: members for name, members in families.items() if members}}
        )
        narrowed._declared = self.declared_families
        return narrowed

    @property
    def declared_families(self) -> dict[str, list[str]]:
        """All families with all tasks of the suite, those included that the command line left out."""
        return self._declared or {family: list(members) for family, members in self.families.items()}

    def resolved(self) -> dict[str, Any]:
        """The suite as a run's configuration: per task its family, repeats and sampling, defaults filled in."""
        return {
            "name": self.name,
            "version": self.version,
            "thinking": self.thinking,
            "families": self.declared_families,
            "tasks": {
                task: {
                    "family": family,
                    "repeats": self.repeats(task),
                    "sampling": self.sampling_of(task).model_dump(),
                    **self.settings(task).model_dump(exclude_none=True, include={"num_fewshot", "chat_template"}),
                }
                for task, family in self.tasks.items()
            },
        }


def nearest(name: str, among: Iterable[str]) -> str:
    """Return the end of an error message: `"; the nearest is 'spot'"`, or the names there are."""
    names = list(among)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    if close:
        return f"; the nearest: {', '.join(close)}"
    return f"; there are: {', '.join(names)}"


def suite_names() -> list[str]:
    """The suites that come with this installation."""
    return sorted(path.stem for path in (folder("tasks") / "suites").glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """A suite by name, or from a file where `name` is a path.

    Raises UserError for an unknown name (with the nearest), or naming file, line or field where the file is broken.
    """
    own_file = Path(name)
    is_path = own_file.suffix in {".yaml", ".yml"} or own_file.is_file()
    path = own_file if is_path else folder("tasks") / "suites" / f"{name}.yaml"
    if not path.is_file():
        if is_path:
            raise UserError(f"there is no suite file {path}")
        raise UserError(f"no suite is called {name!r}{nearest(name, suite_names())} (or give a path to a YAML file)")
    try:
        suite = Suite.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=_NoDoubles))  # noqa: S506 - safe
    except yaml.MarkedYAMLError as problem:
        line = f", line {problem.problem_mark.line + 1}" if problem.problem_mark else ""
        raise UserError(f"{path}{line}: broken YAML ({problem.problem})") from problem
    except RecursionError as problem:
        raise UserError(f"{path}: nested too deeply to be a suite") from problem
    except (UnicodeDecodeError, yaml.YAMLError) as problem:
        raise UserError(f"{path}: not YAML in UTF-8 ({str(problem).splitlines()[0]})") from problem
    except ValidationError as problem:
        raise UserError(f"{path}: {'; '.join(readable(problem))}") from problem
    if suite.tasks_dir is not None:
        place = (path.parent / suite.tasks_dir).resolve()
        if not place.is_dir():
            raise UserError(f"{path}: tasks_dir {suite.tasks_dir!r} is not a folder ({place})")
        suite = suite.model_copy(update={"tasks_dir": str(place)})
    return suite


def readable(problem: ValidationError) -> Iterator[str]:
    """Yield what is wrong with a file a user wrote, a setting at a time."""
    for error in problem.errors():
        where = ".".join(str(part) for part in error["loc"]) or "the file"
        match error["type"]:
            case "extra_forbidden":
                yield f"{where}: there is no such setting"
            case "model_type" | "dict_type":
                yield f"{where}: expected a mapping of names to settings"
            case _:
                yield f"{where}: {error['msg'].removeprefix('Value error, ')}"
