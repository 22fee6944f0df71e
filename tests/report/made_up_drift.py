"""A measurement of drift that was never made, for the surfaces that show one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def group(kl: float, stderr: float | None) -> dict[str, Any]:
    """Return one row of drift.json; KL in nats per token."""
    return {
        "kl": {"mean": kl, "stderr": stderr},
        "logprob": {"mean": -kl, "stderr": stderr},
        "gold": {"mean": None, "stderr": None},
        "z": kl / stderr if stderr else None,
    }


def write_drift(folder: Path, *, base_fingerprint: str = "base", task: str = "sums") -> None:
    """Write drift.json and changed.json of one task with one changed answer, hostile text in it."""
    folder.mkdir(parents=True, exist_ok=True)
    where = [None] * 10
    summary = {
        "candidate": "tiny-sft",
        "base": "tiny",
        "dtype": "float32",
        "floor": 1e-9,
        "fingerprints": {"base": base_fingerprint, "candidate": "other"},
        "tasks": {task: {"family": "in_domain", "docs": 4, "tokens": 12, "where": where, **group(0.1234, 0.01)}},
        "families": {"in_domain": group(0.1234, 0.01)},
        "overall": group(0.1234, None),
        "most_changed": [],
    }
    answer = {
        "task": task,
        "doc_id": 3,
        "repeat": 0,
        "tokens": 4,
        "kl": 0.5,
        "pieces": ["<b>Two", " and", " two", "\n</p><script>alert(1)</script>"],
        "kls": [2.0, 0.0, 0.02, 9.0],
    }
    (folder / "drift.json").write_text(json.dumps(summary))
    (folder / "changed.json").write_text(json.dumps({"answers": [answer]}))
