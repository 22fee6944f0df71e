"""`spot-eval run --dry-run`: what a run would ask, cost and need, and what would stop it. Writes and fetches nothing.

    {"model", "engine", "suite": {"name", "version"},
     "tasks": [{"task", "family", "docs", "repeats", "requests", "token_ceiling", "prompt_tokens", "longest_prompt",
                "too_long", "data", "prompt"}],
     "totals": {"docs", "requests", "token_ceiling", "prompt_tokens"}, "capped", "left_out": {task: reason},
     "too_long": [{"task", "doc_id", "tokens"}], "problems": [sentence], "notes": [sentence],
     "power": as power.json, "records": {"path", "finished", "neighbours", "to_do"},
     "disk": {"estimate_bytes", "free_bytes"}}

`problems` would make the run refuse to start. Tokens are null where no tokenizer is at hand; a task whose rows are not
at hand has its published number of docs, and no prompt.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.core.records import read_lines, to_line
from spot_eval.evaluation.checks import check_baseline, chosen_suite, preflight
from spot_eval.evaluation.connect4_seed import with_boards
from spot_eval.evaluation.generate import Plan, Planned, make_plan
from spot_eval.models.checkpoint import weight_files
from spot_eval.models.model import Model, find_model
from spot_eval.models.registry import ENGINES, check_engine
from spot_eval.runs.baseline import Baseline, load_baseline
from spot_eval.runs.directory import refuse_place, reusable_generations
from spot_eval.runs.manifest import run_config, run_folder
from spot_eval.tasks.data.sources import ALL_SOURCES, at_hand, data_directories
from spot_eval.tasks.loader import LoadedTask, TaskLoader
from spot_eval.tasks.suite import Suite

Power = Callable[[Suite, Sequence[Mapping[str, Any]], Baseline | None], dict[str, Any]]
"""(suite, rows of `tasks`, baseline) to the report of a power analysis."""

# What a record takes on disk beside its text, in both files, and a token of text: upper ends of what was seen.
RECORD_BYTES, TOKEN_BYTES = 1200, 5


@dataclass
class Findings:
    """What was gathered on the way; see the module's text."""

    limit: int | None
    loaded: dict[str, LoadedTask] = field(default_factory=dict)
    to_fetch: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def dry_run(options: RunOptions, say: Say, *, may_fetch: bool = True, power: Power | None = None) -> dict[str, Any]:
    """Return what the run would do.

    Args:
        options: the run's options.
        say: receives what a reader should know meanwhile.
        may_fetch: True if the run itself may ask the hub for what is not here.
        power: computes what the run can show (`gating.power.power_of_rows`); without it, `power` is null.

    Raises UserError for what is wrong with the command line or malformed in a file, as `run` does.
    """
    suite = chosen_suite(options)
    baseline = load_baseline(options.baseline) if options.baseline else None
    found = Findings(options.limit)
    options = with_boards(options, suite, baseline, found.notes.append)
    _load(options, suite, found, may_fetch)
    model = _find(options, suite, found, say, may_fetch)
    tasks = list(found.loaded.values())
    graders = {task.grader for task in tasks} | ({"ifeval"} & set(found.to_fetch))
    try:
        preflight((doc for task in tasks if task.grader == "ifeval" for doc in task.docs), graders)
    except UserError as problem:
        found.problems.append(str(problem))
    plan = _plan(options, suite, tasks, model) if model else None
    if plan and plan.too_long and not options.skip_too_long:
        docs = len({(one.doc.task, one.doc.doc_id) for one in plan.too_long})
        context = model.facts.context if model else None
        found.problems.append(
            f"{docs} prompts do not fit the context of {context} tokens; --skip-too-long leaves them out"
        )
    place, known = options.out, None
    if model and plan and not found.to_fetch:
        config = run_config(options, suite, model, tasks)
        place = run_folder(options, suite, model, config)
        try:
            check_baseline(config, baseline, found.notes.append)
            refuse_place(place, config)
        except UserError as problem:
            found.problems.append(str(problem))
        known = _finished(place, plan, model)
    rows = _rows(suite, found, plan)
    totals = {name: _total(rows, name) for name in ("docs", "requests", "token_ceiling", "prompt_tokens")}
    return {
        "model": model.name if model else options.model,
        "engine": options.engine,
        "suite": {"name": suite.name, "version": suite.version},
        "tasks": rows,
        "totals": totals,
        "capped": plan.capped if plan else None,
        "left_out": found.left_out,
        "too_long": _too_long(plan),
        "power": power(suite, rows, baseline) if power else None,
        "problems": found.problems,
        "notes": found.notes,
        "records": {"path": place and str(place), **(known or dict.fromkeys(("finished", "neighbours", "to_do")))},
        "disk": _disk(place or options.parent, tasks, totals, found.notes),
    }


