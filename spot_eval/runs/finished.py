"""The one reader of a finished run, or of a saved baseline: verdicts, scoreboard, docs and texts.

    run = read_run(Path("runs/tiny-sft-1a2b3c4d"))
    run.docs["aime24"]["5b…"].scores                # (1.0, 0.0, None, 1.0): one per repeat, None if not judged
    run.board["tasks"]["aime24"]["stderr"]          # as scoreboard.json has it; nothing computes it again
    [doc.texts for doc in run.answers("aime24")]    # read from generations.jsonl one record at a time

Comparison, gate, report, exports, pairs and the Python API all read runs through this module, so that each of them
shows the same number. Knows files; statistics only to fill in for a saved baseline without a scoreboard.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import check_document, read_document
from spot_eval.core.record_files import checked_rows, read_records
from spot_eval.core.records import Doc, Generation, Sample, cluster_of
from spot_eval.metrics.scoreboard import docs_of, scoreboard
from spot_eval.runs.directory import SCHEMA, RunDirectory, refuse_shard
from spot_eval.runs.integrity import refuse_lost_samples, refuse_other_text
from spot_eval.runs.judged import SAVED_FILE, SCORES_FILE, JudgedDoc, JudgedRun, judged_docs
from spot_eval.runs.looks import Looks, looks_of, read_looks
from spot_eval.runs.record_index import RecordFile, RecordIndex, index_docs, index_generations

SamplesByDoc = Mapping[str, Mapping[str, Sequence[Sample]]]
"""Task to doc_hash to samples, repeats in order."""

JUDGED_FIELDS = {field.name for field in fields(JudgedDoc)}


@dataclass(frozen=True)
class AnsweredDoc:
    """A doc of a run: the prompt's messages, the gold, the row it came from, its samples, and the text of each."""

    doc_id: int
    doc_hash: str
    messages: list[dict[str, str]]
    gold: Any
    row: Mapping[str, Any]
    samples: Sequence[Sample]
    texts: list[str | None]
    """None for a sample without a text (its request failed)."""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """(context, continuation) of each text that was scored; a rolling text is a continuation without a context."""
    choices: list[dict[str, Any]] = field(default_factory=list)
    """Log-likelihood of each pair; empty if a text was generated."""


def _scored_pairs(scored: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = scored.get("continuations", [])
    given = scored.get("contexts") or [""]
    contexts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in given]
    if len(contexts) == 1:
        contexts *= len(texts)
    return list(zip(contexts, texts, strict=True))


