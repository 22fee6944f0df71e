"""Export a run as evaluation metadata of a model card: the hub's `model-index`, YAML between two lines of dashes.

Values are percent; docs, samples per doc, standard error and sampling of a number are in its `args`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from spot_eval.core.files import write_atomically
from spot_eval.runs.finished import FinishedRun, read_scored_run
from spot_eval.tasks.data.sources import SOURCES


def export_card(path: Path, out: Path) -> list[Path]:
    """Write the metadata to the file `out`; return it in a list."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, [card_metadata(read_scored_run(path)).encode()])
    return [out]


def card_metadata(run: FinishedRun) -> str:
    """Return the head of the card. A task without a mean is left out, because a card cannot express it."""
    index = {
        "name": run.name,
        "results": [
            _result(run, task, entry) for task, entry in run.board["tasks"].items() if entry["mean"] is not None
        ],
    }
    return f"---\n{yaml.safe_dump({'model-index': [index]}, sort_keys=False, allow_unicode=True, width=100)}---\n"


def _result(run: FinishedRun, task: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    settings = run.config["suite"]["tasks"][task]
    known = {name: value for name, value in settings["sampling"].items() if value is not None}
    return {
        "task": {"type": "text-generation", "name": "Text Generation"},
        "dataset": _dataset(run, task),
        "metrics": [
            {
                "type": "accuracy",
                "name": f"avg@{entry['repeats']}, percent",
                "value": round(100 * entry["mean"], 2),
                "args": {
                    "stderr": None if entry["stderr"] is None else round(100 * entry["stderr"], 2),
                    **({"bounds": [round(100 * one, 2) for one in entry["bounds"]]} if entry.get("bounds") else {}),
                    "docs": entry["docs_judged"],
                    "samples_per_doc": entry["repeats"],
                    "harness": f"spot-eval, suite {run.config['suite']['name']} v{run.config['suite']['version']}",
                    **known,
                },
            }
        ],
    }


def _dataset(run: FinishedRun, task: str) -> dict[str, Any]:
    """Return the data set by its hub id, with a revision only if the rows came from the hub."""
    data = (run.manifest.get("data") or {}).get(task) or {}
    source = SOURCES.get(task)
    origin = str(data.get("origin") or task)
    if not source:
        return {"type": task, "name": task}
    found: dict[str, Any] = {"type": source.hub, "name": task, "split": source.split}
    if source.name:
        found["config"] = source.name
    if origin.startswith("hub:") and data.get("revision"):
        found["revision"] = data["revision"]
    return found
