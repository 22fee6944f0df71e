"""Read the files of `spot-eval drift`: the summary, and the answers that moved most, token by token.

found = read_drift(run)            # RUN/drift, which `run --drift` fills; None if there is none
found.summary["overall"]["kl"]     # {"mean": …, "stderr": …}, nats per token
found.changed[0]["pieces"]         # texts of the tokens, beside "kls"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json

FOLDER = "drift"
SUMMARY, CHANGED = "drift.json", "changed.json"


@dataclass(frozen=True)
class DriftFiles:
    """A finished measurement: `drift.json`, and `changed.json` (the answers that moved most)."""

    path: Path
    summary: Mapping[str, Any]
    changed: Sequence[Mapping[str, Any]]

    @property
    def base_fingerprint(self) -> str | None:
        """Return the fingerprint of the base checkpoint, if the measurement recorded it."""
        return self.summary.get("fingerprints", {}).get("base")


def read_drift(place: Path) -> DriftFiles | None:
    """Return the measurement in a run directory or in a folder of `spot-eval drift`; None if there is none.

    Raises UserError if the files are not as this version writes them.
    """
    folder = next((one for one in (place / FOLDER, place) if (one / SUMMARY).is_file()), None)
    if folder is None:
        return None
    summary = read_json(folder / SUMMARY)
    changed = read_json(folder / CHANGED) if (folder / CHANGED).is_file() else {"answers": []}
    try:
        _Summary.model_validate(summary)
        _Changed.model_validate(changed)
    except ValidationError as problem:
        where = ".".join(map(str, problem.errors()[0]["loc"]))
        raise UserError(
            f"{folder} holds no drift as this version writes it (at {where}); measure it again: `spot-eval drift`"
        ) from problem
    return DriftFiles(folder, summary, changed["answers"])


class _Part(BaseModel):
    mean: float | None
    stderr: float | None


class _Group(BaseModel):
    kl: _Part
    logprob: _Part
    gold: _Part
    z: float | None


class _Task(_Group):
    family: str
    docs: int


class _Summary(BaseModel):
    candidate: str
    base: str
    dtype: str
    floor: float | None
    tasks: dict[str, _Task]
    families: dict[str, _Group]
    overall: _Group


class _Answer(BaseModel):
    task: str
    doc_id: int
    repeat: int
    tokens: int
    kl: float
    pieces: list[str] = Field(default_factory=list)
    kls: list[float] = Field(default_factory=list)


class _Changed(BaseModel):
    answers: list[_Answer]
