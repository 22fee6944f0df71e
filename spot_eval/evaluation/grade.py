"""From generations to judged samples, in worker processes. Reads and writes the run directory; needs no model.

Every request of the run has one sample: what could not be generated is not judged, with the reason. If texts were
judged before, the verdicts that changed go to verdict_changes.jsonl.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically
from spot_eval.core.keys import digest
from spot_eval.core.progress import progress
from spot_eval.core.record_files import read_records, to_line
from spot_eval.core.records import Doc, Generation, Sample, SamplePlace
from spot_eval.evaluation.verdict_changes import verdict_changes, write_changes
from spot_eval.graders import load_grader
from spot_eval.graders.answer_groups import group_answers
from spot_eval.graders.base import Verdict
from spot_eval.graders.pool import Job, Pool
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.integrity import refuse_lost_docs

Asked = Mapping[str, Mapping[str, int]]
"""Task to doc_hash to how many repeats were asked."""


def grade(
    store: RunDirectory, *, workers: int | None = None, again: bool = False, asked: Asked | None = None
) -> list[Sample]:
    """Judge the run's generations, write samples.jsonl, and return the samples in task, doc, repeat order.

    Args:
        store: the run, which holds docs and generations.
        workers: number of grading processes; one per core if None.
        again: judge every text again. Otherwise verdicts of the same grader version are kept.
        asked: what a run that stopped at a look has asked; None for all of the protocol.
    """
    config = store.manifest["config"]
    docs_file = store.path / "docs.jsonl"
    docs = {(doc.task, doc.doc_id): doc for doc in read_records(docs_file, Doc)}
    refuse_lost_docs(docs_file, ((doc.task, doc.doc_hash) for doc in docs.values()), store.manifest)
    generations = {_place(one): one for one in store.read_generations().values()}
    reasons = {_place(one): one.reason for one in store.read_failures().values()}
    names = {task: data["grader"] for task, data in config["data"].items()}
    versions = {name: f"{name}/{load_grader(name).version}" for name in set(names.values())}
    grader_of = {task: versions[name] for task, name in names.items()}
    path = store.path / "samples.jsonl"
    earlier = _earlier(path)
    kept = {} if again else earlier

    wanted = [
        (task, doc_id, repeat)
        for (task, doc_id), doc in docs.items()
        for repeat in range(
            config["suite"]["tasks"][task]["repeats"] if asked is None else asked.get(task, {}).get(doc.doc_hash, 0)
        )
    ]
    to_judge = [
        place
        for place in wanted
        if (one := generations.get(place)) and not _still_holds(kept.get(one.key), one, grader_of[place[0]])
    ]
    if not to_judge and kept and len(kept) == len(wanted):
        return list(kept.values())

    with Pool(workers or os.cpu_count() or 1, preload=sorted(versions)) as pool:
        jobs = [
            Job(names[task], "judge", (docs[task, doc].row, generations[task, doc, r].judged_text))
            for task, doc, r in to_judge
        ]
        judged: dict[SamplePlace, Verdict] = {}
        with progress("grading", len(jobs)) as advance:
            for index, verdict in pool.run(jobs):
                assert isinstance(verdict, Verdict)
                judged[to_judge[index]] = verdict
                advance()
        samples = []
        for place in wanted:
            doc, one = docs[place[:2]], generations.get(place)
            if one is None:
                samples.append(_unanswered(doc, place, reasons.get(place, "not generated"), grader_of[doc.task]))
            elif place in judged:
                samples.append(_sample(one, judged[place], grader_of[doc.task]))
            else:
                samples.append(kept[one.key])
        samples = _with_votes(pool, samples, names)
    write_atomically(path, map(to_line, samples))
    if any(generations[place].key in earlier for place in to_judge):
        write_changes(store.path, verdict_changes(earlier, samples))
    return samples


def _earlier(path: Path) -> dict[str, Sample]:
    """Return the samples of an earlier grading by key; none if the file is absent or broken: it is made again."""
    try:
        return {sample.key: sample for sample in read_records(path, Sample)}
    except UserError:
        return {}


def _still_holds(sample: Sample | None, one: Generation, grader: str) -> bool:
    return sample is not None and sample.grader == grader and sample.text_hash == digest(one.content)


def _place(record: Any) -> SamplePlace:
    return (record.task, record.doc_id, record.repeat)


def _sample(one: Generation, verdict: Verdict, grader: str) -> Sample:
    return Sample(
        key=one.key,
        task=one.task,
        doc_id=one.doc_id,
        doc_hash=one.doc_hash,
        repeat=one.repeat,
        score=verdict.score,
        extracted=verdict.extracted,
        why=verdict.why,
        truncated=None if one.finish_reason == "unknown" else one.finish_reason == "length",
        unparsed=verdict.unparsed,
        not_judged=verdict.not_judged,
        prompt_tokens=one.prompt_tokens,
        output_tokens=one.output_tokens,
        text_hash=digest(one.content),
        grader=grader,
        metrics=dict(verdict.metrics),
        weights=dict(verdict.weights),
    )


def _unanswered(doc: Doc, place: SamplePlace, why: str, grader: str) -> Sample:
    """Return the sample of a request without a text: outside the mean, with the reason."""
    return Sample(
        key="-".join(map(str, place)),
        task=doc.task,
        doc_id=doc.doc_id,
        doc_hash=doc.doc_hash,
        repeat=place[2],
        score=None,
        extracted=None,
        why=why,
        truncated=False,
        unparsed=False,
        not_judged=True,
        prompt_tokens=None,
        output_tokens=None,
        grader=grader,
    )


def _with_votes(pool: Pool, samples: Iterable[Sample], names: dict[str, str]) -> list[Sample]:
    """Number equal answers of each doc, if the task's answers can vote."""
    samples = list(samples)
    by_grader: dict[str, dict[tuple[str, int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, sample in enumerate(samples):
        if load_grader(names[sample.task]).same is not None:
            by_grader[names[sample.task]][sample.task, sample.doc_id].append(index)
    for name, docs in by_grader.items():
        several = {doc: indices for doc, indices in docs.items() if len(indices) > 1}
        groups = group_answers(
            pool, name, {doc: [samples[i].extracted for i in found] for doc, found in several.items()}
        )
        for doc, indices in several.items():
            for index, group in zip(indices, groups[doc], strict=True):
                samples[index] = replace(samples[index], answer_group=group)
    return samples
