"""Choose learning rate and beta on dev items: train every point of a grid, score it, and say what it bought.

    out/tune.json             the options, the frontier and the choice
    out/base                  the base's run
    out/points/NAME/run       a point's run, with its drift from the base
    out/points/NAME/point.json  its numbers; written last, so its existence means that the point is done

The docs of the suite are split in two by their hash. The dev half alone decides; the other half is looked at for the
chosen settings only, so it says what they are worth. Train, run and drift are our own verbs in processes of their own,
each of which resumes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.core.progress import Say
from spot_eval.models.checkpoint import locate
from spot_eval.posttrain.grid import Point, claim_folder, do_all, points_of
from spot_eval.posttrain.own_process import last_line, spot_eval
from spot_eval.posttrain.tuned_grid import count_docs, findings
from spot_eval.runs.drift_files import FOLDER
from spot_eval.runs.finished import read_run

FACTORS = {"rate": (0.1, 0.3, 1.0, 3.0, 10.0), "beta": (0.2, 1.0, 5.0)}
"""The default grid, as multiples of the recipe's values."""


@dataclass(frozen=True)
class TuneOptions:
    """Options of `spot-eval tune`; see its --help."""

    model: str
    pairs: Path
    out: Path
    suite: str
    objectives: Sequence[str] = ("spot-bce",)
    rates: Sequence[float] = ()
    betas: Sequence[float] = ()
    tasks: Sequence[str] = ()
    limit: int | None = None
    held_out: float = 0.5
    train: Mapping[str, str] = field(default_factory=dict)
    """Further options of `train`, without their dashes."""
    engine: str = "hf"
    engine_args: Sequence[str] = ()
    jobs: int = 1
    keep_checkpoints: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise UserError(f"--held-out {self.held_out:g}: expected a fraction of the docs, from 0 to below 1")
        for name in ("rates", "betas"):
            for value in getattr(self, name):
                if not 0 < value < float("inf"):
                    raise UserError(f"--{name} {value:g}: expected numbers above 0")
        if not self.objectives:
            raise UserError("--objective names no objective")
        if taken := sorted({"model", "pairs", "out", "objective", "learning-rate", "lr", "beta"} & self.train.keys()):
            raise UserError(f"--train-arg {taken[0]}: tune itself says that to train; leave it out")


def grid_of(options: TuneOptions) -> list[Point]:
    """Return the points of the grid. Raises UserError for an unknown objective or recipe."""
    from trainer.errors import TrainError
    from trainer.objectives import Objective

    try:
        tethered = {name: Objective.parse(name).needs_reference for name in options.objectives}
        return [
            point
            for name in options.objectives
            for point in points_of([name], *_values(options, name), tethered.__getitem__)
        ]
    except TrainError as problem:
        raise UserError(str(problem)) from problem


