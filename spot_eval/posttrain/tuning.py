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
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.comparison.pairing import DocPair, as_pairs, paired_docs
from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.core.progress import Say
from spot_eval.metrics.paired import effect
from spot_eval.models.checkpoint import locate
from spot_eval.posttrain.grid import Point, at_end, best, claim_folder, do_all, frontier, points_of
from spot_eval.posttrain.own_process import last_line, spot_eval
from spot_eval.runs.drift_files import FOLDER, read_drift
from spot_eval.runs.finished import FinishedRun, read_run

GENERAL = "general"
"""The family whose loss is shown beside the gain of the others, if the suite has it."""
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
    _docs(options, read_run(base))  # refuses before anything is trained
    with ThreadPoolExecutor(options.jobs) as pool:
        done = do_all(pool, "tuning", _do, [(options, point) for point in points])
    found = _found(options, points, dict(zip(points, done, strict=True)))
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


def is_held_out(doc_hash: str, cluster: str | None, share: float) -> bool:
    """Return True if a doc is kept from the choice; docs of one cluster stand together.

    Args:
        doc_hash: hash of the doc.
        cluster: name of its source, if it shares one with others.
        share: fraction of the docs that are held out.
    """
    digest = hashlib.sha256(f"tune {cluster or doc_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _found(options: TuneOptions, points: Sequence[Point], done: Mapping[Point, Mapping[str, Any]]) -> dict[str, Any]:
    base = read_run(options.out / "base")
    families = _families(base)
    rows = {point: _row(options, base, point, numbers) for point, numbers in done.items()}
    chosen = best({point: row["overall"]["mean"] for point, row in rows.items()})
    places = {
        point: (row["drift"] if row["drift"] is not None else -row["general"]["mean"], row["gain"]["mean"])
        for point, row in rows.items()
        if row["drift"] is not None or row["general"] is not None
    }
    on = set(frontier(places))
    for point, row in rows.items():
        row["on_frontier"] = point in on
    ends = {name: at_end(points, point) for name, point in chosen.items()}
    return {
        "model": options.model,
        "pairs": str(options.pairs),
        "suite": options.suite,
        "families": families,
        "docs": _docs(options, base),
        "points": [rows[point] for point in points],
        "chosen": {
            name: {**rows[point], "at_end": ends[name], "held_out": _held_out(options, base, point)}
            for name, point in chosen.items()
        },
        "warnings": [_end_warning(chosen[name], end, points) for name in chosen for end in ends[name]],
    }


def _families(base: FinishedRun) -> dict[str, list[str]]:
    """Return the tasks that were asked, by family."""
    asked = {
        name: [task for task in tasks if task in base.docs] for name, tasks in base.config["suite"]["families"].items()
    }
    return {name: tasks for name, tasks in asked.items() if tasks}


def _end_warning(point: Point, name: str, points: Sequence[Point]) -> str:
    values = sorted({getattr(one, name) for one in points if one.method == point.method})
    value = getattr(point, name)
    side, where = ("smallest", "below") if value == values[0] else ("largest", "above")
    return (
        f"{point.method}: the chosen {name} {value:g} is the {side} of the grid, so a better one may lie {where} it; "
        f"add such values to --{name}s"
    )


def _row(options: TuneOptions, base: FinishedRun, point: Point, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point's numbers on dev docs: changes from the base, in fractions of 1."""
    run = options.out / "points" / _name(point) / "run"
    families = _families(base)
    pairs = _side(paired_docs(read_run(run), base), options, held_out=False)
    drift = None if numbers["no_drift"] else read_drift(run)
    gaining = [name for name in families if name != GENERAL] or list(families)
    return {
        **numbers,
        "families": {name: _change(pairs, families, [name]) for name in families},
        "gain": _change(pairs, families, gaining),
        "general": _change(pairs, families, [GENERAL]) if GENERAL in families else None,
        "overall": _change(pairs, families, list(families)),
        "drift": None if drift is None else _drift(drift.summary["families"], families),
    }


def _drift(measured: Mapping[str, Any], families: Mapping[str, Sequence[str]]) -> float | None:
    """Return the mean over families of KL(base || trained) per token, in nats; None if a family has none."""
    found = [measured[name]["kl"]["mean"] for name in families if name in measured]
    return None if None in found or len(found) < len(families) else sum(found) / len(found)


def _held_out(options: TuneOptions, base: FinishedRun, point: Point) -> dict[str, Any] | None:
    """Return the changes of a chosen point on the docs that did not choose it; None if there are none."""
    run = options.out / "points" / _name(point) / "run"
    pairs = _side(paired_docs(read_run(run), base), options, held_out=True)
    families = _families(base)
    if not all(pairs.get(task) for tasks in families.values() for task in tasks):
        return None
    return {name: _change(pairs, families, [name]) for name in families}


def _side(pairs: Mapping[str, Sequence[DocPair]], options: TuneOptions, *, held_out: bool) -> dict[str, list[DocPair]]:
    return {
        task: [pair for pair in docs if is_held_out(pair[1].doc_hash, pair[1].cluster, options.held_out) is held_out]
        for task, docs in pairs.items()
    }


def _docs(options: TuneOptions, base: FinishedRun) -> dict[str, int]:
    """Return how many docs decide, and how many are held out. Raises UserError if a task has none that decides."""
    counts = {"dev": 0, "held_out": 0}
    for task, docs in base.docs.items():
        held = sum(is_held_out(doc.doc_hash, doc.cluster, options.held_out) for doc in docs.values())
        if held == len(docs):
            raise UserError(
                f"all {held} docs of {task} are held out, so none can decide; lower --held-out, or raise --limit"
            )
        counts["dev"] += len(docs) - held
        counts["held_out"] += held
    return counts


def _change(
    pairs: Mapping[str, Sequence[DocPair]], families: Mapping[str, Sequence[str]], wanted: Sequence[str]
) -> dict[str, float | None]:
    """Return the mean over families of the mean over tasks of the change, with its standard error over docs.

    The error is None if a family's docs all differ alike, which measures none.
    """
    effects = [effect([as_pairs(pairs.get(task, ())) for task in families[name]]) for name in wanted]
    missing = next((name for name, one in zip(wanted, effects, strict=True) if one.mean is None), None)
    if missing is not None:
        raise UserError(f"family {missing!r} has no doc that was judged in both runs, so nothing can be chosen on it")
    errors = [one.stderr for one in effects]
    known = [error for error in errors if error is not None]
    return {
        "mean": sum(float(one.mean or 0.0) for one in effects) / len(effects),
        "stderr": math.hypot(*known) / len(effects) if len(known) == len(errors) else None,
    }
