"""Checkpoints of a training run, scored while it trains, each against the base.

    curve = Curve("better", "spot-quick", base=Path("ckpt"), folder=Path("better/training/scores"), engine="vllm")
    curve.score_base()
    curve.score(500, Path("better/step-500"))    # `spot-eval run` in a process of its own
    curve.compare()                               # comparison.json of all of them

A checkpoint that cannot be scored is reported and skipped: training is worth more than a point of its curve.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.progress import Say
from spot_eval.posttrain.own_process import last_line, spot_eval
from spot_eval.runs.drift_files import FOLDER, read_drift


@dataclass
class Curve:
    """The checkpoints of the training run `name`: how to score them, and (step, run) of those that were scored."""

    name: str
    suite: str
    base: Path
    folder: Path
    engine: str = "hf"
    engine_args: Sequence[str] = ()
    say: Say = lambda sentence: None
    points: list[tuple[int, Path]] = field(default_factory=list)
    base_run: Path | None = None

    def score_base(self) -> None:
        """Score the checkpoint that training starts from. Raises UserError if that fails, before any training."""
        place = self.folder / "base"
        done = self._run(self.base, place)
        if done.returncode:
            raise UserError(f"the base cannot be scored on {self.suite}: {last_line(done.stderr)}")
        self.base_run = place

    def score(self, step: int, checkpoint: Path) -> dict[str, Any] | None:
        """Score a checkpoint, and report its scores beside the base; return its scoreboard, None if that failed."""
        place = self.folder / f"step-{step}"
        done = self._run(checkpoint, place, "--baseline", str(self.base_run))
        if done.returncode:
            self.say(f"step {step} could not be scored ({last_line(done.stderr)}); training goes on")
            return None
        board: dict[str, Any] = json.loads(done.stdout)
        self.points.append((step, place))
        self.say(f"step {step}: {_summary(board)}")
        self._measure_drift(step, checkpoint, place)
        return board

    def compare(self) -> dict[str, Any]:
        """Return comparison.json of all scored checkpoints against the base, with their curve."""
        from spot_eval.comparison.compare import compare
        from spot_eval.runs.baseline import load_base_run

        found = compare([load_base_run(str(run)) for _, run in self.points], load_base_run(str(self.base_run)))
        # by the steps known here: the last checkpoint's name has none
        points = [
            {"step": step, "comparison": index, "drift": _drift_of(run)}
            for index, (step, run) in enumerate(self.points)
        ]
        return {**found, "curves": [{"training_run": self.name, "points": points}]}

    def _run(self, model: Path, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
        self.say(f"scoring {model} on {self.suite}")
        arguments = [part for argument in self.engine_args for part in ("--engine-arg", argument)]
        return spot_eval(
            "run", "--model", str(model), "--suite", self.suite, "--engine", self.engine, *arguments,
            "--out", str(place), "--json", *more,
        )  # fmt: skip

    def _measure_drift(self, step: int, checkpoint: Path, place: Path) -> None:
        """Read the base's answers by both; a point without drift is still a point."""
        run = ("--baseline", str(self.base_run), "--run", str(place))
        done = spot_eval("drift", str(checkpoint), *run, "-o", str(place / FOLDER), "--json")
        if done.returncode:
            self.say(f"step {step}: its drift could not be measured ({last_line(done.stderr)})")


def _drift_of(run: Path) -> dict[str, Any] | None:
    """Return family (and `overall`) to KL per token and its error; None if drift could not be measured."""
    found = read_drift(run)
    if found is None:
        return None
    groups = {**found.summary["families"], "overall": found.summary["overall"]}
    return {name: {**one["kl"], "z": one["z"]} for name, one in groups.items()}


def _summary(board: dict[str, Any]) -> str:
    """Return `in_domain 70.5 (+25.0), ood 72.0 (+28.7), …` in percent and points."""
    parts = []
    for name, entry in board["families"].items():
        change = board["difference"]["families"].get(name, {}).get("mean")
        shown = "-" if entry["mean"] is None else f"{100 * entry['mean']:.1f}"
        parts.append(f"{name} {shown}" + ("" if change is None else f" ({100 * change:+.1f})"))
    return ", ".join(parts)
