"""Send finished runs to Weights & Biases, trackio or TensorBoard: scores with their errors, and a table of the tasks.

    spot-eval run … --track wandb      project `spot-eval`, one run per evaluation, named like its run directory

Both services keep offline what they cannot send (WANDB_MODE=offline; trackio is local by itself); their own environment
variables choose account, host and folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.keys import digest

PROJECT = "spot-eval"
MODULES = {"wandb": "wandb", "trackio": "trackio", "tensorboard": "torch.utils.tensorboard"}
COLUMNS = ("task", "family", "mean", "stderr", "docs", "docs_judged", "repeats", "truncated", "unparsed", "not_judged")


def check_trackers(names: Sequence[str]) -> None:
    """Raise UserError if a tracker is not known or not installed, before anything is generated."""
    for name in names:
        if name not in MODULES:
            raise UserError(f"--track {name}: there are {', '.join(MODULES)}")
        if find_spec(name) is None:
            raise UserError(f"--track {name}: it is not installed; pip install {name}")


def track_run(names: Sequence[str], path: Path) -> None:
    """Log the run at `path` to each of the trackers, as one run of theirs."""
    manifest, board = read_json(path / "manifest.json"), read_json(path / "scoreboard.json")
    metrics = dict(scores(board))
    for name in names:
        if name == "tensorboard":
            _to_tensorboard(path, metrics)
        else:
            _to_service(name, path, manifest, board, metrics)


def scores(board: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield (name, value) of a scoreboard's numbers: `tasks/aime24/mean`, `families/in_domain/stderr`, `overall/mean`.

    Values are fractions of 1, as in scoreboard.json; a number that is missing is left out.
    """
    groups = {f"tasks/{name}": task for name, task in board["tasks"].items()}
    groups |= {f"families/{name}": family for name, family in (board.get("families") or {}).items()}
    groups |= {"overall": board.get("overall")}
    for group, found in groups.items():
        for name, value in found.items() if isinstance(found, Mapping) else ():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield f"{group}/{name}", value


def _to_service(
    name: str, path: Path, manifest: Mapping[str, Any], board: Mapping[str, Any], metrics: Mapping[str, float]
) -> None:
    """Log to wandb, or to trackio, which has its interface. The same run again goes on as the same run of theirs."""
    module = importlib.import_module(name)
    identity = {"id": digest(manifest["config"])[:16]} if name == "wandb" else {}
    settings = {"run": str(path), "model": manifest["model"], "engine_args": manifest.get("engine_args"),
                "versions": manifest.get("versions"), **manifest["config"]}  # fmt: skip
    module.init(project=PROJECT, name=path.resolve().name, config=settings, resume="allow", **identity)
    rows = [[task, *(found.get(column) for column in COLUMNS[1:])] for task, found in board["tasks"].items()]
    module.log({**metrics, "tasks": module.Table(columns=list(COLUMNS), data=rows)})
    module.finish()


def _to_tensorboard(path: Path, metrics: Mapping[str, float]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(path / "tensorboard")) as writer:
        for name, value in metrics.items():
            writer.add_scalar(name, value, 0)
