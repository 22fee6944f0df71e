"""A finished run as exports read it: docs with their samples and texts, one task after another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.records import Sample
from spot_eval.runs.finished import Side, load_side
from spot_eval.runs.record_index import RecordFile


@dataclass(frozen=True)
class AnsweredDoc:
    """One doc: what was asked, its samples, and the text of each (None where there is none)."""

    doc_id: int
    doc_hash: str
    messages: list[dict[str, str]]
    gold: Any
    row: Mapping[str, Any]
    samples: list[Sample]
    texts: list[str | None]
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """(context, continuation) of each text that was scored; a rolling text is a continuation without a context."""
    choices: list[dict[str, Any]] = field(default_factory=list)
    """Log-likelihood of each pair; empty if a text was generated."""


def load_finished(path: Path) -> Side:
    """The run at `path`. Raises UserError for a saved baseline, which keeps neither docs nor texts."""
    side = load_side(path)
    if side.judged.saved:
        raise UserError(f"{path} is a saved baseline: it keeps no docs and texts; export the run it was made of")
    return side


def answered(side: Side, task: str) -> Iterator[AnsweredDoc]:
    """The docs of one task, in order. Raises UserError where docs.jsonl lacks one."""
    with (
        closing(RecordFile(side.path / "docs.jsonl")) as docs,
        closing(RecordFile(side.path / "generations.jsonl")) as generations,
    ):
        for doc_hash, samples in side.docs[task].items():
            doc = docs.read(side.asked.get((task, doc_hash)))
            if doc is None:
                raise UserError(f"{side.path / 'docs.jsonl'} lacks doc {samples[0].doc_id} of {task}; run it again")
            records = [generations.read(side.texts.get((sample.key,))) for sample in samples]
            yield AnsweredDoc(
                doc_id=samples[0].doc_id,
                doc_hash=doc_hash,
                messages=[{"role": str(one["role"]), "content": plain(str(one["content"]))} for one in doc["messages"]],
                gold=doc["gold"],
                row=doc["row"],
                samples=list(samples),
                texts=[plain(record["text"]) if record else None for record in records],
                pairs=_pairs(doc.get("likelihood") or {}),
                choices=next((record["choices"] for record in records if record and record.get("choices")), []),
            )


def _pairs(scored: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = scored.get("continuations", [])
    contexts = [
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in scored.get("contexts", [])
    ]
    if len(contexts) <= 1:
        contexts = (contexts or [""]) * len(texts)
    return list(zip(contexts, texts, strict=True))


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """`text` as others can read it: halves of surrogate pairs, which no UTF-8 holds, become U+FFFD."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def clean(value: Any) -> Any:
    """The same for all strings in a JSON value."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(name)): clean(part) for name, part in value.items()}
    if isinstance(value, list):
        return [clean(part) for part in value]
    return value


def file_stamp(side: Side) -> str:
    """The run's date as file names hold it; the same run has the same names."""
    return re.sub(r"[^0-9A-Za-z.-]", "-", str(side.manifest.get("created") or "undated")).removesuffix("Z")