def _load(options: RunOptions, suite: Suite, found: Findings, may_fetch: bool) -> None:
    """The docs of every task whose rows are at hand; for the others, what a run would do about them."""
    data_directories(options.data_dirs)
    loader = TaskLoader(
        suite, data_dirs=options.data_dirs, data_files=options.data_files, connect4_seed=options.connect4_seed
    )
    for task in suite.tasks:
        source = ALL_SOURCES.get(task)
        if not source or at_hand(source, options.data_dirs, options.data_files.get(task)):
            found.loaded[task] = loader.load(task, options.limit)
        elif loader.may_be_left_out(task):
            found.left_out[task] = (
                f"its rows are not at hand, and hub data set {source.hub} is gated: --data {task}=FILE, or accept its "
                "licence and log in (hf auth login)"
            )
        elif not source.hub:
            found.problems.append(f"{task}: no rows at hand; give your own: --data {task}=FILE (JSONL or CSV)")
        else:
            found.to_fetch.append(task)
    if found.to_fetch:
        named = ", ".join(found.to_fetch)
        local = "--data-dir DIR or --data TASK=FILE for rows of your own"
        if may_fetch:
            found.notes.append(f"the run fetches the rows of {named} from the hub; {local}")
        else:
            found.problems.append(f"the rows of {named} are not at hand, and the hub is off (HF_HUB_OFFLINE); {local}")


def _find(options: RunOptions, suite: Suite, found: Findings, say: Say, may_fetch: bool) -> Model | None:
    """The model, as far as it is here: None where its engine or the checkpoint itself is yet to come."""
    try:
        is_served = bool(check_engine(options.engine).model)
    except UserError as problem:
        if options.engine.partition(":")[0] not in ENGINES:
            raise
        found.problems.append(str(problem))
        return None
    if not is_served and _looks_like_hub_id(options.model) and not _in_hub_cache(options.model):
        if may_fetch:
            found.notes.append(f"{options.model} is no folder here; the run fetches it from the hub as a hub id")
        else:
            found.problems.append(f"{options.model} is no folder here, and the hub is off (HF_HUB_OFFLINE)")
        return None
    try:
        return find_model(options, suite, say)
    except UserError as problem:
        if not is_served:
            raise
        found.problems.append(str(problem))
        return None


def _looks_like_hub_id(model: str) -> bool:
    return not Path(model).expanduser().exists() and model.count("/") == 1 and not model.startswith((".", "/", "~"))


def _in_hub_cache(model: str) -> bool:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(model, local_files_only=True))
        return all(file.is_file() for file in weight_files(folder))
    except (LocalEntryNotFoundError, HFValidationError, UserError, OSError):
        return False


def _plan(options: RunOptions, suite: Suite, tasks: list[LoadedTask], model: Model) -> Plan:
    return make_plan(
        tasks,
        suite,
        model,
        fingerprint=model.identity,
        engine=model.facts.identity,
        context=model.facts.context,
        run_seed=options.seed,
    )


