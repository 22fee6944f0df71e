"""Samples, scoreboards, comparisons and gates as pandas DataFrames. Knows plain data only.

Nested settings become columns with a dot: `metric.strict`, `changes.truncated.mean`, `repeats.base`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from spot_eval.core.records import Sample

NUMBERS = ("prompt_tokens", "output_tokens", "answer_group")
FLIPS = ("task", "doc_id", "doc_hash", "outcome", "candidate", "base", "mean", "repeats.candidate", "repeats.base",
         "crossed")  # fmt: skip


def records_frame(samples: Sequence[Sample], family_of: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per sample.

    The columns are task, family, the fields of samples.jsonl, and `metric.NAME` for every metric of a grader. `score`
    is NaN if the sample was not judged, and a metric is NaN in tasks that do not have it.
    """
    fields = [name for name in Sample.__dataclass_fields__ if name not in {"task", "metrics", "weights"}]
    metrics = dict.fromkeys(name for sample in samples for name in sample.metrics)
    columns: dict[str, Any] = {
        "task": [sample.task for sample in samples],
        "family": [family_of.get(sample.task) for sample in samples],
        **{name: [getattr(sample, name) for sample in samples] for name in fields},
        **{f"metric.{name}": [sample.metrics.get(name) for sample in samples] for name in metrics},
    }
    types = {
        **dict.fromkeys(("score", *(f"metric.{name}" for name in metrics)), "float64"),
        **dict.fromkeys(NUMBERS, "Int64"),
        **dict.fromkeys(("truncated", "unparsed", "not_judged"), "boolean"),
    }
    return pd.DataFrame(columns).astype(types)


def entries_frame(entries: Mapping[str, Mapping[str, Any]], index: str) -> pd.DataFrame:
    """Return one row per entry of a scoreboard, comparison, gate or power analysis, by name.

    An interval becomes two columns, `interval.low` and `interval.high`; so do exact bounds.
    """
    frame = pd.json_normalize([_flat(entry) for entry in entries.values()])
    frame.index = pd.Index(list(entries), name=index)
    return frame


def flips_frame(flips: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per doc whose mean score changed: lost before gained, the largest change first."""
    return pd.json_normalize([dict(flip) for flip in flips]).reindex(columns=list(FLIPS))


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return `entry` with each pair of two numbers split in two."""
    flat = dict(entry)
    for name in ("interval", "bounds"):
        if isinstance(pair := flat.get(name), list | tuple):
            flat |= {f"{name}.low": pair[0], f"{name}.high": pair[1]}
            del flat[name]
    return flat
