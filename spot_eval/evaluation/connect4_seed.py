"""Settle which drawn rows a run is asked: Connect4 boards, and tasks of reasoning-gym.

A task's own seed counts, unless the run draws a fresh one or takes over the rows of the run it is compared with: two
checkpoints must answer the same rows. So `--fresh` draws a seed for a first run, and a later run with `--baseline` of
that one takes its rows over; `--fresh` and `--baseline` together would ask what the baseline has not answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.runs.baseline import Baseline
from spot_eval.runs.directory import read_manifest
from spot_eval.runs.judged import JudgedRun
from spot_eval.tasks.data.reasoning_gym import installed_version
from spot_eval.tasks.data.sources import SOURCES
from spot_eval.tasks.suite import Suite

Say = Callable[[str], None]


def with_boards(options: RunOptions, suite: Suite, baseline: Baseline | None, say: Say) -> RunOptions:
    """Return the options with the seeds (and files) of drawn tasks settled; report what was drawn or taken over.

    Args:
        options: the run's options; `fresh`, `connect4_seed` and `fresh_seed` are read.
        suite: the suite as the command line narrowed it.
        baseline: the run's baseline, if it has one.
        say: receives the seed that was drawn, and what was taken over.

    Raises UserError if an option cannot mean anything here, NotComparableError if the baseline's rows cannot be asked
    again.
    """
    boards = [
        task for task in suite.tasks if task in SOURCES and SOURCES[task].drawn and task not in options.data_files
    ]
    generated = [task for task in suite.tasks if suite.settings(task).fresh]
    _refuse_what_means_nothing(options, suite, boards, generated)
    if isinstance(baseline, JudgedRun):
        if options.fresh:
            raise UserError(
                f"--fresh would draw rows that {baseline.path} has not answered; run the base with --fresh first, "
                "then this checkpoint with --baseline of that run: it takes them over"
            )
        return _generated_of(_inherited(options, boards, baseline, say), generated, baseline, say)
    return _drawn(options, boards, generated, say) if options.fresh else options


def _refuse_what_means_nothing(
    options: RunOptions, suite: Suite, boards: Sequence[str], generated: Sequence[str]
) -> None:
    for named, given, tasks, what in (
        ("--fresh", options.fresh, [*boards, *generated], "rows"),
        ("--connect4-seed", options.connect4_seed is not None, boards, "Connect4 boards"),
        ("--fresh-seed", options.fresh_seed is not None, generated, "rows by a generator"),
    ):
        if given and not tasks:
            raise UserError(f"{named}: this run of suite {suite.name} draws no {what}")
    for named, seed in (("--connect4-seed", options.connect4_seed), ("--fresh-seed", options.fresh_seed)):
        if options.fresh and seed is not None:
            raise UserError(f"--fresh draws a seed and {named} names one; give one of the two")


def _drawn(options: RunOptions, boards: Sequence[str], generated: Sequence[str], say: Say) -> RunOptions:
    """Return the options with a drawn seed, or with the one that the run in `--out` was begun with."""
    from connect4.boards.random_stream import drawn_seed

    seed = None
    if options.out and (options.out / "manifest.json").is_file():
        data = read_manifest(options.out)["config"]["data"].values()
        seed = next((entry["drawn"]["seed"] for entry in data if entry.get("drawn", {}).get("fresh")), None)
    if seed is None:
        seed = drawn_seed() % 2**31
        again = [*(["--connect4-seed"] if boards else []), *(["--fresh-seed"] if generated else [])]
        what = "Connect4 boards" if boards and not generated else "rows"
        say(f"--fresh: {what} of seed {seed}; to resume this run later: {f' {seed} '.join(again)} {seed} instead")
    return replace(options, connect4_seed=seed if boards else None, fresh_seed=seed if generated else None)


def _generated_of(options: RunOptions, tasks: Sequence[str], baseline: JudgedRun, say: Say) -> RunOptions:
    """Return the options with the seed of the base run's generated rows, if they were fresh."""
    seed = options.fresh_seed
    for task in tasks:
        drawn: dict[str, Any] = baseline.config["data"].get(task, {}).get("drawn") or {}
        if not drawn:
            continue
        if drawn["version"] != (here := installed_version()):
            raise NotComparableError(
                f"{baseline.path} is not comparable: its {task} rows were drawn by reasoning-gym {drawn['version']}, "
                f"here it is {here}; install that version, or run the base again"
            )
        if not drawn["fresh"] and seed is None:
            continue
        if seed is not None and seed != drawn["seed"]:
            raise NotComparableError(
                f"{baseline.path} is not comparable: its {task} rows are of seed {drawn['seed']}, not {seed}; leave "
                "--fresh-seed away to take them over"
            )
        seed = drawn["seed"]
        if options.fresh_seed is None:
            say(f"{task}: the rows of {baseline.path}, seed {seed}")
    return replace(options, fresh_seed=seed)


def _inherited(options: RunOptions, tasks: list[str], baseline: JudgedRun, say: Say) -> RunOptions:
    """Return the options with the boards of the base run, for each task that both have."""
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
