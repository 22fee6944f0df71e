"""Make docs of a task: what is asked, what is expected, and the row that the grader reads.

Rows come from lm-eval, which loads them and builds the messages, or from a generator with a seed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from spot_eval.core.cpu_limit import DOC_CPU_S, cpu_limit
from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest, doc_hash
from spot_eval.core.records import Doc
from spot_eval.graders import GRADER_FIELDS
from spot_eval.tasks.data.reasoning_gym import draw
from spot_eval.tasks.data.sources import ALL_SOURCES
from spot_eval.tasks.likelihood import OUTPUT_TYPES, scored_docs
from spot_eval.tasks.plain import plain
from spot_eval.tasks.suite import Fresh, TaskSettings, nearest

ASKED_FOR = "\n\nGive your final answer, and nothing else, between <answer> and </answer>."


@dataclass(frozen=True)
class LoadedTask:
    """A task with its docs, in the order of its data set."""

    name: str
    grader: str
    docs: list[Doc]
    until: tuple[str, ...]
    origin: str
    revision: str | None
    content_hash: str  # of messages, gold and rows of the docs that are asked
    task_version: str
    drawn: dict[str, Any] | None = None  # seed and generator, where the rows were made and not read
    scored: tuple[str, int] | None = None  # lm-eval's output type and number of examples, if log-likelihoods are asked

    @property
    def has_examples(self) -> bool:
        """Return True if log-likelihoods are asked after examples, a shared text that ties no docs together."""
        return bool(self.scored and self.scored[1])

    def manifest(self) -> dict[str, Any]:
        """Return what decides scores: goes into the run's configuration."""
        return {
            "docs": len(self.docs),
            "content_hash": self.content_hash,
            "grader": self.grader,
            "until": list(self.until),
            "task_version": self.task_version,
            **({"drawn": self.drawn} if self.drawn else {}),
            **({"output_type": self.scored[0], "num_fewshot": self.scored[1]} if self.scored else {}),
        }


def drawn_task(name: str, fresh: Fresh, seed: int | None, limit: int | None) -> LoadedTask:
    """Draw a task that has no file: see `tasks.data.reasoning_gym`. `seed` replaces the suite's.

    Args:
        name: name of the task.
        fresh: generator, number of rows and the suite's seed.
        seed: a seed instead of the suite's.
        limit: docs, the first ones; all if None.
    """
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


def read_task(task: Any, name: str, source: dict[str, Any], limit: int | None, own_code: str) -> LoadedTask:
    """Return the docs of a task that lm-eval has loaded.

    Args:
        task: lm-eval's task.
        name: its name in the suite.
        source: where a grader finds the task again, as `graders.task_loading.task_source` gives it.
        limit: only the first docs; None for all.
        own_code: hash of the user's task files, the version of a task that states none.

    Raises UserError if it needs log-likelihoods, names an unknown grader, has no rows, or lacks a field of its grader.
    """
    if task.config.output_type != "generate_until":
        known = ", ".join(["generate_until", *OUTPUT_TYPES])
        raise UserError(f"task {name}: there is no output_type {task.config.output_type!r}; there are: {known}")
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
        with cpu_limit(DOC_CPU_S):
            messages = _messages(task, raw)
            row = plain(raw)
            gold = plain(task.doc_to_target(raw))
        twin = digest(messages, gold)
        asked.append([messages, gold, row])
        if own_grader is None:
            row = {"_task": source, "row": row}
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


def read_scored_task(
    task: Any, name: str, settings: TaskSettings, source: dict[str, Any], limit: int | None, *, own_code: str
) -> LoadedTask:
    """Return a task of log-likelihoods with its docs.

    Args:
        task: lm-eval's task object.
        name: its name in the suite.
        settings: repeats, examples and chat template, as the suite sets them for it.
        source: where a grader finds the task again.
        limit: the number of docs; all if None.
        own_code: a hash of the user's task files; empty if there are none.
    """
    docs, content_hash = scored_docs(task, name, settings, source, limit)
    origin = _origin(task.eval_docs)
    version = str((task.config.metadata or {}).get("version", ""))
    return LoadedTask(
        name=name,
        grader="likelihood",
        docs=docs,
        until=(),
        origin=origin.get("origin") or str(task.config.dataset_path or "custom"),
        revision=origin.get("revision"),
        content_hash=content_hash,
        task_version=version if name in ALL_SOURCES or not own_code else own_code,
        scored=(task.config.output_type, task.config.num_fewshot or 0),
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
    """Return the source of the rows, as the loader wrote it into the data set's description."""
    description = getattr(getattr(rows, "info", None), "description", None) or "{}"
    try:
        found = json.loads(description)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
