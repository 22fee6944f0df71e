"""Run the experiment: data, grid, choice, finals, in as many processes as asked; whatever is done already is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spot_eval.miniature import BASE
from spot_eval.models.checkpoint import fingerprint
from spot_eval.posttrain.grid import Point, at_end, best, claim_folder, do_all
from spot_eval.reproduction.data import make_data
from spot_eval.reproduction.protocol import QUICK_SETTINGS, Protocol
from spot_eval.reproduction.scores import family_means
from spot_eval.reproduction.work import Place, run_setting, score_base

Chosen = Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Experiment:
    """The findings of an experiment: the base's answers and all results, by split and setting."""

    protocol: Protocol
    base: Mapping[str, Mapping[str, Any]]
    """Split to the base's record."""
    grid: Sequence[Mapping[str, Any]]
    finals: Sequence[Mapping[str, Any]]
    chosen: Chosen
    counts: Mapping[int, Mapping[str, int]]
    """Data seed to the rows of each training file."""


def run_experiment(protocol: Protocol, folder: Path, *, jobs: int = 2, base: Path = BASE) -> Experiment:
    """Run what is missing of the experiment in `folder`, and return all of it.

    Args:
        protocol: what to run.
        folder: holds data and results; a folder of another protocol is refused.
        jobs: processes at once, of one thread each.
        base: the checkpoint that every method starts from.

    Raises UserError if `folder` holds something else.
    """
    protocol = replace(protocol, base=fingerprint(base, "float32", None)[:16])
    place = Place(folder, base)
    claim_folder(folder, "protocol.json", record_of(protocol), "experiment")
    with parallel(jobs) as pool:
        seeds = sorted({0, *protocol.seeds} if protocol.rates else set(protocol.seeds))
        counts = dict(zip(seeds, do_all(pool, "making pairs", make_data, [(base, place.data(s), s) for s in seeds]),
                          strict=True))  # fmt: skip
        exams = {"test": protocol.test_items} | ({"dev": protocol.dev_items} if protocol.rates else {})
        answered = do_all(pool, "asking the base", score_base, [(place, name, count) for name, count in exams.items()])
        asked = dict(zip(exams, answered, strict=True))
        grid = do_all(pool, "choosing rates", run_setting, [(place, one) for one in protocol.grid()])
        chosen = choose(grid, asked["dev"]) if protocol.rates else QUICK_SETTINGS
        finals = do_all(pool, "training and scoring", run_setting, [(place, one) for one in protocol.finals(chosen)])
    return Experiment(protocol, asked, grid, finals, chosen, counts)


def choose(grid: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> Chosen:
    """Return method to the (rate, beta) with the best mean of families on dev items; the first of equal ones."""
    scores = {
        Point(*(one["setting"][name] for name in Point._fields)): sum(
            family_means(one["right"], base["parts"]).values()
        )
        for one in grid
    }
    return {name: (point.rate, point.beta) for name, point in best(scores).items()}


def at_edge(protocol: Protocol, chosen: Chosen) -> list[str]:
    """Return the methods whose chosen rate is the smallest or largest of the grid."""
    points = protocol.points()
    return [name for name, setting in chosen.items() if "rate" in at_end(points, Point(name, *setting))]


def parallel(jobs: int) -> ProcessPoolExecutor:
    """Return processes that train and score, of one thread each; a forked child would share torch's with its parent."""
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_quiet)


def record_of(protocol: Any) -> dict[str, Any]:
    """Return a protocol, a dataclass, as JSON has it."""
    return json.loads(json.dumps(asdict(protocol)))


def _quiet() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
