"""Judged answers of a finished run, and verdicts on corrected answers, for the `pairs` commands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.progress import progress
from spot_eval.graders import GRADER_FIELDS, load_grader
from spot_eval.graders.base import Verdict
from spot_eval.graders.pool import Job, Pool
from spot_eval.runs.finished import read_run
from trainer.pairs.elicit import Attempt


def attempts(run: Path) -> Iterator[Attempt]:
    """Yield every answer of the finished run at `run` with its verdict, in the order task, doc, repeat.

    A sample whose request failed has no answer, and is skipped. Raises UserError if `run` is not a finished run.
    """
    finished = read_run(run)
    finished.refuse_saved()
    for task in finished.samples_by_doc:
        grader = finished.config["data"][task]["grader"]
        for doc in finished.answers(task):
            for sample, text in zip(doc.samples, doc.texts, strict=True):
                if text is None or doc.choices:
                    continue  # never answered, or no text was generated
                yield Attempt(
                    id=f"{task}/{doc.row.get('id', sample.doc_id)}/{sample.repeat}",
                    doc=f"{task}/{sample.doc_hash}",
                    prompt=doc.messages,
                    text=text,
                    gold=doc.gold,
                    score=sample.score,
                    truncated=bool(sample.truncated),  # None: the run does not record it
                    source=str(run),
                    meta={
                        "task": task,
                        "doc_id": sample.doc_id,
                        "repeat": sample.repeat,
                        "grader": grader,
                        "row": doc.row,
                        "extracted": sample.extracted,
                    },
                )


def judge_texts(rows: Sequence[Mapping[str, Any]], texts: Sequence[str], verifier: str | None) -> list[Verdict]:
    """Return a verdict on each text as an answer to its row.

    `verifier` names a grader or a function (`module:function`); None takes the grader that each row names. Raises
    UserError if a row names none, or lacks a field that the grader reads.
    """
    jobs = []
    for row, text in zip(rows, texts, strict=True):
        meta = row.get("meta") or {}
        name = verifier or meta.get("grader")
        if not name:
            raise UserError(f"pair {row.get('id')!r} names no grader (meta.grader); give one: --verifier maths")
        jobs.append(Job(name, "judge", ({"answer": row.get("gold"), **(meta.get("row") or {})}, text)))
    names = sorted({job.grader for job in jobs})
    for name in names:
        load_grader(name)
        for field in GRADER_FIELDS.get(name, ()):
            for row, job in zip(rows, jobs, strict=True):
                if job.grader == name and job.args[0].get(field) is None:
                    raise UserError(f"pair {row.get('id')!r} has no field {field!r}, which the verifier {name} needs")
    verdicts: dict[int, Verdict] = {}
    with Pool(os.cpu_count() or 1, preload=names) as pool, progress("verifying", len(jobs)) as advance:
        for index, verdict in pool.run(jobs):
            assert isinstance(verdict, Verdict)
            verdicts[index] = verdict
            advance()
    return [verdicts[index] for index in range(len(jobs))]
