"""What the command lines of `spot-eval run` and of `spot-eval grade FILE` say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """What the command line says; see `spot-eval run --help`."""

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
    max_new_tokens: int | None = None
    seed: int = 0
    fresh: bool = False
    connect4_seed: int | None = None
    baseline: str | None = None
    out: Path | None = None
    chat_template: str | None = None
    skip_too_long: bool = False
    trust_remote_code: bool = False
    workers: int | None = None


@dataclass(frozen=True)
class FileOptions:
    """Generations made elsewhere; see `spot-eval grade --help`."""

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
