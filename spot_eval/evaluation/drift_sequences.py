"""Choose the stored answers of a base run that drift is measured on, and turn them into tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Doc, Generation, Likelihood
from spot_eval.graders import load_grader
from spot_eval.metrics.drift import AnswerDrift
from spot_eval.models.forced import Forced
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.runs.directory import RunDirectory


def chosen(
    store: RunDirectory, *, wanted: Sequence[str], limit: int | None, repeats: int
) -> tuple[dict[tuple[str, int], Doc], list[Generation]]:
    """Return the docs and the generations to read.

    Args:
        store: the base's run.
        wanted: tasks to read; all if it is empty.
        limit: docs per task; all if None.
        repeats: stored answers per doc.

    Raises UserError if the base holds none of them.
    """
    tasks = store.manifest["config"]["suite"]["tasks"]
    for task in wanted:
        if task not in tasks:
            raise UserError(f"{store.path} has no task {task!r}; it has: {', '.join(tasks)}")
    docs = {
        (doc.task, doc.doc_id): doc
        for doc in (read_records(store.path / "docs.jsonl", Doc) if (store.path / "docs.jsonl").is_file() else ())
        if (not wanted or doc.task in wanted) and (limit is None or doc.doc_id < limit)
    }
    found = [
        one
        for one in store.read_generations().values()
        if (one.task, one.doc_id) in docs and one.repeat < repeats and not isinstance(one, Likelihood)
    ]
    if not found:
        raise UserError(f"{store.path} holds no generated texts of these tasks; drift reads the base's own answers")
    return docs, sorted(found, key=lambda one: (one.task, one.doc_id, one.repeat))


def sequences(
    docs: Mapping[tuple[str, int], Doc],
    generations: Sequence[Generation],
    manifest: Mapping[str, Any],
    tokenizer: ChatTokenizer,
) -> Iterator[tuple[str, tuple[Forced, AnswerDrift]]]:
    """Yield key, tokens to read and the record to fill: the base's answers, then a right reply per doc that has one.

    Args:
        docs: by task and number.
        generations: the base's answers to them.
        manifest: the base run's manifest.
        tokenizer: of both checkpoints.
    """
    graders = {task: entry["grader"] for task, entry in manifest["config"]["data"].items()}
    prompts: dict[tuple[str, int], Sequence[int]] = {}
    end = tokenizer.tokenizer.eos_token_id

    def ids(text: str, *, ended: bool) -> list[int]:
        found = list(tokenizer.tokenizer(text, add_special_tokens=False)["input_ids"])
        return [*found, end] if ended and isinstance(end, int) else found

    def forced(doc: Doc, kind: str, key: str, repeat: int, answer: list[int]) -> tuple[str, tuple[Forced, AnswerDrift]]:
        place = (doc.task, doc.doc_id)
        if place not in prompts:
            prompts[place] = tokenizer.render(doc.messages).token_ids
        empty = AnswerDrift(key, kind, doc.task, doc.doc_id, doc.doc_hash, repeat, len(answer), 0.0, 0.0, 0.0)
        return key, (Forced(key, prompts[place], answer), empty)

    for one in generations:
        answer = ids(one.text, ended=one.finish_reason == "stop")
        if answer:
            yield forced(docs[one.task, one.doc_id], "answer", one.key, one.repeat, answer)
    for doc in docs.values():
        perfect = load_grader(graders[doc.task]).perfect if graders[doc.task] != "lm_eval" else None
        reply = perfect(doc.row, doc.gold) if perfect else None
        if reply:
            yield forced(doc, "gold", f"gold-{doc.task}-{doc.doc_hash}", 0, ids(reply, ended=True))