def _finished(place: Path, plan: Plan, model: Model) -> dict[str, int]:
    """How many of the requests lie in the run directory already, and how many in its neighbours."""
    wanted = {one.request.key for one in plan.requests}
    here: set[str] = set()
    with contextlib.suppress(UserError):  # not there, or torn by a kill, which a run would mend
        for row in read_lines(place / "generations.jsonl"):
            here |= wanted & {row.get("key")}
    rest = wanted - here
    print_of = model.fingerprint
    beside = {one.key for one in reusable_generations(place.parent, print_of, rest)} if print_of and rest else set()
    return {"finished": len(here), "neighbours": len(beside), "to_do": len(rest - beside)}


def _rows(suite: Suite, found: Findings, plan: Plan | None) -> list[dict[str, Any]]:
    """An entry a task that would run."""
    planned: dict[str, list[Planned]] = defaultdict(list)
    for one in plan.requests if plan else ():
        planned[one.doc.task].append(one)
    too_long = defaultdict(set)
    for one in plan.too_long if plan else ():
        too_long[one.doc.task].add(one.doc.doc_id)
    rows = []
    for task, family in suite.tasks.items():
        if task in found.left_out:
            continue
        loaded = found.loaded.get(task)
        docs = len(loaded.docs) if loaded else _published(task, found.limit)
        requests = planned[task]
        lengths = [one.request.prompt.length for one in requests]
        told = [length for length in lengths if length is not None]
        counted = plan is not None and loaded is not None
        all_told = counted and len(told) == len(lengths)
        repeats = suite.repeats(task)
        rows.append(
            {
                "task": task,
                "family": family,
                "docs": docs,
                "repeats": repeats,
                "requests": len(requests) if counted else docs * repeats,
                "token_ceiling": sum(one.request.sampling.max_new_tokens for one in requests)
                if counted
                else docs * repeats * suite.sampling_of(task).max_new_tokens,
                "prompt_tokens": sum(told) if all_told else None,
                "longest_prompt": max(told, default=0) if all_told else None,
                "too_long": len(too_long[task]),
                "data": loaded.origin if loaded else None,
                "prompt": _shown_prompt(loaded, requests),
            }
        )
    return rows


def _published(task: str, limit: int | None) -> int:
    """How many docs a data set that is not at hand is known to have; 0 where nobody knows."""
    docs = ALL_SOURCES[task].docs or 0
    return min(docs, limit or docs)


def _shown_prompt(loaded: LoadedTask | None, requests: list[Planned]) -> str | None:
    """The first doc's prompt as the model would read it; its turns, where no model is at hand to render them."""
    if loaded is None:
        return None
    first = next((one for one in requests if one.doc.doc_id == loaded.docs[0].doc_id), None)
    if first is not None:
        return first.request.prompt.text
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in loaded.docs[0].messages)


def _too_long(plan: Plan | None) -> list[dict[str, Any]]:
    docs = {(one.doc.task, one.doc.doc_id): one.request.prompt.length for one in (plan.too_long if plan else ())}
    return [{"task": task, "doc_id": doc_id, "tokens": tokens} for (task, doc_id), tokens in docs.items()]


def _total(rows: list[dict[str, Any]], name: str) -> int | None:
    values = [row[name] for row in rows]
    return None if None in values else sum(values)


def _disk(place: Path, tasks: list[LoadedTask], totals: Mapping[str, Any], notes: list[str]) -> dict[str, int]:
    """An upper estimate of what the run's files take, every answer as long as it may be; and what is free."""
    docs = sum(len(to_line(doc)) for task in tasks for doc in task.docs)
    estimate = docs + totals["requests"] * RECORD_BYTES + totals["token_ceiling"] * TOKEN_BYTES
    above = next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(above).free
    if free < estimate:
        notes.append(
            f"{free / 1e9:,.1f} GB are free for {place}, and the longest answers would take {estimate / 1e9:,.1f}"
        )
    return {"estimate_bytes": estimate, "free_bytes": free}
