"""`spot-eval run`: from a checkpoint to a scoreboard. The order of things, and what is refused before work starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.core.records import to_line
from spot_eval.evaluation.checks import check_baseline, chosen_suite, preflight
from spot_eval.evaluation.connect4_seed import with_boards
from spot_eval.evaluation.generate import generate_missing, make_plan, refuse_too_long
from spot_eval.evaluation.grade import grade
from spot_eval.evaluation.score import score
from spot_eval.models.held import Held
from spot_eval.models.model import find_model
from spot_eval.models.registry import check_engine
from spot_eval.runs.baseline import load_baseline
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.manifest import build_manifest, run_config, run_folder
from spot_eval.tasks.data.sources import data_directories
from spot_eval.tasks.loader import LoadedTask, load_tasks


def run(options: RunOptions, say: Say, held: Held | None = None) -> tuple[Path, dict[str, Any]]:
    """Generate what is missing, grade, score; return (run directory, scoreboard).

    Args:
        options: what to run.
        say: receives the sentences a user should read while it works.
        held: keeps the engine for the next run of the same base.

    Raises UserError for bad input, before anything is generated.
    """
    check_engine(options.engine)
    suite = chosen_suite(options)
    data_directories(options.data_dirs)  # a folder that is none is said at once
    baseline = load_baseline(options.baseline) if options.baseline else None
    options = with_boards(options, suite, baseline, say)
    model = find_model(options, suite, say, held)
    tasks, left_out = load_tasks(
        suite,
        data_dirs=options.data_dirs,
        data_files=options.data_files,
        limit=options.limit,
        connect4_seed=options.connect4_seed,
    )
    preflight((doc for task in tasks for doc in task.docs if task.grader == "ifeval"), {task.grader for task in tasks})
    for name, reason in left_out.items():
        say(f"{name} is left out, and its family has no mean: {reason}")

    facts = model.facts
    plan = make_plan(
        tasks,
        suite,
        model,
        fingerprint=model.identity,
        engine=facts.identity,
        context=facts.context,
        run_seed=options.seed,
    )
    if plan.too_long and not options.skip_too_long:
        refuse_too_long(plan.too_long, facts.context or 0)
    if plan.capped:
        say(f"{plan.capped} requests get a smaller budget: prompt and answer share {facts.context} tokens of context")
    config = run_config(options, suite, model, tasks)
    check_baseline(config, baseline, say)
    out = run_folder(options, suite, model, config)
    fresh = not (out / "manifest.json").exists()
    manifest = build_manifest(options, model, tasks, left_out=left_out, config=config)
    store = RunDirectory.create(out, manifest)
    try:
        _write_docs(store, tasks)
        generate_missing(store, plan, model, say)
        samples = grade(store, workers=options.workers)
        return out, score(store, samples, baseline)
    except UserError:
        if fresh and not (store.generations.path.exists() or store.read_sessions()):
            store.discard()
        raise
    finally:
        store.close()


def grade_again(path: Path, baseline_name: str | None, workers: int | None, say: Say) -> dict[str, Any]:
    """Judges the stored generations of the run at `path` anew, without its model; returns the scoreboard."""
    store = RunDirectory.at(path)
    config = store.manifest["config"]
    baseline = load_baseline(baseline_name) if baseline_name else None
    check_baseline(config, baseline, say)
    preflight((), {data["grader"] for data in config["data"].values()})
    store.lock()
    try:
        store.generations.repair()
        return score(store, grade(store, workers=workers, again=True), baseline)
    finally:
        store.close()


def _write_docs(store: RunDirectory, tasks: Sequence[LoadedTask]) -> None:
    if not (store.path / "docs.jsonl").exists():
        write_atomically(store.path / "docs.jsonl", (to_line(doc) for task in tasks for doc in task.docs))
