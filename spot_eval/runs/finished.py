"""The runs a report is about, read from their files: how each doc was judged, and where its texts lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.records import Sample, read_records
from spot_eval.metrics.scoreboard import docs_of, scoreboard
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.judged import JudgedDoc, JudgedRun, read_run
from spot_eval.runs.record_index import _DOC, _GENERATION, Place, _places

Docs = Mapping[str, Mapping[str, Sequence[Sample]]]
"""Samples by task and doc_hash, repeats in order."""


@dataclass(frozen=True)
class Side:
    """One run: the candidate, or one of its bases."""

    judged: JudgedRun
    docs: Docs
    board: Mapping[str, Any]
    sessions: Sequence[Mapping[str, Any]]

    @property
    def path(self) -> Path:
        """The run directory, or the saved baseline."""
        return self.judged.path

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the run was started with."""
        return self.judged.manifest

    @property
    def config(self) -> Mapping[str, Any]:
        """What decides the run's results."""
        return self.judged.config

    @cached_property
    def texts(self) -> dict[tuple[str, ...], Place]:
        """Where each generation lies, by (key,); empty where the run keeps none (a saved baseline)."""
        return _places(self.path / "generations.jsonl", _GENERATION, lambda row: (row["key"],))

    @cached_property
    def asked(self) -> dict[tuple[str, ...], Place]:
        """Where each doc lies in docs.jsonl, by (task, doc_hash)."""
        return _places(self.path / "docs.jsonl", _DOC, lambda row: (row["task"], row["doc_hash"]))


def load_side(path: Path) -> Side:
    """The run or saved baseline at `path`. Raises UserError where there is none, or it is not graded."""
    judged = read_run(path)
    suite = judged.config["suite"]
    if not judged.docs:
        raise UserError(f"{path} holds no judged sample: there is nothing to report; run it again")
    if strangers := sorted(judged.docs.keys() - suite["tasks"].keys()):
        raise UserError(f"{path}: task {strangers[0]!r} is not in the run's manifest; grade it again")
    if judged.saved:
        samples = [
            sample
            for task, docs in judged.docs.items()
            for doc in docs.values()
            for sample in _without_texts(task, doc, judged.graders.get(task, ""))
        ]
    else:
        samples = list(read_records(path / "samples.jsonl", Sample))
    sessions = [] if judged.saved else RunDirectory.at(path).read_sessions()
    by_task: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_task[sample.task].append(sample)
    board = {
        "model": judged.name,
        "changes": judged.config["changes"],
        **scoreboard(samples, suite=suite, sessions=sessions, left_out=judged.manifest.get("left_out")),
    }
    docs = {task: docs_of(by_task[task]) for task in suite["tasks"] if task in by_task}
    return Side(judged, docs, board, sessions)


def _without_texts(task: str, doc: JudgedDoc, grader: str) -> list[Sample]:
    """A saved baseline's scores as samples: what it does not keep is empty."""
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
    """The mean over the judged samples of one doc."""
    scores = [sample.score for sample in samples or () if sample.score is not None]
    return sum(scores) / len(scores) if scores else None
