"""Rows of a user's task: the files that its YAML names lie beside it, as its `!function`s do; `--data` names others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError

FILE_SETTINGS = ("data_files", "data_dir")  # of dataset_kwargs
READERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}


def with_files_beside(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the settings of a task in which relative paths are to be others, with these paths; empty if none is.

    A path that leads somewhere from the working directory only is left as it stands.

    Args:
        config: the task's settings, includes resolved.
        folder: where its YAML lies.
    """
    changed: dict[str, Any] = {}
    given = config.get("dataset_kwargs")
    if isinstance(given, Mapping):
        found = {name: _beside(given[name], folder) for name in FILE_SETTINGS if name in given}
        if any(found[name] != given[name] for name in found):
            changed["dataset_kwargs"] = {**given, **found}
    source = config.get("dataset_path")
    if isinstance(source, str) and not Path(source).is_absolute() and (folder / source).exists():
        changed["dataset_path"] = str(folder / source)
    return changed


def with_rows_of(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return the settings that make a task ask the rows of `file`; its few-shot examples stay where they are.

    Args:
        config: the task's settings, includes resolved.
        file: JSON lines, JSON, CSV, TSV or Parquet.

    Raises UserError if the file is of another kind or missing, or the task names no split to ask.
    """
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise UserError(f"--data {config.get('task')}={file}: expected one of {', '.join(READERS)}")
    if not file.is_file():
        raise UserError(f"--data {config.get('task')}={file}: there is no such file")
    split = config.get("test_split") or config.get("validation_split")
    if not split:
        raise UserError(f"--data {config.get('task')}={file}: its YAML names neither test_split nor validation_split")
    kwargs = dict(config.get("dataset_kwargs") or {})
    others = kwargs.get("data_files") if config.get("dataset_path") == reader else None
    left = set(kwargs.get("data_files") or {}) - {split} if isinstance(kwargs.get("data_files"), Mapping) else set()
    if left and others is None:
        raise UserError(
            f"--data {config.get('task')}={file}: its examples ({min(left)}) are read as {config.get('dataset_path')}; "
            "give the rows in the same form"
        )
    kept = {name: files for name, files in others.items() if name != split} if isinstance(others, Mapping) else {}
    if file.suffix.lower() == ".tsv":
        kwargs["delimiter"] = "\t"
    kwargs["data_files"] = {**kept, split: str(file.resolve())}
    kwargs.pop("data_dir", None)
    return {"dataset_path": reader, "dataset_name": None, "dataset_kwargs": kwargs}


def _beside(value: Any, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return {name: _beside(part, folder) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_beside(part, folder) for part in value]
    if not isinstance(value, str) or "://" in value or Path(value).is_absolute():
        return value
    here = (folder / value).exists() or any(folder.glob(value))
    return value if not here and (Path(value).exists() or any(Path().glob(value))) else str(folder / value)
