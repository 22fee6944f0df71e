"""A finished run as comparisons read it: scores doc by doc, from a run directory or a saved baseline.

    run = read_run(Path("runs/ckpt-spot-1a2b3c4d"))
    run.docs["aime24"]["5b…"].scores     # (1.0, 0.0, None, 1.0): one a repeat, None where it was not judged

Knows files; nothing of statistics.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.records import Sample, cluster_of, read_lines, read_records
from spot_eval.runs.directory import SCHEMA, RunDirectory
from spot_eval.runs.looks import Looks, looks_of, read_looks

SAVED_FILE = "baseline.json"
SCORES_FILE = "scores.jsonl"
STEP = re.compile(r"(?:checkpoint|global_?step|step|iter)[-_]?(\d+)$")


@dataclass(frozen=True)
class JudgedDoc:
    """One doc of one run; the tuples hold one entry a repeat, in the repeats' order.

    `cluster` names what this doc shares with others (the row's `cluster_id`), None where it stands alone.
    """

    doc_id: int
    doc_hash: str
    scores: tuple[float | None, ...]
    truncated: tuple[bool | None, ...]
    unparsed: tuple[bool, ...]
    output_tokens: tuple[int | None, ...]
    text_hashes: tuple[str, ...]
    cluster: str | None = None

    @cached_property
    def mean(self) -> float | None:
        """The mean over the judged repeats; None where none was judged."""
        return self.mean_with(None)

    def mean_with(self, fill: float | None) -> float | None:
        """The same with `fill` for every repeat that was not judged."""
        known = [fill if score is None else score for score in self.scores if score is not None or fill is not None]
        return sum(known) / len(known) if known else None  # type: ignore[arg-type]

    @property
    def not_judged(self) -> tuple[bool, ...]:
        """Which repeats could not be judged."""
        return tuple(score is None for score in self.scores)


@dataclass(frozen=True)
class JudgedRun:
    """A run of which every doc is judged; `docs` is task to doc_hash to doc, `graders` task to grader and version."""

    path: Path
    manifest: Mapping[str, Any]
    docs: Mapping[str, Mapping[str, JudgedDoc]]
    graders: Mapping[str, str]
    cost: Mapping[str, Any] = field(default_factory=dict)
    saved: bool = False
    looks: Looks | None = None
    """The looks taken at the run while it went on; None unless it was run until a verdict."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What decides the run's results."""
        return self.manifest["config"]

    @property
    def name(self) -> str:
        """The model's readable name."""
        return str(self.manifest.get("model", {}).get("name") or self.path.name)

    @property
    def step(self) -> int | None:
        """The training step, where the checkpoint's folder names one (`checkpoint-500`)."""
        found = STEP.search(self.name)
        return int(found[1]) if found else None

    @property
    def training_run(self) -> str:
        """What the checkpoints of one training run have in common: the name without its step."""
        return STEP.sub("", self.name).strip("-_./") or self.name

    def about(self) -> dict[str, Any]:
        """Who this is, for comparison.json."""
        suite = self.config["suite"]
        return {
            "path": str(self.path),
            "kind": "saved" if self.saved else "run",
            "model": self.name,
            "step": self.step,
            "suite": {"name": suite["name"], "version": suite["version"]},
            "created": self.manifest.get("created"),
        }


def judged_docs(
    samples: Iterable[Sample], clusters: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, dict[str, JudgedDoc]]:
    """Samples by task and doc; `clusters` maps task to doc_hash to the cluster a doc belongs to."""
    of_doc: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        of_doc[sample.task, sample.doc_hash].append(sample)
    tasks: dict[str, dict[str, JudgedDoc]] = defaultdict(dict)
    for (task, doc_hash), found in of_doc.items():
        found.sort(key=lambda sample: sample.repeat)
        tasks[task][doc_hash] = JudgedDoc(
            doc_id=found[0].doc_id,
            doc_hash=doc_hash,
            scores=tuple(sample.score for sample in found),
            truncated=tuple(sample.truncated for sample in found),
            unparsed=tuple(sample.unparsed for sample in found),
            output_tokens=tuple(sample.output_tokens for sample in found),
            text_hashes=tuple(sample.text_hash for sample in found),
            cluster=(clusters or {}).get(task, {}).get(doc_hash),
        )
    return dict(tasks)


def read_run(path: Path) -> JudgedRun:
    """The judged run, or the saved baseline, at `path`. Raises UserError where there is none, or it is not finished."""
    if (path / SAVED_FILE).is_file():
        return _read_saved(path)
    store = RunDirectory.at(path)
    if not (path / "samples.jsonl").is_file():
        raise UserError(f"{path} has no samples.jsonl; finish it first: run or grade it again")
    samples = list(read_records(path / "samples.jsonl", Sample))
    graders = {sample.task: sample.grader for sample in samples}
    board = read_json(path / "scoreboard.json") if (path / "scoreboard.json").is_file() else {}
    return JudgedRun(
        path,
        store.manifest,
        judged_docs(samples, read_clusters(path / "docs.jsonl")),
        graders,
        board.get("cost", {}),
        looks=read_looks(path),
    )


def read_clusters(docs: Path) -> dict[str, dict[str, str]]:
    """Return task to doc_hash to `cluster_id`, for the rows that have one."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in read_lines(docs) if docs.is_file() else ():
        if (cluster := cluster_of(line.get("row") or {})) is not None:
            found[str(line["task"])][str(line["doc_hash"])] = cluster
    return dict(found)


def _read_saved(path: Path) -> JudgedRun:
    head = read_json(path / SAVED_FILE)
    manifest = head.get("manifest")
    schema = manifest["config"].get("schema") if isinstance(manifest, dict) and "config" in manifest else None
    if schema != SCHEMA:
        raise UserError(
            f"{path / SAVED_FILE} is no baseline this version reads (schema {schema}, here {SCHEMA}); save it again"
        )
    assert isinstance(manifest, dict)
    docs: dict[str, dict[str, JudgedDoc]] = defaultdict(dict)
    for number, row in enumerate(read_lines(path / SCORES_FILE), start=1):
        try:
            task = row.pop("task")
            fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in row.items()}
            docs[task][row["doc_hash"]] = JudgedDoc(**fields)
        except (KeyError, TypeError) as problem:
            raise UserError(
                f"{path / SCORES_FILE}, line {number}: not a doc's scores ({problem}); save it again"
            ) from problem
    looks = looks_of(head.get("looks") or [], path / SAVED_FILE)
    return JudgedRun(path, manifest, dict(docs), head.get("graders", {}), head.get("cost", {}), saved=True, looks=looks)
