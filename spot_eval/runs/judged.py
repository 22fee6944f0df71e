"""Records of a judged run: scores, flags and lengths doc by doc, as comparison and gate read them.

    run.docs["aime24"]["5b…"].scores     # (1.0, 0.0, None, 1.0): one per repeat, None if it was not judged

`runs.finished` reads them from a run directory or a saved baseline. Knows no files and no statistics.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from spot_eval.core.records import Sample
from spot_eval.runs.looks import Looks
from spot_eval.runs.seal import Seal, read_seal

SAVED_FILE = "baseline.json"
SCORES_FILE = "scores.jsonl"
STEP = re.compile(r"(?:checkpoint|global_?step|step|iter)[-_]?(\d+)$")


@dataclass(frozen=True)
class JudgedDoc:
    """A doc of a run. The tuples hold one entry per repeat, in the order of the repeats.

    `cluster` is the row's `cluster_id`, which docs of one source share; None for a doc that stands alone.
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
        """The mean over the judged repeats; None if none was judged."""
        return self.mean_with(None)

    def mean_with(self, fill: float | None) -> float | None:
        """Return the mean with `fill` in place of every repeat that was not judged."""
        known = [fill if score is None else score for score in self.scores if score is not None or fill is not None]
        return sum(known) / len(known) if known else None  # type: ignore[arg-type]

    @property
    def not_judged(self) -> tuple[bool, ...]:
        """A flag per repeat: True if it could not be judged."""
        return tuple(score is None for score in self.scores)


@dataclass(frozen=True)
class JudgedRun:
    """A graded run. `docs` maps task to doc_hash to doc, `graders` maps task to grader and version."""

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
        """The part of the manifest that decides the run's results."""
        return self.manifest["config"]

    @property
    def times(self) -> int:
        """Return the multiple of the suite's repeats that was asked: above 1 for a deep base (`baseline deepen`)."""
        times = (self.config.get("changes") or {}).get("deepened")
        return times if isinstance(times, int) and times > 1 else 1

    def candidate_repeats(self, task: str) -> int:
        """Return the repeats of a task in a run that is set beside this base: those before it was deepened."""
        return max(1, int(self.config["suite"]["tasks"][task]["repeats"]) // self.times)

    @cached_property
    def seal(self) -> Seal | None:
        """The seal of its files, hashed once; None if it has none."""
        return read_seal(self.path)

    @property
    def name(self) -> str:
        """The model's readable name."""
        return str(self.manifest.get("model", {}).get("name") or self.path.name)

    @property
    def step(self) -> int | None:
        """The training step, if the checkpoint's folder names one (`checkpoint-500`)."""
        found = STEP.search(self.name)
        return int(found[1]) if found else None

    @property
    def training_run(self) -> str:
        """The name without its step, which the checkpoints of one training run have in common."""
        return STEP.sub("", self.name).strip("-_./") or self.name

    def about(self) -> dict[str, Any]:
        """Return path, kind, model, step, suite and date, as comparison.json names a run."""
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
    """Return task to doc_hash to judged doc. `clusters` maps task to doc_hash to the doc's cluster."""
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