def _values(options: TuneOptions, objective: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return rates and betas: those given, else multiples of the recipe's."""
    from spot_eval.miniature import is_miniature
    from trainer.settings import recipe_for, settings_from

    recipe = recipe_for(options.train.get("recipe"), objective, miniature=is_miniature(locate(options.model)))
    settings = settings_from(recipe)
    rates = options.rates or [float(f"{settings.learning_rate * one:.3g}") for one in FACTORS["rate"]]
    betas = options.betas or [float(f"{settings.beta * one:.3g}") for one in FACTORS["beta"]]
    return sorted(set(rates)), sorted(set(betas))


def tune(options: TuneOptions, say: Say) -> dict[str, Any]:
    """Run what is missing of the grid, choose, and write and return tune.json.

    Raises UserError for bad input, and if the base or a point cannot be trained or scored.
    """
    points = grid_of(options)
    claim_folder(options.out, "grid.json", _record(options, points), "grid")
    say(f"{len(points)} settings to train and score on {options.suite}; finished ones are kept in {options.out}")
    base = options.out / "base"
    _must(_score(options, options.model, base), f"the base cannot be scored on {options.suite}")
    count_docs(read_run(base), options.held_out)  # refuses before anything is trained
    with ThreadPoolExecutor(options.jobs) as pool:
        done = do_all(pool, "tuning", _do, [(options, point) for point in points])
    runs = {point: options.out / "points" / _name(point) / "run" for point in points}
    found = {
        "model": options.model,
        "pairs": str(options.pairs),
        "suite": options.suite,
        **findings(read_run(base), runs, dict(zip(points, done, strict=True)), options.held_out),
    }
    write_json(options.out / "tune.json", found)
    return found


def _record(options: TuneOptions, points: Sequence[Point]) -> dict[str, Any]:
    """Return what decides the numbers of a grid, as JSON."""
    return {
        "model": options.model,
        "pairs": hashlib.sha256(_bytes_of(options.pairs)).hexdigest()[:32],
        "suite": options.suite,
        "tasks": list(options.tasks),
        "limit": options.limit,
        "held_out": options.held_out,
        "train": dict(options.train),
        "engine": options.engine,
        "engine_args": list(options.engine_args),
        "points": [list(point) for point in points],
    }


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise UserError(f"--pairs {file}: cannot be read ({problem.strerror or problem})") from problem


def _do(options: TuneOptions, point: Point) -> dict[str, Any]:
    """Train and score a point, unless that is done; return its numbers."""
    place = options.out / "points" / _name(point)
    file, checkpoint, run = place / "point.json", place / "checkpoint", place / "run"
    if file.is_file():
        _tidy(options, checkpoint)
        return read_json(file)
    more = [part for name, value in options.train.items() for part in (f"--{name}", value)]
    beta = [] if point.beta is None else ["--beta", repr(point.beta)]
    trained = spot_eval(
        "train", "--objective", point.method, "--model", options.model, "--pairs", str(options.pairs), "--out",
        str(checkpoint), "--learning-rate", repr(point.rate), *beta, *more, "--json", env=_threads(options),
    )  # fmt: skip
    _must(trained, f"{point} cannot be trained")
    _must(_score(options, str(checkpoint), run), f"{point} cannot be scored on {options.suite}")
    drift = spot_eval(
        "drift", str(checkpoint), "--baseline", str(options.out / "base"), "--run", str(run), "-o",
        str(run / FOLDER), "--json", env=_threads(options),
    )  # fmt: skip
    found = {
        "method": point.method,
        "rate": point.rate,
        "beta": point.beta,
        "warnings": json.loads(trained.stdout).get("warnings", []),
        "no_drift": None if drift.returncode == 0 else last_line(drift.stderr),
    }
    write_json(file, found)
    _tidy(options, checkpoint)
    return found


def _tidy(options: TuneOptions, checkpoint: Path) -> None:
    if not options.keep_checkpoints:
        shutil.rmtree(checkpoint, ignore_errors=True)


def _name(point: Point) -> str:
    words = "".join(letter if letter.isalnum() or letter in "+-." else "-" for letter in str(point))
    return f"{words}-{hashlib.sha256(repr(tuple(point)).encode()).hexdigest()[:8]}"


def _score(options: TuneOptions, model: str, place: Path) -> Any:
    arguments = [part for argument in options.engine_args for part in ("--engine-arg", argument)]
    if options.tasks:
        arguments += ["--tasks", ",".join(options.tasks)]
    if options.limit is not None:
        arguments += ["--limit", str(options.limit)]
    return spot_eval(
        "run", "--model", model, "--suite", options.suite, "--engine", options.engine, *arguments, "--out", str(place),
        "--json", env=_threads(options),
    )  # fmt: skip


def _threads(options: TuneOptions) -> dict[str, str]:
    """Return the environment that shares the cores out among jobs."""
    return {} if options.jobs == 1 else {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // options.jobs))}


def _must(done: Any, what: str) -> None:
    if done.returncode:
        raise UserError(f"{what}: {last_line(done.stderr)}")