@dataclass(frozen=True)
class FinishedRun(JudgedRun):
    """A finished run on disk. Everything beyond the verdicts is read when it is first asked for."""

    @cached_property
    def samples(self) -> list[Sample]:
        """Every sample. Those of a saved baseline lack what it does not keep: keys, answers, reasons."""
        if self.saved:
            return [
                sample
                for task, docs in self.docs.items()
                for doc in docs.values()
                for sample in _samples_of_saved(task, doc, self.graders.get(task, ""))
            ]
        return list(read_samples(self.path, self.manifest, self.looks))

    @cached_property
    def samples_by_doc(self) -> SamplesByDoc:
        """The samples of each doc, tasks in the order of the suite."""
        by_task: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            by_task[sample.task].append(sample)
        return {task: docs_of(by_task[task]) for task in self.config["suite"]["tasks"] if task in by_task}

    @cached_property
    def board(self) -> Mapping[str, Any]:
        """The scoreboard, as scoreboard.json has it.

        A saved baseline without that file gets it from its scores. Raises UserError if the run has no scoreboard, or
        one of other tasks than its samples.
        """
        if not self.docs:
            raise UserError(f"{self.path} has no judged sample, so there is nothing to show; run it again")
        if strangers := sorted(self.docs.keys() - self.config["suite"]["tasks"].keys()):  # of a saved baseline
            raise UserError(f"{self.path}: task {strangers[0]!r} is not in the run's manifest; save it again")
        file = self.path / "scoreboard.json"
        if file.is_file():
            board = read_document(file, "scoreboard")
        elif self.saved:
            board = self._board_of_saved()
        else:
            raise UserError(f"{self.path} has no scoreboard.json; grade it again: spot-eval grade {self.path}")
        if board["tasks"].keys() != self.docs.keys():
            raise UserError(f"{file} and the run's samples do not name the same tasks; grade the run again")
        for task, entry in board["tasks"].items():
            counted = len(self.docs[task]), sum(len(doc.scores) for doc in self.docs[task].values())
            if counted != (entry["docs"], entry["samples"]):
                raise UserError(
                    f"{file} counts {entry['samples']} samples of {task}, the run has {counted[1]}; grade the run again"
                )
        return {"model": self.name, "changes": self.config["changes"], **board}

    def _board_of_saved(self) -> dict[str, Any]:
        clusters = {
            task: {doc.doc_hash: doc.cluster for doc in docs.values() if doc.cluster is not None}
            for task, docs in self.docs.items()
        }
        suite, left_out = self.config["suite"], self.manifest.get("left_out")
        board = scoreboard(self.samples, suite=suite, left_out=left_out, clusters=clusters)
        return {**board, "cost": {**board["cost"], **self.cost}}

    @cached_property
    def sessions(self) -> list[dict[str, Any]]:
        """The record of each time the command ran, oldest first; none for a saved baseline."""
        return [] if self.saved else RunDirectory.at(self.path).read_sessions()

    @cached_property
    def generation_index(self) -> RecordIndex:
        """The place of each generation in generations.jsonl, by (key,); empty for a saved baseline."""
        return index_generations(self.path / "generations.jsonl")

    @cached_property
    def doc_index(self) -> RecordIndex:
        """The place of each doc in docs.jsonl, by (task, doc_hash)."""
        return index_docs(self.path / "docs.jsonl")

    def answers(self, task: str, repeat: int | None = None) -> Iterator[AnsweredDoc]:
        """Yield the docs of `task` with their samples and texts, or with the sample and text at `repeat` alone.

        A doc without a sample there is left out. Raises UserError if docs.jsonl lacks a doc.
        """
        self.refuse_saved()
        with (
            closing(RecordFile(self.path / "docs.jsonl", Doc)) as docs,
            closing(RecordFile(self.path / "generations.jsonl", Generation)) as generations,
        ):
            for doc_hash, of_doc in self.samples_by_doc[task].items():
                samples = of_doc if repeat is None else of_doc[repeat : repeat + 1]
                if not samples:
                    continue
                doc = docs.read(self.doc_index.get((task, doc_hash)))
                if doc is None:
                    raise UserError(f"{self.path / 'docs.jsonl'} lacks doc {samples[0].doc_id} of {task}; run it again")
                records = [self.judged_record(sample, generations) for sample in samples]
                yield AnsweredDoc(
                    doc_id=samples[0].doc_id,
                    doc_hash=doc_hash,
                    messages=doc["messages"],
                    gold=doc["gold"],
                    row=doc["row"],
                    samples=samples,
                    texts=[record["text"] if record else None for record in records],
                    pairs=_scored_pairs(doc.get("likelihood") or {}),
                    choices=next((one["choices"] for one in records if one and one.get("choices")), []),
                )

    def judged_record(self, sample: Sample, generations: RecordFile) -> dict[str, Any] | None:
        """Return the record of generations.jsonl that `sample` judged; None if it has none.

        Raises UserError if the text there is not the one that was judged.
        """
        record = generations.read(self.generation_index.get((sample.key,)))
        if record is not None:
            refuse_other_text(self.path, sample, record)
        return record

    def refuse_saved(self) -> None:
        """Raise UserError for a saved baseline, which keeps neither docs nor texts."""
        if self.saved:
            raise UserError(f"{self.path} is a saved baseline, without docs and texts; name the run it was saved from")


