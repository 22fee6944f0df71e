"""`spot-eval run`: from a checkpoint to a scoreboard, in four steps: prepare, generate, grade, score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.core.record_files import read_records, to_line
from spot_eval.core.records import Doc
from spot_eval.evaluation.checks import check_baseline, preflight
from spot_eval.evaluation.generate import generate_missing
from spot_eval.evaluation.grade import grade
from spot_eval.evaluation.grade_meanwhile import grading_meanwhile
from spot_eval.evaluation.prepare import Fetching, Prepared, prepare
from spot_eval.evaluation.score import score
from spot_eval.evaluation.shards import shard_entry
from spot_eval.evaluation.unchanged import finished_before, inputs_digest, keep_inputs
from spot_eval.evaluation.waves import Monitor, asked_so_far, base_of, note_whole, run_in_waves
from spot_eval.models.held import Held
from spot_eval.runs.baseline import load_baseline
from spot_eval.runs.directory import RunDirectory, refuse_shard
from spot_eval.runs.manifest import build_manifest
from spot_eval.runs.seal import go_on
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.shared_stems import shared_stem


def run(
    options: RunOptions, say: Say, monitor: Monitor | None = None, held: Held | None = None
) -> tuple[Path, dict[str, Any]]:
    """Generate what is missing, grade and score; return (run directory, scoreboard).

    Args:
        options: the command line, with the defaults filled in.
        say: receives the sentences a user should read meanwhile.
        monitor: decides after each wave of repeats what is certain; None asks the whole protocol.
        held: keeps the engine for the next run of the same base; without it, each run loads its own.

    Raises UserError for bad input, before anything is generated.
    """
    inputs = inputs_digest(options)
    if monitor is None and (finished := finished_before(options, inputs)):
        say(f"{finished} is finished, and what it was made from is unchanged: nothing is loaded")
        return finished, _judge_again(RunDirectory.at(finished), options.baseline, options.workers, say)
    prepared = prepare(options, Fetching(say, held), say)
    base = base_of(prepared.baseline, options.baseline) if monitor is not None else None
    model, plan, _, out = prepared.complete()
    with working_in(prepared, say) as store:
        if monitor is not None and base is not None:
            samples = run_in_waves(store, plan, model, base, monitor, workers=options.workers, say=say)
        else:
            with grading_meanwhile(store, options.workers) as meanwhile:
                whole = generate_missing(store, plan, model, say)
                samples = grade(store, workers=options.workers, meanwhile=meanwhile)
            note_whole(store)
            if whole:
                keep_inputs(out, inputs, prepared.docs, left_out=bool(prepared.tasks.left_out))
        return out, score(store, samples, prepared.baseline)


def run_shard(options: RunOptions, say: Say) -> tuple[Path, dict[str, int]]:
    """Generate what is missing of one shard; return (run directory, {"index", "of", "requests", "answered"}).

    Args:
        options: the options of the run, with a shard.
        say: receives the sentences a user should read meanwhile.

    Raises UserError for bad input, before anything is generated.
    """
    prepared = prepare(options, Fetching(say), say)
    model, plan, _, out = prepared.complete()
    shard = shard_entry(options, plan)
    assert shard is not None
    with working_in(prepared, say) as store:
        generate_missing(store, plan, model, say)
        return out, {**shard, "answered": len(store.read_generations())}


@contextmanager
def working_in(prepared: Prepared, say: Say) -> Iterator[RunDirectory]:
    """Open the run directory, with manifest and docs as prepared, and keep others out of it meanwhile.

    A new one is removed again if a UserError stops the run before anything was asked.
    """
    model, plan, config, out = prepared.complete()
    if plan.capped:
        context = model.facts.context
        say(f"{plan.capped} requests get a smaller token budget: prompt and answer share {context} tokens of context")
    is_new = not (out / "manifest.json").exists()
    manifest = build_manifest(prepared.options, model, prepared.docs, left_out=prepared.tasks.left_out, config=config)
    if shard := shard_entry(prepared.options, plan):
        manifest["shard"] = shard
    store = RunDirectory.create(out, manifest)
    try:
        if not go_on(store.path, say):
            (out / "samples.jsonl").unlink(missing_ok=True)  # made again from the texts
        _write_docs(store, prepared.docs, say)
        if is_new:
            for task in prepared.docs:
                if not task.has_examples and (stem := shared_stem(task.docs)):
                    say(f"{task.name}: {stem.sentence}")
        yield store
    except UserError:
        if is_new and not (store.generations.path.exists() or store.read_sessions()):
            store.discard()
        raise
    finally:
        store.close()


def grade_again(path: Path, baseline_name: str | None, workers: int | None, say: Say) -> dict[str, Any]:
    """Grade the stored generations of a run again, without its model; return the scoreboard.

    Args:
        path: the run directory.
        baseline_name: run or published table to show differences from.
        workers: number of grading processes; one per core if None.
        say: receives warnings about the baseline.
    """
    return _judge_again(RunDirectory.at(path), baseline_name, workers, say, again=True)


def _judge_again(
    store: RunDirectory, baseline_name: str | None, workers: int | None, say: Say, *, again: bool = False
) -> dict[str, Any]:
    """Grade and score stored generations; `again` judges texts anew whose verdicts still hold, too."""
    refuse_shard(store.path)
    config = store.manifest["config"]
    baseline = load_baseline(baseline_name) if baseline_name else None
    check_baseline(config, baseline, say)
    preflight((), {data["grader"] for data in config["data"].values()})
    store.lock()
    try:
        go_on(store.path, say)
        store.generations.repair()
        return score(store, grade(store, workers=workers, again=again, asked=asked_so_far(store)), baseline)
    finally:
        store.close()


def _write_docs(store: RunDirectory, tasks: Sequence[LoadedTask], say: Say) -> None:
    """Write docs.jsonl, and write it again if it is not as the manifest's data gives it (lines lost or changed)."""
    path = store.path / "docs.jsonl"
    wanted = [to_line(doc) for task in tasks for doc in task.docs]
    if path.exists():
        try:
            if [to_line(doc) for doc in read_records(path, Doc)] == wanted:
                return
            reason = "it was not as its data sets give it"
        except UserError as problem:
            reason = str(problem)
        say(f"{path} is written again: {reason}")
    write_atomically(path, wanted)
