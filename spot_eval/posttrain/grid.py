"""A grid of training settings: its points, the work on them in parallel, the choice, and what lies at the grid's end.

    points = points_of(["sft+", "spot-bce"], rates=(1e-5, 1e-4), betas=(1.0, 5.0), tethered=has_beta)
    chosen = best({point: score})            # {"sft+": Point("sft+", 1e-4, None), …}
    at_end(points, chosen["sft+"])           # ["rate"]

Used by `spot-eval tune` and by `spot-eval reproduce`. Knows neither suites nor the trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.core.progress import progress

T = TypeVar("T")


class Point(NamedTuple):
    """A setting of the grid; `beta` is None if it does not act."""

    method: str
    rate: float
    beta: float | None

    def __str__(self) -> str:
        return f"{self.method}, rate {self.rate:g}" + ("" if self.beta is None else f", beta {self.beta:g}")


def points_of(
    methods: Iterable[str], rates: Sequence[float], betas: Sequence[float], tethered: Callable[[str], bool]
) -> list[Point]:
    """Return the points of the grid, method by method.

    Args:
        methods: names of objectives, as `--objective` takes them.
        rates: peak learning rates.
        betas: betas of the methods in which one acts.
        tethered: tells if a beta acts in a method.
    """
    return [
        Point(name, rate, beta) for name in methods for beta in (betas if tethered(name) else (None,)) for rate in rates
    ]


def best(scores: Mapping[Point, float]) -> dict[str, Point]:
    """Return method to its point with the highest score; the first of equal ones."""
    found: dict[str, Point] = {}
    for point, score in scores.items():
        if point.method not in found or score > scores[found[point.method]]:
            found[point.method] = point
    return found


def at_end(points: Sequence[Point], chosen: Point) -> list[str]:
    """Return which of "rate" and "beta" is the smallest or largest that was tried for the chosen point's method."""
    mine = [point for point in points if point.method == chosen.method]
    ends = []
    for name in ("rate", "beta"):
        values = {getattr(point, name) for point in mine}
        if len(values) > 1 and getattr(chosen, name) in (min(values), max(values)):
            ends.append(name)
    return ends


def frontier(places: Mapping[Point, tuple[float, float]]) -> list[Point]:
    """Return the points that no other beats, by cost: none gains as much for less, or more for as much.

    Args:
        places: point to (cost, gain), such as drift and change of the score.
    """
    kept: list[Point] = []
    highest = float("-inf")
    for point, (_, gain) in sorted(places.items(), key=lambda one: (one[1][0], -one[1][1])):
        if gain > highest:
            kept.append(point)
            highest = gain
    return kept


def do_all(pool: Executor, what: str, do: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> list[T]:
    """Return what `do` makes of each call, in order, showing how many are done and the time left.

    Args:
        pool: does the work.
        what: shown beside the progress.
        do: called with the arguments of each call.
        calls: the arguments.

    If one fails or Ctrl-C is pressed, what has not begun is cancelled.
    """
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


def claim_folder(folder: Path, name: str, record: Mapping[str, Any], what: str) -> None:
    """Write what is run into a new folder, so that the same command resumes it.

    Args:
        folder: made if it does not exist.
        name: file in it that holds the record.
        record: what is run, as JSON.
        what: what the folder holds, for messages, such as "experiment".

    Raises UserError if the folder holds another one, or something else.
    """
    file = folder / name
    if file.is_file():
        before = read_json(file)
        if before != record:
            changed = [key for key in record if not isinstance(before, dict) or before.get(key) != record[key]]
            raise UserError(
                f"{folder} holds another {what}{f' (its {changed[0]} differs)' if changed else ''}; "
                "choose another with --out"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and holds no {what}; choose another with --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, record)
