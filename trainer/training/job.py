"""A training job: the files of a run, how it is watched, and the identity that a continued run must share.

    Job(model=Path("base"), pairs=Path("pairs.jsonl"), out=Path("out"))
    out/training/settings.json       # digests of weights and pairs, and the settings: written by `begin`

Two runs with the same identity give the same weights, so a killed run goes on only under the one it began with. The
steps themselves are `loop`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import TrainError
from trainer.files import digest_of_weights, read_json, write_json, writing
from trainer.settings import Settings

Progress = Callable[..., AbstractContextManager[Callable[..., None]]]
"""progress(what, total, done=n) gives advance(count=1, note="")."""


@contextlib.contextmanager
def no_progress(what: str, total: int, *, done: int = 0) -> Iterator[Callable[..., None]]:
    """Show no progress."""
    yield lambda count=1, note="": None


@dataclass(frozen=True)
class Job:
    """The files of a run, and how it is watched; nothing here changes the weights that come out.

    model_name: name of the base for an adapter's configuration, such as a hub id; its folder if None.
    save_every: steps between saves, besides one every `save_minutes`. on_step(step, metrics) is called on the first
    process after each step. checkpoint_every: steps between checkpoints on the way, written to out/step-N;
    on_checkpoint(step, folder) is called on the first process for each, while the others wait.
    """

    model: Path
    pairs: Path
    out: Path
    settings: Settings = field(default_factory=Settings)
    model_name: str | None = None
    cache: Path | None = None
    device: str | None = None
    save_minutes: float = 10.0
    save_every: int | None = None
    trackers: tuple[str, ...] = ()
    progress: Progress = no_progress
    say: Callable[[str], None] = lambda sentence: None
    on_step: Callable[[int, dict[str, Any]], None] = lambda step, metrics: None
    checkpoint_every: int | None = None
    on_checkpoint: Callable[[int, Path], object] = lambda step, folder: None

    @property
    def folder(self) -> Path:
        """The folder of what is not the checkpoint itself."""
        return self.out / "training"


def begin(job: Job) -> dict[str, Any]:
    """Write down the identity of a run, or check that it is the one begun before at `job.out`; return it.

    The identity is `weights` and `pairs` (digests of their content) and `settings` (all that decide the weights).
    Raises TrainError if another run was begun there, if it holds another checkpoint, or if a file cannot be read.
    """
    try:
        pairs = hashlib.sha256(job.pairs.read_bytes()).hexdigest()[:32]
    except OSError as problem:
        raise TrainError(f"cannot read {job.pairs}: {problem.strerror or problem}") from problem
    identity: dict[str, Any] = {
        "weights": digest_of_weights(job.model),
        "pairs": pairs,
        "settings": job.settings.record(),
    }
    file = job.folder / "settings.json"
    if file.is_file():
        before = read_json(file)
        for name in ("weights", "pairs", "settings"):
            now, then = identity[name], before.get(name)
            if name == "settings" and isinstance(then, dict):
                changed = [key for key in now if now[key] != then.get(key)]
                if changed:
                    key = changed[0]
                    raise TrainError(
                        f"{job.out} was begun with {key} = {then.get(key)}, not {now[key]}; "
                        "take that again, or another --out"
                    )
            elif now != then:
                what = "another model" if name == "weights" else "other pairs"
                raise TrainError(f"{job.out} was begun with {what}; take that again, or another --out")
        return identity
    if (job.out / "config.json").exists():
        raise TrainError(f"{job.out} holds a checkpoint that was not trained here; choose another --out")
    with writing(job.out):
        job.folder.mkdir(parents=True, exist_ok=True)
    write_json(file, {"model": str(job.model), "pairs_file": str(job.pairs), **identity})
    return identity
