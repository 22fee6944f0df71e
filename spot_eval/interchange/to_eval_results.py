"""Export a run as `.eval_results/*.yaml` for a model's repository on the hub, by huggingface_hub's own classes.

    spot-eval export RUN --to eval-results -o .eval_results
    hf upload org/model .eval_results .eval_results

One file per task whose data set is on the hub. Values are percent, as on model pages. The notes hold what a number
alone does not say: its standard error, samples per doc, sampling, and what the command line changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

from spot_eval.core.errors import UserError
from spot_eval.core.files import file_name, write_atomically
from spot_eval.runs.finished import FinishedRun, read_scored_run
from spot_eval.tasks.data.sources import ALL_SOURCES


def export_eval_results(path: Path, out: Path) -> list[Path]:
    """Write a file for each task into `out`; return the files.

    Raises UserError if no task has a score and a data set on the hub.
    """
    run = read_scored_run(path)
    entries = {
        task: _entry(run, task, entry) for task, entry in run.board["tasks"].items() if entry["mean"] is not None
    }
    known = {task: entry for task, entry in entries.items() if entry is not None}
    if not known:
        raise UserError(f"{path}: none of its tasks has a score and a data set on the hub, which .eval_results names")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for task, entry in known.items():
        text = yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True, width=100)
        written.append(out / f"{file_name(task)}.yaml")
        write_atomically(written[-1], [text.encode()])
    return written


def _entry(run: FinishedRun, task: str, entry: Mapping[str, Any]) -> EvalResultEntry | None:
    """Return the entry of a task; None if its data set is not on the hub."""
    source = ALL_SOURCES.get(task)
    if source is None or source.hub is None:
        return None
    data = (run.manifest.get("data") or {}).get(task) or {}
    revision = data.get("revision") if str(data.get("origin")).startswith("hub:") else None  # a file has none
    return EvalResultEntry(
        dataset_id=source.hub,
        task_id=source.name or "default",
        value=round(100 * entry["mean"], 2),
        dataset_revision=revision,
        date=run.manifest.get("created") or None,
        notes=_notes(run, task, entry),
    )


def _notes(run: FinishedRun, task: str, entry: Mapping[str, Any]) -> str:
    suite, settings = run.config["suite"], run.config["suite"]["tasks"][task]
    parts = [f"spot-eval, suite {suite['name']} v{suite['version']}, percent"]
    if entry["stderr"] is not None:
        parts.append(f"standard error {100 * entry['stderr']:.2f}")
    parts.append(f"{entry['docs_judged']} docs, {entry['repeats']} samples each")
    parts += [f"{name} {value:g}" for name, value in settings["sampling"].items() if value is not None]
    parts += [f"{name.replace('_', '-')} {value}" for name, value in (run.config.get("changes") or {}).items()]
    return "; ".join(parts)
