"""Which Connect4 boards a run is asked: the task's own seed, a fresh one, or the set of the run it is compared with.

Two checkpoints must answer the same boards. So `--fresh` draws a seed for a first run, and a later run with
`--baseline` of that one takes its boards over; `--fresh` and `--baseline` together would ask what the baseline has not
answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.runs.baseline import Baseline
from spot_eval.runs.directory import read_manifest
from spot_eval.runs.judged import JudgedRun
from spot_eval.tasks.data.sources import SOURCES
from spot_eval.tasks.suite import Suite

Say = Callable[[str], None]


def with_boards(options: RunOptions, suite: Suite, baseline: Baseline | None, say: Say) -> RunOptions:
    """The options with the Connect4 seed (and file) settled; what was drawn or taken over is said.

    Raises UserError where `--fresh` cannot mean anything, NotComparableError where the baseline's boards cannot be
    asked again.
    """
    tasks = [task for task in suite.tasks if task in SOURCES and SOURCES[task].drawn and task not in options.data_files]
    if (options.fresh or options.connect4_seed is not None) and not tasks:
        named = "--fresh" if options.fresh else "--connect4-seed"
        raise UserError(f"{named}: this run of suite {suite.name} draws no Connect4 boards")
    if options.fresh and options.connect4_seed is not None:
        raise UserError("--fresh draws a seed and --connect4-seed names one; give one of the two")
    if isinstance(baseline, JudgedRun):
        if options.fresh:
            raise UserError(
                f"--fresh would draw boards that {baseline.path} has not answered; run the base with --fresh first, "
                "then this checkpoint with --baseline of that run: it takes the boards over"
            )
        return _inherited(options, tasks, baseline, say)
    return _drawn(options, say) if options.fresh else options


def _drawn(options: RunOptions, say: Say) -> RunOptions:
    """A seed nobody chose, or the one the run in `--out` was begun with."""
    from connect4.boards.random_stream import drawn_seed

    if options.out and (options.out / "manifest.json").is_file():
        data = read_manifest(options.out)["config"]["data"].values()
        if known := [entry["drawn"]["seed"] for entry in data if entry.get("drawn", {}).get("fresh")]:
            return replace(options, connect4_seed=known[0])
    seed = drawn_seed()
    say(f"--fresh: Connect4 boards of seed {seed}; to go on with this run later: --connect4-seed {seed} instead")
    return replace(options, connect4_seed=seed)


def _inherited(options: RunOptions, tasks: list[str], baseline: JudgedRun, say: Say) -> RunOptions:
    """The boards of the base run, for each task both have."""
    from connect4.boards.generator import VERSION

    files = dict(options.data_files)
    seed = options.connect4_seed
    for task in tasks:
        entry: dict[str, Any] = baseline.config["data"].get(task, {})
        if not entry:
            continue
        if not (drawn := entry.get("drawn")):
            files[task] = _file_of(baseline, task)
            say(f"{task}: the boards of {baseline.path}, from {files[task]}")
            continue
        if drawn["generator"] != VERSION:
            raise NotComparableError(
                f"{baseline.path} is not comparable: its {task} boards are of generator {drawn['generator']}, here it "
                f"is {VERSION}; run the base again"
            )
        if seed is not None and seed != drawn["seed"]:
            raise NotComparableError(
                f"{baseline.path} is not comparable: its {task} boards are of seed {drawn['seed']}, not {seed}; "
                "leave --connect4-seed away to take them over"
            )
        seed = drawn["seed"]
        if drawn["fresh"] and options.connect4_seed is None:
            say(f"{task}: the boards of {baseline.path}, seed {seed}")
    return replace(options, connect4_seed=seed, data_files=files)


def _file_of(baseline: JudgedRun, task: str) -> Path:
    saved = not (baseline.path / "manifest.json").is_file()  # a saved baseline knows no paths
    origin = "a file" if saved else read_manifest(baseline.path)["data"][task]["origin"]
    if saved or not Path(origin).is_file():
        raise NotComparableError(
            f"{baseline.path} was asked the {task} boards of {origin}, which is no file here; "
            f"give it with --data {task}=FILE"
        )
    return Path(origin)
