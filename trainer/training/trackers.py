"""Write metrics: always `metrics.jsonl`, one object a step; on request TensorBoard, Weights & Biases, trackio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from trainer.errors import TrainError
from trainer.files import writing


class Tracker(Protocol):
    """Takes the metrics of each step; None is what an objective does not look at."""

    def log(self, step: int, metrics: dict[str, Any]) -> None:
        """Take the metrics after 1-based `step`."""

    def close(self) -> None:
        """Finish: no metrics will follow."""


class Lines:
    """metrics.jsonl. Lines of steps after `kept` (from a run that was killed after its last save) are dropped."""

    def __init__(self, path: Path, kept: int) -> None:
        self.path = path
        lines = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    if json.loads(line)["step"] <= kept:
                        lines.append(line + "\n")
                except (ValueError, KeyError, TypeError):  # a line that the kill cut short
                    continue
        with writing(path):
            path.write_text("".join(lines), encoding="utf-8")
            self.file = path.open("a", encoding="utf-8")

    def log(self, step: int, metrics: dict[str, Any]) -> None:
        """Write a line; it is on the disk when the next step begins."""
        with writing(self.path):
            self.file.write(json.dumps({"step": step, **metrics}) + "\n")
            self.file.flush()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def log(self, step: int, metrics: dict[str, Any]) -> None:
        for name, value in metrics.items():
            if value is not None:
                self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()


class _Run:
    """Weights & Biases, or trackio, which has its interface."""

    def __init__(self, module: str, name: str, settings: dict[str, Any]) -> None:
        import importlib

        self.module = importlib.import_module(module)
        self.module.init(project="spot-eval", name=name, config=settings)

    def log(self, step: int, metrics: dict[str, Any]) -> None:
        self.module.log({name: value for name, value in metrics.items() if value is not None}, step=step)

    def close(self) -> None:
        self.module.finish()


def open_trackers(names: list[str], folder: Path, kept: int, settings: dict[str, Any]) -> list[Tracker]:
    """metrics.jsonl in `folder` and the named trackers; TrainError where one is unknown or not installed.

    Args:
        names: names of trackers.
        folder: where metrics.jsonl is.
        kept: number of the last step whose lines are kept, if the run goes on.
        settings: shown by trackers as the run's configuration.
    """
    trackers: list[Tracker] = [Lines(folder / "metrics.jsonl", kept)]
    for name in names:
        if name not in ("tensorboard", "wandb", "trackio"):
            raise TrainError(f"tracker {name!r} is not known; there are tensorboard, wandb and trackio")
        try:
            trackers.append(
                _TensorBoard(folder / "tensorboard")
                if name == "tensorboard"
                else _Run(name, folder.parent.name, settings)
            )
        except ImportError as problem:
            raise TrainError(f"{name} is not installed: pip install {name}") from problem
    return trackers
