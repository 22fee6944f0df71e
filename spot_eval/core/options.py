"""Options of `spot-eval run` and `spot-eval grade FILE`, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError


@dataclass(frozen=True)
class RunOptions:
    """Options of `spot-eval run`; see its --help. `parent` holds the run directory if `out` does not name one."""

    model: str
    model_id: str | None = None
    adapter: str | None = None
    """LoRA adapter to put on the model; `none` for the bare base beside others."""
    adapters: Sequence[str] = ()
    """All adapters that the command puts on this model, one after the other."""
    suite: str = "spot"
    tasks: Sequence[str] = ()
    engine: str = "hf"
    engine_args: Mapping[str, str] = field(default_factory=dict)
    data_dirs: Sequence[Path] = ()
    data_files: Mapping[str, Path] = field(default_factory=dict)
    limit: int | None = None
    repeats: int | None = None
    times: int = 1
    """Multiplies the repeats of every task, for a deep base."""
    max_new_tokens: int | None = None
    seed: int = 0
    fresh: bool = False
    connect4_seed: int | None = None
    fresh_seed: int | None = None
    baseline: str | None = None
    out: Path | None = None
    parent: Path = Path("runs")
    chat_template: str | None = None
    skip_too_long: bool = False
    trust_remote_code: bool = False
    workers: int | None = None
    shard: tuple[int, int] | None = None
    """(I, N): ask only the requests of shard I of N, counted from 1; None asks all."""

    def __post_init__(self) -> None:
        _refuse_below_one(self, ("limit", "repeats", "times", "max_new_tokens", "workers"))


@dataclass(frozen=True)
class FileOptions:
    """Options of `spot-eval grade FILE`; see its --help."""

    file: Path
    suite: str = "spot"
    tasks: Sequence[str] = ()
    data_dirs: Sequence[Path] = ()
    data_files: Mapping[str, Path] = field(default_factory=dict)
    model: str | None = None
    sampling: str | None = None
    baseline: str | None = None
    out: Path | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        _refuse_below_one(self, ("workers",))


def _refuse_below_one(options: Any, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"{name} is {value}; expected at least 1")
