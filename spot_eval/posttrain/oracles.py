"""Sources of corrected answers: a file made by hand, the miniature's own oracle, or a model.

Each takes elicited rows and returns a `Reply` for every one of them, in order. Replies are not verified yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest, doc_hash
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.core.record_files import read_lines
from spot_eval.core.records import Doc
from spot_eval.core.thinking import after_thinking
from spot_eval.evaluation.generate import generate_missing
from spot_eval.evaluation.plan import make_plan, refuse_too_long
from spot_eval.miniature import Item
from spot_eval.models.model import Model, find_model
from spot_eval.models.registry import check_engine
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.manifest import build_manifest, run_config
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.suite import Suite
from trainer.pairs.rectify import corrected_text, repair_messages

PairRow = Mapping[str, Any]
TASK = "rectify"


@dataclass(frozen=True)
class Reply:
    """An oracle's reply to a row: texts to try in order, and the reason if there are no (more) texts."""

    texts: list[str] = field(default_factory=list)
    reason: str = ""
    how: str = ""


@dataclass(frozen=True)
class Asking:
    """Settings for asking a model to correct answers."""

    run: RunOptions
    """Model, engine, seed and budget; `repeats` is how often each row is asked."""
    sampling: Mapping[str, Any]
    thinking: bool = True
    direct: bool = False
    hint: bool = False
    template: str | None = None


def from_file(rows: Sequence[PairRow], file: Path) -> list[Reply]:
    """Return corrections from JSON Lines of `id` and `chosen` (or `corrected`). Raises UserError for a broken line."""
    by_id: dict[str, str] = {}
    for number, line in enumerate(read_lines(file), start=1):
        text = line.get("chosen") or line.get("corrected")
        if line.get("id") is None or not isinstance(text, str):
            has = ", ".join(line) or "nothing"
            raise UserError(f"{file}, line {number}: expected the columns id and chosen (there are: {has})")
        by_id[str(line["id"])] = text
    strangers = by_id.keys() - {row["id"] for row in rows}
    if strangers:
        raise UserError(f"{file} corrects {min(strangers)!r}, and there is no such row ({len(strangers)} in all)")
    return [
        Reply([by_id[row["id"]]], how="by hand") if row["id"] in by_id else Reply(reason="not in the file")
        for row in rows
    ]


def miniature(rows: Sequence[PairRow], *, direct: bool) -> list[Reply]:
    """Return corrections by the miniature's oracle, or answers of its teacher if `direct`.

    Raises UserError for a row that is not an item of the miniature.
    """
    from spot_eval.miniature import oracle, teacher

    replies = []
    for row in rows:
        known = (row.get("meta") or {}).get("row") or {}
        if not {"task", "kind", "prompt", "answer"} <= known.keys():
            raise UserError(f"row {row['id']!r} is not an item of the miniature, so its oracle cannot correct it")
        item = Item(*(known[name] for name in ("task", "kind", "prompt", "answer")))
        if direct:
            replies.append(Reply([teacher.solve(item)], how="taught"))
        else:
            found = oracle.correct(item, row["rejected"])
            replies.append(Reply([found.text], how=found.how))
    return replies


def from_model(rows: Sequence[PairRow], asking: Asking, work: Path, say: Say) -> list[Reply]:
    """Ask a model, and return its replies. The same call again resumes.

    Args:
        rows: wrong answers to correct, as `pairs elicit` writes them.
        asking: model, sampling and prompt.
        work: run directory that keeps each finished reply.
        say: receives sentences for the user.

    Raises UserError for bad options, or prompts that exceed the model's context.
    """
    check_engine(asking.run.engine)
    attempts = asking.run.repeats or 1
    suite = Suite.model_validate(
        {
            "name": TASK,
            "version": 1,
            "sampling": dict(asking.sampling),
            "thinking": asking.thinking,
            "families": {"oracle": {TASK: {"repeats": attempts}}},
        }
    )
    model = find_model(asking.run, suite, say)
    task = _task(rows, asking)
    plan = make_plan(
        [task],
        suite,
        model,
        fingerprint=model.identity,
        engine=model.facts.identity,
        context=model.facts.context,
        run_seed=asking.run.seed,
    )
    if plan.too_long and not asking.run.skip_too_long:
        refuse_too_long(plan.too_long, model.facts.context or 0)
    store = _open(work, asking.run, suite, model, task)
    try:
        generate_missing(store, plan, model, say)
        said: dict[int, dict[int, tuple[str, str | None]]] = {}
        for one in store.read_generations().values():
            answer = after_thinking(one.judged_text)
            text = f"<think>{one.text}" if answer is None else answer
            said.setdefault(one.doc_id, {})[one.repeat] = (text, one.finish_reason)
        failed = {one.doc_id: one.reason for one in store.read_failures().values()}
    finally:
        store.close()
    return [_reply(said.get(at, {}), failed.get(at, "not asked"), model.name) for at in range(len(rows))]


def _task(rows: Sequence[PairRow], asking: Asking) -> LoadedTask:
    docs = []
    for number, row in enumerate(rows):
        messages = repair_messages(row, template=asking.template, direct=asking.direct, hint=asking.hint)
        docs.append(Doc(TASK, number, doc_hash(messages, row["id"]), messages, row["id"], {}))
    return LoadedTask(
        name=TASK,
        grader="none",
        docs=docs,
        until=(),
        origin="elicited rows",
        revision=None,
        content_hash=digest([doc.doc_hash for doc in docs]),
        task_version="1",
    )


def _open(work: Path, options: RunOptions, suite: Suite, model: Model, task: LoadedTask) -> RunDirectory:
    config = run_config(options, suite, model, [task])
    return RunDirectory.create(work, build_manifest(options, model, [task], left_out={}, config=config))


def _reply(said: Mapping[int, tuple[str, str | None]], failure: str, name: str) -> Reply:
    if not said:
        return Reply(reason=failure, how=name)
    texts, reason = [], ""
    for _, (text, finish_reason) in sorted(said.items()):
        corrected = corrected_text(text)
        if corrected is None:
            reason = (
                "cut off by the token budget" if finish_reason == "length" else "no <corrected> answer in the reply"
            )
        else:
            texts.append(corrected)
    return Reply(texts, reason, name)
