"""Records of a judged run: scores, flags and lengths doc by doc, as comparison and gate read them.

    run.docs["aime24"]["5b…"].scores     # (1.0, 0.0, None, 1.0): one per repeat, None if it was not judged

`runs.finished` reads them from a run directory or a saved baseline. Knows no files and no statistics.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from spot_eval.core.records import Sample
from spot_eval.core.shared_values import SharedValues
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
    tasks: dict[str, dict[str, JudgedDoc]] = defaultdict(dict)
    numbers: dict[tuple[str, str], tuple[int, ...]] = {}  # of docs whose repeats are not 0, 1, 2, …
    later: dict[tuple[str, str], list[_Row]] = defaultdict(list)  # of docs whose samples do not lie together
    shared = SharedValues()  # most docs of a run have one of a few columns

    def keep(task: str, doc_hash: str, rows: list[_Row]) -> None:
        rows.sort(key=itemgetter(0))
        repeats, doc_ids, *columns, text_hashes = zip(*rows, strict=True)
        if repeats != tuple(range(len(repeats))):
            numbers[task, doc_hash] = repeats
        cluster = (clusters or {}).get(task, {}).get(doc_hash)
        # by their text, which tells 1 from 1.0 and -0.0 from 0.0
        scores, truncated, unparsed, output_tokens = (
            shared.one((column, repr(values)), values) for column, values in zip(COLUMNS, columns, strict=True)
        )
        tasks[task][doc_hash] = JudgedDoc(
            doc_ids[0], doc_hash, scores, truncated, unparsed, output_tokens, text_hashes, cluster
        )

    for (task, doc_hash), rows in _together(samples):
        if doc_hash in tasks[task]:
            later[task, doc_hash].extend(rows)
        else:
            keep(task, doc_hash, rows)
    for (task, doc_hash), rows in later.items():
        first = tasks[task][doc_hash]
        known = numbers.pop((task, doc_hash), range(len(first.scores)))
        keep(task, doc_hash, [*_rows(first, known), *rows])
    return dict(tasks)


COLUMNS = ("scores", "truncated", "unparsed", "output_tokens")
_Row = tuple[int, int, float | None, bool | None, bool, int | None, str]
"""Of a sample: repeat, doc_id, score, truncated, unparsed, output_tokens, text_hash."""


def _together(samples: Iterable[Sample]) -> Iterator[tuple[tuple[str, str], list[_Row]]]:
    """Yield (task, doc_hash) with the rows of its samples; again where samples of other docs lie between them."""
    for doc, of_doc in groupby(samples, key=attrgetter("task", "doc_hash")):
        yield (
            doc,
            [
                (one.repeat, one.doc_id, one.score, one.truncated, one.unparsed, one.output_tokens, one.text_hash)
                for one in of_doc
            ],
        )


def _rows(doc: JudgedDoc, repeats: Iterable[int]) -> Iterator[_Row]:
    columns = zip(repeats, doc.scores, doc.truncated, doc.unparsed, doc.output_tokens, doc.text_hashes, strict=True)
    for repeat, *values in columns:
        yield (repeat, doc.doc_id, *values)
