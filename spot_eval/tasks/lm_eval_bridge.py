"""Serve the shims in tasks/: rows for `custom_dataset`, and our graders as `process_results`.

With them a task's YAML runs under stock lm-eval as it runs here. Knows nothing of prompts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.graders import load_grader
from spot_eval.tasks.data.rows import load_rows
from spot_eval.tasks.data.sources import ALL_SOURCES


def dataset(
    source: str,
    data_dirs: Sequence[str] = (),
    data_files: Mapping[str, str] | None = None,
    seed: int | None = None,
    connect4_seed: int | None = None,
    *,
    judged_row: Mapping[str, Any] | None = None,
    **metadata: Any,
) -> Any:
    """Return a task's rows; lm-eval calls it as `custom_dataset` with the metadata of task and TaskManager.

    Args:
        source: an entry of ALL_SOURCES.
        data_dirs: folders to look for the rows in.
        data_files: files by task, used instead of the folders.
        seed: the task file's seed, for boards that are drawn.
        connect4_seed: seed to use instead of `seed`.
        judged_row: the only row, if a grading worker loads the task: it judges without the data.
        metadata: ignored; the TaskManager passes what other tasks need.

    Returns a `datasets.DatasetDict` with the one split "test"; its `info.description` is JSON: origin,
    revision, sha256, rows, and how the rows were drawn. Raises what `load_rows` raises.
    """
    del metadata
    import datasets
    from pyarrow import ArrowException

    if judged_row is not None:
        return datasets.DatasetDict({"test": datasets.Dataset.from_list([dict(judged_row)])})
    files = data_files or {}
    drawn_from = seed if connect4_seed is None else connect4_seed
    found = load_rows(ALL_SOURCES[source], data_dirs, files.get(source), seed=drawn_from, files=files)
    where = {
        "origin": found.origin,
        "revision": found.revision,
        "sha256": found.sha256,
        "rows": len(found.rows),
        "drawn": found.drawn and {**found.drawn, "fresh": found.drawn["seed"] != seed},
    }
    try:
        split = datasets.Dataset.from_list(found.rows)
    except ArrowException as problem:
        raise UserError(f"{found.origin}: a field has another type in some rows ({problem})") from problem
    split.info.description = json.dumps(where)
    return datasets.DatasetDict({"test": split})


def results(grader: str, *metrics: str) -> Callable[[Mapping[str, Any], Sequence[str]], dict[str, float | None]]:
    """lm-eval's `process_results` by a grader of ours: `score`, `unparsed`, `not_judged`, `metrics` by name.

    A metric is None if the answer was not judged, and 0 where it gave no answer.
    """

    def process(doc: Mapping[str, Any], texts: Sequence[str]) -> dict[str, float | None]:
        verdict = load_grader(grader).judge(doc, texts[0])
        blank = None if verdict.not_judged else 0.0
        return {
            "score": verdict.score,
            "unparsed": float(verdict.unparsed),
            "not_judged": float(verdict.not_judged),
            **{name: verdict.metrics.get(name, blank) for name in metrics},
        }

    return process


def mean_of_judged(items: Iterable[float | None]) -> float:
    """lm-eval's aggregation: the mean of what was judged (neither None nor NaN); NaN if nothing was."""
    judged = [item for item in items if item is not None and not math.isnan(item)]
    return sum(judged) / len(judged) if judged else math.nan
