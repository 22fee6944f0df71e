"""Load one of lm-eval's tasks with its data beside its YAML file, or from a file that replaces it.

    load_task_of(manager, "my_sums", rows="other.jsonl")

lm-eval looks for `dataset_kwargs: {data_files: …}` in the folder the command was started in; a task's author means the
folder of the YAML, as for `!function`. A path that exists only where lm-eval looks is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder as folder_of_package

LOADERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
"""Suffix of a file of rows to the loader of the `datasets` library."""


def load_task_of(manager: Any, name: str, rows: str | None = None) -> Any:
    """Return the task called `name`.

    Args:
        manager: lm-eval's TaskManager.
        name: name of the task.
        rows: a file of rows instead of the task's own; None for its own.

    Raises UserError if the file does not exist, is of an unknown kind, or is empty.
    """
    entry = manager.task_index[name]
    overrides: dict[str, Any] = {}
    if entry.yaml_path:
        from lm_eval.tasks._yaml_loader import load_yaml

        settings = load_yaml(entry.yaml_path, resolve_func=False)
        overrides = beside(settings, Path(entry.yaml_path).parent)
        if rows is not None:
            overrides = replaced(settings, name, rows)
        refuse_empty(name, {**settings, **overrides})
    if not overrides:
        return manager.load([name])["tasks"][name]
    return manager._factory.build(entry, overrides=overrides, registry=manager._index)


def beside(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the settings whose relative paths name something in `folder`, with these paths made absolute."""
    given = settings.get("dataset_kwargs")
    found: dict[str, Any] = {}
    if isinstance(given, Mapping):
        paths = {name: _beside(given[name], folder) for name in ("data_files", "data_dir") if name in given}
        if any(paths[name] != given[name] for name in paths):
            found["dataset_kwargs"] = {**given, **paths}
    path = settings.get("dataset_path")
    if isinstance(path, str) and path.startswith(".") and (folder / path).exists():
        found["dataset_path"] = str((folder / path).resolve())
    return found


def _beside(value: Any, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return {name: _beside(part, folder) for name, part in value.items()}
    if isinstance(value, list):
        return [_beside(part, folder) for part in value]
    if not isinstance(value, str) or "\0" in value or "://" in value or os.path.isabs(value):
        return value
    try:
        there = next(folder.glob(value), None) if any(mark in value for mark in "*?[") else folder / value
        return str((folder / value).absolute()) if there is not None and there.exists() else value
    except (OSError, ValueError, NotImplementedError):  # too long, or no pattern
        return value


def replaced(settings: Mapping[str, Any], name: str, rows: str) -> dict[str, Any]:
    """Return the settings that read the asked split from the file `rows`. Raises UserError if that cannot be."""
    file = Path(rows).expanduser()
    if not file.is_file():
        kind = "is a folder; name the file in it" if file.is_dir() else "there is no such file"
        raise UserError(f"--data {name}={rows}: {kind}")
    loader = LOADERS.get(file.suffix)
    if loader is None:
        raise UserError(f"--data {name}={rows}: rows are read from {', '.join(LOADERS)}")
    split = settings.get("test_split") or settings.get("validation_split")
    examples = settings.get("fewshot_split") or settings.get("training_split") or settings.get("validation_split")
    if settings.get("num_fewshot") and examples not in (None, split):
        raise UserError(
            f"--data {name}={rows}: the task takes its examples from split {examples!r}, which this file would "
            "replace too; name the file in the task's YAML instead (dataset_kwargs: data_files)"
        )
    return {
        "custom_dataset": None, "dataset_path": loader, "dataset_name": None, "test_split": split or "test",
        "validation_split": None, "training_split": None, "fewshot_split": None,
        "dataset_kwargs": {"data_files": {split or "test": str(file.absolute())}},
    }  # fmt: skip


def refuse_empty(name: str, settings: Mapping[str, Any]) -> None:
    """Raise UserError if the task names no data file, or an empty one: what reads it fails without words."""
    given = settings.get("dataset_kwargs")
    files = given.get("data_files") if isinstance(given, Mapping) else None
    for value in files.values() if isinstance(files, Mapping) else [files]:
        if value == []:
            raise UserError(f"task {name}: its data_files name no file")
        paths = value if isinstance(value, list) else [value]
        _refuse_empty_files(name, [path for path in paths if isinstance(path, str) and "\0" not in path])


def _refuse_empty_files(name: str, paths: Sequence[str]) -> None:
    for path in paths:
        if len(path) < 4096 and os.path.isfile(path) and not os.path.getsize(path):
            raise UserError(f"task {name}: its data file {path} is empty")


def task_source(name: str, tasks_dir: str | None, rows: str | None) -> dict[str, Any]:
    """Return where a grader finds a task again, for docs.jsonl; paths are relative to the current folder.

    docs.jsonl is sent to others, so it holds no absolute path of this machine.

    Args:
        name: name of the task.
        tasks_dir: folder of the user's tasks; None if there is none.
        rows: the file that `--data` names for it; None if there is none.
    """
    found: dict[str, Any] = {"include_path": [os.path.relpath(tasks_dir)] if tasks_dir else [], "name": name}
    return {**found, "rows": os.path.relpath(os.path.expanduser(rows))} if rows else found


def place_of(source: Mapping[str, Any]) -> tuple[str, tuple[str, ...], str | None]:
    """Return (name, folders of task files, file of rows) of what `task_source` wrote.

    Raises UserError if a folder is not there.
    """
    folders = [path for path in source["include_path"] if os.path.realpath(path) != os.path.realpath(ours())]
    for path in folders:
        if not os.path.isdir(path):
            raise UserError(
                f"the task files of {source['name']} are not in {path} (looked for from {os.getcwd()}); run this "
                "command in the folder where the run was made"
            )
    return source["name"], (str(ours()), *folders), source.get("rows")


def ours() -> Path:
    """Return the folder of the task files that come with this package."""
    return folder_of_package("tasks")
