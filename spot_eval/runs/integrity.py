"""Check that the files of a run fit each other: docs and samples against the manifest, texts against their hashes.

The schemas (core.schemas) look at one record; this module looks at what no record says alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.record_files import generation_class
from spot_eval.core.records import Likelihood, Sample


def refuse_lost_docs(path: Path, docs: Iterable[tuple[str, str]], manifest: Mapping[str, Any]) -> None:
    """Raise UserError if a docs.jsonl lacks docs of a task, or has more than its manifest says.

    Args:
        path: the file.
        docs: (task, doc_hash) of each of its lines.
        manifest: the run's manifest. One of an older version may not count its docs.
    """
    found = Counter(task for task, _ in docs)
    for task, data in manifest["config"]["data"].items():
        wanted = data.get("docs")
        if wanted is not None and found.pop(task, 0) != wanted:
            raise UserError(
                f"{path} does not hold the {wanted} docs of {task} that the manifest counts; restore the file, or let "
                "the command that made the run make it again (`spot-eval run` with the same options)"
            )
    if strangers := sorted(found.keys() - manifest["config"]["data"].keys()):
        raise UserError(f"{path} has docs of {strangers[0]!r}, which the manifest does not name; restore the file")


def refuse_lost_samples(
    path: Path, samples: Iterable[Sample], manifest: Mapping[str, Any], *, looked_at: bool
) -> Iterator[Sample]:
    """Yield the samples of a samples.jsonl; after the last, raise UserError if it lacks any that the manifest counts.

    Args:
        path: the run directory.
        samples: what was read, in the order of the file.
        manifest: content of manifest.json; its docs and repeats give the count.
        looked_at: True if the run may have stopped before the whole protocol was asked.
    """
    repeats: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        repeats[sample.task][sample.doc_hash] += 1
        yield sample
    tasks, data = manifest["config"]["suite"]["tasks"], manifest["config"]["data"]
    for task, of_doc in repeats.items():
        if task not in tasks:
            raise UserError(f"{path}: task {task!r} is not in the run's manifest; grade it again")
        wanted, docs = tasks[task]["repeats"], data[task].get("docs")
        if looked_at or docs is None:
            continue
        if data[task].get("output_type"):
            wanted = 1  # log-likelihoods draw nothing
        if len(of_doc) != docs or any(count != wanted for count in of_doc.values()):
            raise UserError(
                f"{path / 'samples.jsonl'} does not hold the {docs} docs of {task} with {wanted} samples each that the "
                f"manifest counts; make it again: spot-eval grade {path}"
            )


def refuse_other_text(path: Path, sample: Sample, record: Mapping[str, Any]) -> None:
    """Raise UserError if the text in `record` of generations.jsonl is not the one that `sample` judged."""
    content = record["text"]
    if generation_class(record) is Likelihood:
        content = Likelihood.content_of(record.get("choices") or [])
    if sample.text_hash and digest(content) != sample.text_hash:
        raise UserError(
            f"{path / 'generations.jsonl'}: the text of {sample.task}, doc {sample.doc_id}, repeat {sample.repeat} is "
            f"not the one that was judged (its hash differs); grade the run again: spot-eval grade {path}"
        )
