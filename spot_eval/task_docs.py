"""From lm-eval task YAMLs to docs: what is asked, what is expected, which grader judges.

lm-eval reads the YAML, loads the rows and builds the messages (description and few-shot turns included), so a task says
here what it says under stock lm-eval. Its loop, caching and backends are not used.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.errors import UserError
from spot_eval.records import Doc, digest, doc_hash
from spot_eval.resources import folder
from spot_eval.sources import SOURCES, MissingData
from spot_eval.suite import Suite, nearest


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

    def manifest(self) -> dict[str, Any]:
        """What decides scores: goes into the run's configuration."""
        return {
            "docs": len(self.docs),
            "content_hash": self.content_hash,
            "grader": self.grader,
            "until": list(self.until),
            "task_version": self.task_version,
        }


def load_tasks(
    suite: Suite,
    *,
    data_dirs: Sequence[Path] = (),
    data_files: Mapping[str, Path] | None = None,
    limit: int | None = None,
) -> tuple[list[LoadedTask], dict[str, str]]:
    """The suite's tasks with their docs, the first `limit` of each where given.

    Returns (tasks, left_out): a gated data set that is not at hand is left out with the reason, so that the rest can
    run; its family then has no mean. Any other missing or malformed data raises UserError.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # lm-eval warns once for each custom_dataset it loads
    from lm_eval.tasks import TaskManager

    include = [str(folder("tasks")), *([suite.tasks_dir] if suite.tasks_dir else [])]
    metadata = {
        "data_dirs": [str(path) for path in data_dirs],
        "data_files": {task: str(path) for task, path in (data_files or {}).items()},
    }
    manager = TaskManager(include_path=include, include_defaults=False, metadata=metadata)
    known = manager.all_subtasks
    loaded, left_out = [], {}
    for name in suite.tasks:
        if name not in known:
            raise UserError(f"suite {suite.name}: there is no task {name!r}{nearest(name, known)}")
        try:
            loaded.append(_load_task(manager, name, include, limit))
        except MissingData as problem:
            gated = name in SOURCES and SOURCES[name].gated
            if not gated or name in metadata["data_files"] or len(suite.tasks) == 1:
                raise
            left_out[name] = str(problem)
    return loaded, left_out


def _load_task(manager: Any, name: str, include: list[str], limit: int | None) -> LoadedTask:
    task = manager.load([name])["tasks"][name]
    if task.config.output_type != "generate_until":
        raise UserError(
            f"task {name}: output_type {task.config.output_type} needs log-likelihoods; "
            "spot-eval runs generate_until tasks"
        )
    metadata = task.config.metadata or {}
    own_grader = metadata.get("grader")
    rows = task.eval_docs
    origin = _origin(rows)
    docs, seen = [], Counter[str]()
    for doc_id, raw in enumerate(rows):
        if limit is not None and doc_id >= limit:
            break
        messages = _messages(task, raw)
        row = dict(raw)
        gold = _plain(task.doc_to_target(raw))
        twin = digest(messages, gold)
        if own_grader is None:
            row = {"_task": {"include_path": include, "name": name}, "row": row}
        docs.append(Doc(name, doc_id, doc_hash(messages, gold, seen[twin]), messages, gold, _plain(row)))
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
        content_hash=digest([[doc.messages, doc.gold, doc.row] for doc in docs]),
        task_version=str(metadata.get("version", "")),
    )


def _messages(task: Any, row: Any) -> list[dict[str, str]]:
    """The turns lm-eval would hand to a chat template; a few-shot draw depends on nothing but the doc."""
    captured: list[dict[str, str]] = []

    def capture(messages: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        del add_generation_prompt  # a last assistant turn says it: see `Prompt rendering` in model.py
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
    return json.loads(json.dumps(value, default=lambda odd: odd.item() if hasattr(odd, "item") else str(odd)))


def requests_of(task: LoadedTask, repeats: int) -> Iterator[tuple[Doc, int]]:
    """Each doc of a task with each of its repeats."""
    for doc in task.docs:
        for repeat in range(repeats):
            yield doc, repeat
