"""The verdicts that changed when a run was judged again: a diff between two gradings of the same texts.

    {"task": "math500", "doc_id": 17, "repeat": 0, "before": "right", "after": "unparsed",
     "why": "the thinking never ended", "grader_before": "maths/1", "grader_after": "maths/2",
     "extracted_before": "4", "extracted_after": null}

`grade` writes them to verdict_changes.jsonl. Knows samples; nothing of graders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spot_eval.core.files import write_atomically
from spot_eval.core.record_files import read_records, to_line
from spot_eval.core.records import Sample

CHANGES_FILE = "verdict_changes.jsonl"
_SHOWN = 60  # characters of an answer in a reason


@dataclass(frozen=True)
class VerdictChange:
    """A sample whose verdict changed: `before` and `after` are right, wrong, unparsed, not judged, or a score."""

    task: str
    doc_id: int
    repeat: int
    before: str
    after: str
    why: str
    grader_before: str
    grader_after: str
    extracted_before: str | None
    extracted_after: str | None


def verdict_changes(before: Mapping[str, Sample], after: Iterable[Sample]) -> list[VerdictChange]:
    """Return what differs between two gradings, in the order of `after`; `before` maps record keys to samples."""
    found = []
    for sample in after:
        old = before.get(sample.key)
        if old is not None and verdict_name(old) != verdict_name(sample):
            found.append(
                VerdictChange(
                    sample.task,
                    sample.doc_id,
                    sample.repeat,
                    verdict_name(old),
                    verdict_name(sample),
                    _reason(old, sample),
                    old.grader,
                    sample.grader,
                    old.extracted,
                    sample.extracted,
                )
            )
    return found


def verdict_name(sample: Sample) -> str:
    """Return the verdict in a word, or the score of an answer that is partly right."""
    if sample.score is None:
        return "not judged"
    if sample.unparsed:
        return "unparsed"
    return {0.0: "wrong", 1.0: "right"}.get(sample.score, f"{sample.score:.2f}")


def _reason(old: Sample, new: Sample) -> str:
    """Say why: the grader's own reason, another answer that was read, or another judgement of the same answer."""
    if old.text_hash and new.text_hash and old.text_hash != new.text_hash:
        return "the text is another one"
    if (new.unparsed or new.score is None) and new.why:
        return new.why
    if old.extracted != new.extracted:
        if old.extracted is None:
            return f"an answer was found: {_short(new.extracted)}"
        return f"read {_short(old.extracted)} before, {_short(new.extracted)} now"
    if new.why and new.why != old.why:
        return new.why
    return f"the same answer {_short(new.extracted)}, judged by {new.grader}" if new.extracted else new.grader


def _short(answer: str | None) -> str:
    shown = repr(answer)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def write_changes(run: Path, changes: Iterable[VerdictChange]) -> None:
    """Write the diff beside the samples it belongs to."""
    write_atomically(run / CHANGES_FILE, map(to_line, changes))


def read_changes(run: Path) -> list[VerdictChange]:
    """Return the diff of the last grading that judged stored texts again; empty if there was none."""
    path = run / CHANGES_FILE
    return list(read_records(path, VerdictChange)) if path.is_file() else []
