"""What `pairs` needs of runs and graders: a run's judged answers, and verdicts on corrected ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.progress import progress
from spot_eval.core.records import Doc, Likelihood, Sample, read_records
from spot_eval.graders import GRADER_FIELDS, load_grader
from spot_eval.graders.base import Verdict
from spot_eval.graders.pool import Job, Pool
from spot_eval.runs.directory import RunDirectory
from trainer.pairs.elicit import Attempt


def attempts(run: Path) -> Iterator[Attempt]:
    """Every answer of the finished run at `run` with its verdict, in task, doc, repeat order.

    Raises UserError where there is no run, or it was not graded.
    """
    store = RunDirectory.at(run)
    if not (run / "samples.jsonl").is_file():
        raise UserError(f"{run} has no samples.jsonl; finish it first: run or grade it again")
    graders = {task: data["grader"] for task, data in store.manifest["config"]["data"].items()}
    docs = {(doc.task, doc.doc_id): doc for doc in read_records(run / "docs.jsonl", Doc)}
    generations = store.read_generations()
    for sample in read_records(run / "samples.jsonl", Sample):
        doc, one = docs[sample.task, sample.doc_id], generations.get(sample.key)
        if one is None or isinstance(one, Likelihood):
            continue  # asked, and never answered, or nothing was written: there is nothing to learn from
        yield Attempt(
            id=f"{sample.task}/{doc.row.get('id', sample.doc_id)}/{sample.repeat}",
            doc=f"{sample.task}/{sample.doc_hash}",
            prompt=doc.messages,
            text=one.text,
            gold=doc.gold,
            score=sample.score,
            truncated=bool(sample.truncated),  # None: nobody knows
            source=str(run),
            meta={
                "task": sample.task,
                "doc_id": sample.doc_id,
                "repeat": sample.repeat,
                "grader": graders[sample.task],
                "row": doc.row,
                "extracted": sample.extracted,
            },
        )


def judge_texts(rows: Sequence[Mapping[str, Any]], texts: Sequence[str], verifier: str | None) -> list[Verdict]:
    """A verdict on each text as an answer to its row.

    `verifier` names a grader or a function (`module:function`); None takes the grader each row came with. Raises
    UserError where a row has none, or lacks what the grader reads.
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
                    raise UserError(f"pair {row.get('id')!r}: the verifier {name} reads {field!r}, which it has not")
    verdicts: dict[int, Verdict] = {}
    with Pool(os.cpu_count() or 1, preload=names) as pool, progress("verifying", len(jobs)) as advance:
        for index, verdict in pool.run(jobs):
            assert isinstance(verdict, Verdict)
            verdicts[index] = verdict
            advance()
    return [verdicts[index] for index in range(len(jobs))]
