"""From generations to judged samples, in worker processes. Reads and writes the run directory; needs no model.

Every request of the run has one sample: what could not be generated is not judged, with the reason. If texts were
judged before, the verdicts that changed go to verdict_changes.jsonl.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically
from spot_eval.core.keys import digest
from spot_eval.core.progress import Advance, progress
from spot_eval.core.record_files import read_records, to_line
from spot_eval.core.records import Doc, Generation, Sample, SamplePlace
from spot_eval.evaluation.grade_meanwhile import Meanwhile
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
    store: RunDirectory,
    *,
    workers: int | None = None,
    again: bool = False,
    asked: Asked | None = None,
    meanwhile: Meanwhile | None = None,
) -> list[Sample]:
    """Judge the run's generations, write samples.jsonl, and return the samples in task, doc, repeat order.

    Texts are read as grading processes get to them; only their samples stay in memory.

    Args:
        store: the run, which holds docs and generations.
        workers: number of grading processes; one per core if None.
        again: judge every text again. Otherwise verdicts of the same grader version are kept.
        asked: what a run that stopped at a look has asked; None for all of the protocol.
        meanwhile: the grading that went on while the texts were generated; its verdicts are used.
    """
    if meanwhile is not None:
        meanwhile.end()
    manifest = store.manifest
    config = manifest["config"]
    docs_file = store.path / "docs.jsonl"
    docs = {(doc.task, doc.doc_id): doc for doc in read_records(docs_file, Doc)}
    refuse_lost_docs(docs_file, ((doc.task, doc.doc_hash) for doc in docs.values()), manifest)
    reasons = {_place(one): one.reason for one in store.read_failures().values()}
    names = {task: data["grader"] for task, data in config["data"].items()}
    grader_of = {task: f"{name}/{load_grader(name).version}" for task, name in names.items()}
    path = store.path / "samples.jsonl"
    earlier = _earlier(path)
    kept = {} if again else earlier
    repeats = {
        (task, doc_id): config["suite"]["tasks"][task]["repeats"]
        if asked is None
        else asked.get(task, {}).get(doc.doc_hash, 0)
        for (task, doc_id), doc in docs.items()
    }
    answers = _Answers(docs, repeats, names, grader_of, kept, meanwhile)

    with (
        nullcontext(meanwhile.pool)
        if meanwhile is not None and meanwhile.all_graders
        else Pool(workers or os.cpu_count() or 1, preload=sorted(set(names.values())))
    ) as pool:
        with progress("grading", _lines(store.generations.path)) as advance:
            for index, verdict in pool.run(answers.jobs(store.generations.path, advance)):
                assert isinstance(verdict, Verdict)
                answers.judged(index, verdict)
                advance()
        if not answers.judged_keys and kept and len(kept) == sum(repeats.values()):
            return list(kept.values())
        samples = []
        for (task, doc_id), count in repeats.items():
            for place in ((task, doc_id, repeat) for repeat in range(count)):
                if place in answers.samples:
                    samples.append(answers.samples.pop(place))
                else:
                    why = reasons.get(place, "not generated")
                    samples.append(_unanswered(docs[task, doc_id], place, why, grader_of[task]))
        samples = _with_votes(pool, samples, names)
    write_atomically(path, map(to_line, samples))
    if not answers.judged_keys.isdisjoint(earlier):
        write_changes(store.path, verdict_changes(earlier, samples))
    return samples


@dataclass
class _Answers:
    """The samples of a run's answers, made as their texts are read and judged.

    The later of two answers to one request counts.
    """

    docs: Mapping[tuple[str, int], Doc]
    repeats: Mapping[tuple[str, int], int]
    names: Mapping[str, str]  # task to grader
    grader_of: Mapping[str, str]  # task to grader and version
    kept: Mapping[str, Sample]  # key to the sample of an earlier grading
    meanwhile: Meanwhile | None
    samples: dict[SamplePlace, Sample] = field(default_factory=dict)
    judged_keys: set[str] = field(default_factory=set)
    at_work: dict[int, Generation] = field(default_factory=dict)
    newest: dict[SamplePlace, int] = field(default_factory=dict)  # of a place at work, the job that counts

    def jobs(self, path: Path, advance: Advance) -> Iterator[Job]:
        """Yield a job for each answer in the file at `path` without a verdict that still holds."""
        count = 0
        for number, one in enumerate(read_records(path, Generation) if path.exists() else ()):
            place = _place(one)
            if one.repeat >= self.repeats.get(place[:2], 0):
                advance()
                continue
            self.samples.pop(place, None)
            self.newest.pop(place, None)
            earlier = self.kept.get(one.key)
            if earlier is not None and _still_holds(earlier, one, self.grader_of[one.task]):
                self.samples[place] = earlier
                advance()
            elif self.meanwhile is not None and (verdict := self.meanwhile.take(number, one)) is not None:
                self._put(one, verdict)
                advance()
            else:
                self.at_work[count], self.newest[place] = one, count
                count += 1
                yield Job(self.names[one.task], "judge", (self.docs[place[:2]].row, one.judged_text))

    def judged(self, index: int, verdict: Verdict) -> None:
        """Take the verdict on the job with that number."""
        one = self.at_work.pop(index)
        if self.newest.get(_place(one)) == index:
            del self.newest[_place(one)]
            self._put(one, verdict)

    def _put(self, one: Generation, verdict: Verdict) -> None:
        self.samples[_place(one)] = _sample(one, verdict, self.grader_of[one.task])
        self.judged_keys.add(one.key)


def _lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)


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
