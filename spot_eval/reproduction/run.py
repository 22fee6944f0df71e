"""Run the experiment: data, grid, choice, finals, in as many processes as asked; whatever is done already is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.core.progress import progress
from spot_eval.miniature import BASE
from spot_eval.models.checkpoint import fingerprint
from spot_eval.reproduction.data import make_data
from spot_eval.reproduction.protocol import QUICK_SETTINGS, Protocol
from spot_eval.reproduction.scores import family_means
from spot_eval.reproduction.work import Place, run_setting, score_base

T = TypeVar("T")
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
    _claim(folder, protocol)
    # a forked child would share torch's threads with its parent
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_quiet) as pool:
        seeds = sorted({0, *protocol.seeds} if protocol.rates else set(protocol.seeds))
        counts = dict(zip(seeds, _all(pool, "making pairs", make_data, [(base, place.data(s), s) for s in seeds]),
                          strict=True))  # fmt: skip
        exams = {"test": protocol.test_items} | ({"dev": protocol.dev_items} if protocol.rates else {})
        answered = _all(pool, "asking the base", score_base, [(place, name, count) for name, count in exams.items()])
        asked = dict(zip(exams, answered, strict=True))
        grid = _all(pool, "choosing rates", run_setting, [(place, one) for one in protocol.grid()])
        chosen = choose(protocol, grid, asked["dev"]) if protocol.rates else QUICK_SETTINGS
        finals = _all(pool, "training and scoring", run_setting, [(place, one) for one in protocol.finals(chosen)])
    return Experiment(protocol, asked, grid, finals, chosen, counts)


def choose(protocol: Protocol, grid: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> Chosen:
    """Return method to the (rate, beta) with the best mean of families on dev items; the first of equal ones."""
    found: dict[str, tuple[float, float | None]] = {}
    for name in protocol.methods:
        mine = [one for one in grid if one["setting"]["method"] == name]
        best = max(mine, key=lambda one: sum(family_means(one["right"], base["parts"]).values()))
        found[name] = (best["setting"]["rate"], best["setting"]["beta"])
    return found


def at_edge(protocol: Protocol, chosen: Chosen) -> list[str]:
    """Return the methods whose chosen rate is the smallest or largest of the grid."""
    ends = {min(protocol.rates), max(protocol.rates)} if protocol.rates else set()
    return [name for name, (rate, _) in chosen.items() if rate in ends]


def _all(pool: ProcessPoolExecutor, what: str, do: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> list[T]:
    """Return what `do` makes of each call, in order, showing how many are done."""
    if not calls:
        return []
    jobs = {pool.submit(do, *call): number for number, call in enumerate(calls)}
    found: dict[int, T] = {}
    try:
        with progress(what, len(calls)) as advance:
            for job in as_completed(jobs):
                found[jobs[job]] = job.result()
                advance()
    except BaseException:
        for job in jobs:
            job.cancel()
        raise
    return [found[number] for number in range(len(calls))]


def _claim(folder: Path, protocol: Protocol) -> None:
    """Write the protocol into a new folder. Raises UserError if it holds another one, or something else."""
    file = folder / "protocol.json"
    wanted = _record(protocol)
    if file.is_file():
        if read_json(file) != wanted:
            raise UserError(f"{folder} holds an experiment of another protocol or base; choose another with --out")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and holds no experiment; choose another with --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, wanted)


def _record(protocol: Protocol) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(protocol)))


def _quiet() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
