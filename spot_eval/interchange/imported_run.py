"""The run directory of an import: what another harness recorded, in the form of a run of ours.

Settings that its logs do not record are None, so that no comparison takes them for equal.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically, write_json
from spot_eval.core.keys import digest
from spot_eval.core.record_files import to_line
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.metrics.scoreboard import scoreboard
from spot_eval.runs.directory import SCHEMA, RunDirectory
from spot_eval.tasks.suite import Suite, nearest

OTHER_FAMILY = "other"


@dataclass(frozen=True)
class Import:
    """Options of `spot-eval import`."""

    files: Sequence[Path]
    results: Path | None = None
    model: str | None = None
    metric: str | None = None
    filter: str | None = None
    families: Mapping[str, str] = field(default_factory=dict)  # task to family, over the suite's
    out: Path | None = None
    data_dirs: Sequence[Path] = ()  # of the docs that a batch answers, as in `run`
    data_files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedTask:
    """A task as the logs have it. `content` identifies its docs, `log` all that was recorded."""

    name: str
    docs: int
    content: str
    log: str
    grader: str
    origin: str
    repeats: int = 1
    sampling: Mapping[str, Any] = field(default_factory=dict)
    until: Any = None
    version: str | None = None


@dataclass(frozen=True)
class Tool:
    """The harness that made the logs, and what it says of the model. `name` is that of the suite, too."""

    name: str
    model: str
    path: str
    fingerprint: str | None = None
    chat_template: str | None = None
    dtype: str | None = None
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


Record = tuple[Doc, Generation | None, Sample]
Importer = Callable[[Import, Suite, Callable[[str], None]], tuple[Path, dict[str, Any]]]
"""Makes a run of a tool's files: (options, suite, receiver of remarks) -> (run directory, scoreboard)."""


def run_config(tasks: Sequence[ImportedTask], tool: Tool, suite: Suite, families: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that decide results, as `run` writes them; None for those the logs do not record.

    Args:
        tasks: the tasks of the logs.
        tool: the harness that made them.
        suite: gives the family of each task that it knows.
        families: task to family, over the suite's.

    Raises UserError if a family is given for a task that has no log.
    """
    if strangers := sorted(families.keys() - {task.name for task in tasks}):
        known = nearest(strangers[0], [task.name for task in tasks])
        raise UserError(f"--family {strangers[0]}=…: there is no log of {strangers[0]!r}{known}")
    entries: dict[str, Any] = {}
    data: dict[str, Any] = {}
    members: dict[str, list[str]] = {}
    for task in tasks:
        family = families.get(task.name) or suite.tasks.get(task.name, OTHER_FAMILY)
        members.setdefault(family, []).append(task.name)
        entries[task.name] = {"family": family, "repeats": task.repeats, "sampling": dict(task.sampling)}
        data[task.name] = {
            "docs": task.docs,
            "content_hash": task.content,
            "grader": task.grader,
            "until": task.until,
            "task_version": task.version,
        }
    return {
        "schema": SCHEMA,
        "context": None,
        "model": {"fingerprint": tool.fingerprint, "chat_template": tool.chat_template},
        "engine": {"name": tool.name},
        "suite": {"name": tool.name, "version": 1, "thinking": None, "families": members, "tasks": entries},
        "seed": tool.seed,
        "changes": {},
        "skip_too_long": False,
        "data": data,
        "logs": {task.name: task.log for task in tasks},
    }


def write_run(
    tasks: Sequence[ImportedTask], tool: Tool, config: Mapping[str, Any], records: Iterable[Record], out: Path | None
) -> tuple[Path, dict[str, Any]]:
    """Write the run directory; return it with its scoreboard.

    Args:
        tasks: the tasks of the logs.
        tool: the harness that made them.
        config: as `run_config` returns it.
        records: doc, generation and sample of each answer; a doc may come several times.
        out: the run directory; runs/<model>-<tool>-<hash> if None.
    """
    manifest = _manifest(tasks, tool, config)
    out = out or Path("runs") / f"{manifest['model']['name']}-{tool.name}-{digest(config)[:8]}"
    docs: dict[tuple[str, int], Doc] = {}
    generations, samples = [], []
    for doc, generation, sample in records:
        docs.setdefault((doc.task, doc.doc_id), doc)
        samples.append(sample)
        generations += [generation] if generation else []
    board = {"model": manifest["model"]["name"], "changes": {},
             **scoreboard(samples, suite=config["suite"], left_out={})}  # fmt: skip
    store = RunDirectory.create(out, manifest)
    try:
        for name, lines in (("docs", docs.values()), ("generations", generations), ("samples", samples)):
            write_atomically(out / f"{name}.jsonl", map(to_line, lines))
        write_json(out / "scoreboard.json", board)
    finally:
        store.close()
    return out, board


def _manifest(tasks: Sequence[ImportedTask], tool: Tool, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": {
            "name": re.sub(r"[^A-Za-z0-9._-]+", "-", tool.model).strip("-.") or "model",
            "path": tool.path,
            "dtype": tool.dtype,
            "context": None,
        },
        "engine_args": {},
        "versions": dict(tool.versions),
        "data": {task.name: {"origin": task.origin, "revision": None, "content_hash": task.content} for task in tasks},
        "left_out": {},
        "config": dict(config),
    }
