"""Task files as text: what is wrong with a YAML file or the Python beside it, with the line. Loads no data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from spot_eval.tasks.suite import nearest
from spot_eval.tasks.user_code import guarded, one_line, own_place

# What lm-eval reads of a task file beside the fields of its TaskConfig.
OTHER_SETTINGS = {"include", "class", "group", "task_list", "aggregate_metric_list", "group_alias"}
IGNORED = {"__pycache__", ".ipynb_checkpoints"}
CPU_SECONDS = 120.0  # far more than an import, or reading ten docs, takes
MOST_VALUES = 100_000  # of a file with its aliases written out


class Problem(NamedTuple):
    """Something to mend; `line` is None if only the file is known."""

    file: Path
    line: int | None
    why: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else str(self.file)
        return f"{place}: {self.why}"


class TaskFile(NamedTuple):
    """A YAML file: the task it defines (None for what others include, and for groups), and what is wrong with it.

    `line` is where it names its task.
    """

    path: Path
    problems: list[Problem]
    task: str | None = None
    line: int | None = None


def read_task_files(root: Path) -> list[TaskFile]:
    """Read every YAML file under `root`, in name order, its settings and `!function`s checked."""
    files = sorted(path for path in root.rglob("*.yaml") if not IGNORED & set(path.parts))
    return [_read(path, root) for path in files]


def _read(path: Path, root: Path) -> TaskFile:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else None
        return TaskFile(path, [Problem(path, line, f"broken YAML ({problem.problem})")])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as problem:
        deep = isinstance(problem, RecursionError)
        why = "nested too deeply to be a task file" if deep else f"not YAML in UTF-8 ({str(problem).splitlines()[0]})"
        return TaskFile(path, [Problem(path, None, why)])
    if not isinstance(node, yaml.MappingNode):
        return TaskFile(path, [Problem(path, 1, "expected a mapping of settings")])
    if endless := bad_aliases(path, node):
        return TaskFile(path, [endless])
    named = {str(key.value): value for key, value in node.value}
    problems = [*_settings(path, node), *_functions(path, node, root)]
    if "include" in named and not problems:
        problems += _included(path, named["include"])
    task = named.get("task")
    if isinstance(task, yaml.ScalarNode) and task.tag != "tag:yaml.org,2002:str":
        problems.append(Problem(path, task.start_mark.line + 1, f"task is {task.value!r}; expected a name, in quotes"))
    if not isinstance(task, yaml.ScalarNode) or "group" in named:
        return TaskFile(path, problems)
    return TaskFile(path, problems, str(task.value), task.start_mark.line + 1)


def _settings(path: Path, node: yaml.MappingNode) -> Iterator[Problem]:
    from lm_eval.config.task import TaskConfig

    known = {*TaskConfig.__dataclass_fields__, *OTHER_SETTINGS}
    seen: set[str] = set()
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name not in known:
            yield Problem(path, line, f"lm-eval has no setting {name!r}{nearest(name, sorted(known))}")
        if name in seen:
            yield Problem(path, line, f"{name} is given twice")
        seen.add(name)


def _functions(path: Path, node: yaml.Node, root: Path) -> Iterator[Problem]:
    """Imports what every `!function` of the file names."""
    from lm_eval.tasks._yaml_loader import _import_func_in_yml

    for scalar in _scalars(node):
        if scalar.tag != "!function":
            continue
        try:
            with guarded(CPU_SECONDS):
                _import_func_in_yml(str(scalar.value), path.parent)
        except Exception as problem:  # noqa: BLE001 - the user's own Python may raise anything as it is imported
            file, line = own_place(problem, str(root)) or (path, scalar.start_mark.line + 1)
            yield Problem(file, line, f"!function {scalar.value}: {one_line(problem)}")


def bad_aliases(path: Path, node: yaml.Node | None) -> Problem | None:
    """Return a problem if an alias makes a value hold itself, or aliases of aliases make too many; else None."""
    sizes: dict[int, int] = {}  # values under a node, each alias counted again
    opened: set[int] = set()
    left = [node] if node else []
    while left:
        part = left[-1]
        if id(part) in sizes:
            left.pop()
        elif id(part) in opened:
            left.pop()
            sizes[id(part)] = 1 + sum(sizes[id(child)] for child in _children(part))
            if sizes[id(part)] > MOST_VALUES:
                line = part.start_mark.line + 1
                return Problem(path, line, f"its aliases make more than {MOST_VALUES:,} values")
        else:
            opened.add(id(part))
            for child in _children(part):
                if id(child) in opened and id(child) not in sizes:
                    return Problem(path, child.start_mark.line + 1, "a value holds itself (its own alias stands in it)")
                left.append(child)
    return None


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    left = [node]  # no recursion: a file may be nested as deeply as its author likes
    while left:
        part = left.pop()
        if isinstance(part, yaml.ScalarNode):
            yield part
        left += reversed(_children(part))


def _included(path: Path, node: yaml.Node) -> Iterator[Problem]:
    for scalar in _scalars(node):
        if not (path.parent / str(scalar.value)).is_file():
            yield Problem(path, scalar.start_mark.line + 1, f"include: there is no file {scalar.value}")