def read_run(path: Path) -> FinishedRun:
    """Return the finished run, or the saved baseline, at `path`.

    Raises UserError if there is neither, or the run is not graded.
    """
    if (path / SAVED_FILE).is_file():
        return _read_saved(path)
    store = RunDirectory.at(path)
    if not (path / "samples.jsonl").is_file():
        refuse_shard(path)
        raise UserError(f"{path} has no samples.jsonl; finish it first: run or grade it again")
    manifest, looks = store.manifest, read_looks(path)
    graders: dict[str, str] = {}

    def noted(samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in samples:
            graders[sample.task] = sample.grader
            yield sample

    samples = read_samples(path, manifest, looks)
    docs = judged_docs(noted(samples), read_clusters(path / "docs.jsonl"))
    board = read_document(path / "scoreboard.json", "scoreboard") if (path / "scoreboard.json").is_file() else {}
    return FinishedRun(path, manifest, docs, graders, board.get("cost", {}), looks=looks)


def read_samples(path: Path, manifest: Mapping[str, Any], looks: Looks | None) -> Iterator[Sample]:
    """Yield the samples of the run at `path`, as many as its manifest counts, unless it may have stopped at a look.

    Raises UserError if a record is broken, doubled or lost; for a lost one, after the last sample.
    """
    looked_at = looks is not None and not looks.whole
    return refuse_lost_samples(path, read_records(path / "samples.jsonl", Sample), manifest, looked_at=looked_at)


def read_scored_run(path: Path) -> FinishedRun:
    """Return the run or saved baseline at `path`; raise UserError at once if it has no scoreboard of its samples."""
    run = read_run(path)
    assert run.board
    return run


def read_clusters(docs: Path) -> dict[str, dict[str, str]]:
    """Return task to doc_hash to `cluster_id`, for the rows that have one.

    A user's own task keeps its row one level down, in `row`.
    """
    clusters: dict[str, dict[str, str]] = defaultdict(dict)
    for line in checked_rows(docs, Doc) if docs.is_file() else ():
        if (cluster := cluster_of(line["row"])) is not None:
            clusters[line["task"]][line["doc_hash"]] = cluster
    return dict(clusters)


def _read_saved(path: Path) -> FinishedRun:
    head = read_saved_head(path)
    docs: dict[str, dict[str, JudgedDoc]] = defaultdict(dict)
    for row in checked_rows(path / SCORES_FILE, JudgedDoc):
        task = row.pop("task")
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in row.items()}
        docs[task][row["doc_hash"]] = JudgedDoc(**{name: values[name] for name in JUDGED_FIELDS & values.keys()})
    return FinishedRun(
        path,
        head["manifest"],
        dict(docs),
        head.get("graders", {}),
        head.get("cost", {}),
        saved=True,
        looks=looks_of(head.get("looks") or [], path / SAVED_FILE),
    )


def read_saved_head(path: Path) -> dict[str, Any]:
    """Return the content of the baseline.json in `path`. Raises UserError if it is not as this version writes it."""
    file = path / SAVED_FILE
    head = read_document(file, "baseline")
    config = head["manifest"].get("config")
    schema = config.get("schema") if isinstance(config, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{file} is not a baseline this version reads (schema {schema}, here {SCHEMA}); save it again")
    check_document(head["manifest"], file, "manifest")
    return head


def _samples_of_saved(task: str, doc: JudgedDoc, grader: str) -> list[Sample]:
    return [
        Sample(
            key="",
            task=task,
            doc_id=doc.doc_id,
            doc_hash=doc.doc_hash,
            repeat=repeat,
            score=score,
            extracted=None,
            why="",
            truncated=doc.truncated[repeat],
            unparsed=doc.unparsed[repeat],
            not_judged=score is None,
            prompt_tokens=None,
            output_tokens=doc.output_tokens[repeat],
            text_hash=doc.text_hashes[repeat],
            grader=grader,
        )
        for repeat, score in enumerate(doc.scores)
    ]


def mean_score(samples: Sequence[Sample] | None) -> float | None:
    """Return the mean over the judged samples of one doc; None if none was judged."""
    scores = [sample.score for sample in samples or () if sample.score is not None]
    return sum(scores) / len(scores) if scores else None
