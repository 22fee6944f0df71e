"""Read a run for export, and make its strings and dates fit for the files of other programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.runs.finished import FinishedRun, read_scored_run

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_exportable(path: Path) -> FinishedRun:
    """Return the run at `path`.

    Raises UserError for a saved baseline, which keeps neither docs nor texts, and for a run without a scoreboard.
    """
    run = read_scored_run(path)
    run.refuse_saved()
    return run


def clean(value: Any) -> Any:
    """Return the JSON value with U+FFFD for each lone half of a surrogate pair, which UTF-8 cannot hold."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {clean(str(name)): clean(part) for name, part in value.items()}
    if isinstance(value, list):
        return [clean(part) for part in value]
    return value


def file_stamp(manifest: Mapping[str, Any]) -> str:
    """Return the run's date for file names; exports of the same run get the same names."""
    return re.sub(r"[^0-9A-Za-z.-]", "-", str(manifest.get("created") or "undated")).removesuffix("Z")
