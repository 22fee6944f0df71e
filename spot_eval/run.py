"""`spot-eval run`: from a checkpoint to a scoreboard. The order of things, and what is refused before work starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.baseline import Baseline, difference, load_baseline, refuse_incomparable
from spot_eval.engines import check_engine
from spot_eval.errors import UserError
from spot_eval.files import write_atomically, write_json
from spot_eval.floors import contamination, guessing
from spot_eval.fresh import with_boards
from spot_eval.generate import Plan, generate, make_plan, refuse_too_long, take_over
from spot_eval.grade import grade
from spot_eval.judged import read_clusters
from spot_eval.manifest import build_manifest, run_config, run_folder
from spot_eval.model import Model, find_model
from spot_eval.options import RunOptions
from spot_eval.records import Doc, Sample, read_records, to_line
from spot_eval.score import scoreboard
from spot_eval.show import markdown
from spot_eval.sources import data_directories
from spot_eval.store import RunDirectory
from spot_eval.suite import Suite, load_suite
from spot_eval.task_docs import LoadedTask, load_tasks

Say = Callable[[str], None]


def run(options: RunOptions, say: Say) -> tuple[Path, dict[str, Any]]:
    """Generates what is missing, grades, scores; returns (run directory, scoreboard).

    `say` receives the sentences a user should read while it works. Raises UserError for bad input, before anything is
    generated.
    """
    check_engine(options.engine)
    suite = chosen_suite(options)
    data_directories(options.data_dirs)  # a folder that is none is said at once
    baseline = load_baseline(options.baseline) if options.baseline else None
    options = with_boards(options, suite, baseline, say)
    model = find_model(options, suite, say)
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


def chosen_suite(options: RunOptions) -> Suite:
    """The suite as the command line narrows it. Raises UserError where it names what the suite does not have."""
    whole = load_suite(options.suite)
    whole.refuse_strangers(options.data_files)
    return whole.narrowed(tasks=options.tasks, repeats=options.repeats, max_new_tokens=options.max_new_tokens)


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


def check_baseline(config: Mapping[str, Any], baseline: Baseline | None, say: Say) -> None:
    """Says what makes a comparison weaker; raises NotComparableError for what makes it meaningless."""
    for warning in refuse_incomparable(config, baseline) if baseline else ():
        say(f"beside the baseline: {warning}")


def preflight(ifeval_docs: Iterable[Doc], graders: set[str]) -> None:
    """Raises UserError for what a grader needs and has not got, before hours of generation."""
    if "ifeval" in graders:
        from spot_eval.graders import ifeval

        ifeval.preflight()
        for doc in ifeval_docs:
            if unknown := ifeval.unknown_instruction(doc.row):
                raise UserError(f"task {doc.task}, doc {doc.doc_id}: lm-eval has no checker for {unknown!r}")


def score(store: RunDirectory, samples: Sequence[Sample], baseline: Baseline | None) -> dict[str, Any]:
    """Writes scoreboard.json and scoreboard.md from judged samples; returns the scoreboard."""
    manifest = store.manifest
    suite = manifest["config"]["suite"]
    board = {
        "model": manifest["model"]["name"],
        "changes": manifest["config"]["changes"],
        **scoreboard(
            samples,
            suite=suite,
            sessions=store.read_sessions(),
            left_out=manifest["left_out"],
            clusters=read_clusters(store.path / "docs.jsonl"),
        ),
    }
    boards = (doc for doc in read_records(store.path / "docs.jsonl", Doc) if _is_board(manifest, doc.task))
    if guessed := guessing(boards):
        board["guessing"] = guessed
    if probe := contamination(samples):
        board["contamination"] = probe
    if baseline:
        board["difference"] = difference(board, samples, suite, baseline)
    write_json(store.path / "scoreboard.json", board)
    write_atomically(store.path / "scoreboard.md", [markdown(board).encode()])
    return board


def _is_board(manifest: Mapping[str, Any], task: str) -> bool:
    return manifest["config"]["data"][task]["grader"] == "connect4"


def generate_missing(store: RunDirectory, plan: Plan, model: Model, say: Say) -> None:
    """Has the engine do what neither this run nor a neighbour has finished."""
    requests = plan.requests
    known = store.read_failures()
    for planned in plan.too_long:
        if planned.request.key not in known:
            tokens = planned.request.prompt.length
            store.failures.append(planned.failure(f"the prompt of {tokens} tokens does not fit the context"))
    finished = set(store.read_generations())
    missing = [planned for planned in requests if planned.request.key not in finished]
    if model.fingerprint and (taken := take_over(store, missing, model.fingerprint)):
        say(f"{len(taken)} generations of this checkpoint were finished by neighbouring runs and are taken over")
        missing = [planned for planned in missing if planned.request.key not in taken]
    if not missing:
        return
    say(f"{len(missing)} of {len(requests)} generations to do; records in {store.path}")
    engine = model.open()
    try:
        refused = generate(store, engine, missing, finished=len(requests) - len(missing), total=len(requests))
        for reason, times in refused.most_common(1):
            most = "" if times == refused.total() else f", {times} of them"
            say(
                f"{refused.total()} generations gave no text and are not judged{most} because {reason}; "
                f"{store.failures.path.name} names them all, and the same command tries them again"
            )
        for remark in engine.description().get("remarks", ()):
            say(remark)
    finally:
        engine.close()


def _write_docs(store: RunDirectory, tasks: Sequence[LoadedTask]) -> None:
    if not (store.path / "docs.jsonl").exists():
        write_atomically(store.path / "docs.jsonl", (to_line(doc) for task in tasks for doc in task.docs))
