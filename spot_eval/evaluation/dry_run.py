"""`spot-eval run --dry-run`: the requests, cost, needs and problems of a run. Writes and fetches nothing.

    {"model", "engine", "suite": {"name", "version"},
     "tasks": [{"task", "family", "docs", "repeats", "requests", "token_ceiling", "prompt_tokens", "longest_prompt",
                "too_long", "data", "prompt"}],
     "totals": {"docs", "requests", "token_ceiling", "prompt_tokens"}, "capped", "left_out": {task: reason},
     "too_long": [{"task", "doc_id", "tokens"}], "problems": [sentence], "notes": [sentence],
     "power": as power.json, "records": {"path", "finished", "neighbours", "to_do"},
     "disk": {"estimate_bytes", "free_bytes"}}

`problems` would make the run refuse to start. Tokens are null if no tokenizer is at hand; a task whose rows are not
at hand has its published number of docs, and no prompt.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.core.record_files import read_lines, to_line
from spot_eval.evaluation.plan import Planned, RequestPlan
from spot_eval.evaluation.prepare import Prepared, TaskSet, prepare
from spot_eval.models.checkpoint import weight_files
from spot_eval.models.model import Model, find_model
from spot_eval.models.registry import ENGINES, check_engine
from spot_eval.runs.baseline import Baseline
from spot_eval.runs.directory import reusable_generations
from spot_eval.tasks.data.rows import at_hand
from spot_eval.tasks.data.sources import ALL_SOURCES
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Suite

Power = Callable[[Suite, Sequence[Mapping[str, Any]], Baseline | None], dict[str, Any]]
"""(suite, rows of `tasks`, baseline) to the report of a power analysis."""

# What a record takes on disk beside its text, in both files, and a token of text: upper ends of what was seen.
RECORD_BYTES, TOKEN_BYTES = 1200, 5


class LocalOnly:
    """The inputs of a dry run: take what is on this machine, fetch nothing, collect problems and notes."""

    def __init__(self, say: Say, *, may_fetch: bool) -> None:
        self._say, self._may_fetch = say, may_fetch
        self.problems: list[str] = []
        self.notes: list[str] = []

    def problem(self, problem: UserError) -> None:
        """Record a problem that would stop the run."""
        self.problems.append(str(problem))

    def model(self, options: RunOptions, suite: Suite) -> Model | None:
        """Return the model, or None if its engine or the checkpoint is not on this machine."""
        try:
            is_served = bool(check_engine(options.engine).model)
        except UserError as problem:
            if options.engine.partition(":")[0] not in ENGINES:
                raise
            self.problem(problem)
            return None
        if not is_served and _looks_like_hub_id(options.model) and not _in_hub_cache(options.model):
            absent = f"{options.model} is not a local folder"
            if self._may_fetch:
                self.notes.append(f"{absent}; the run would fetch it from the hub as a hub id")
            else:
                self.problems.append(f"{absent}, and the hub is off (HF_HUB_OFFLINE)")
            return None
        try:
            return find_model(options, suite, self._say)
        except UserError as problem:
            if not is_served:
                raise
            self.problem(problem)
            return None

    def tasks(self, options: RunOptions, suite: Suite) -> TaskSet:
        """Load the docs of every task whose rows are on this machine; note what a run would do about the others."""
        tasks = TaskSet()
        loader = TaskLoader(
            suite,
            data_dirs=options.data_dirs,
            data_files=options.data_files,
            connect4_seed=options.connect4_seed,
            fresh_seed=options.fresh_seed,
        )
        for task in suite.tasks:
            source = ALL_SOURCES.get(task)
            if not source or at_hand(source, options.data_dirs, options.data_files.get(task)):
                tasks.loaded[task] = loader.load(task, options.limit)
            elif loader.may_be_left_out(task):
                tasks.left_out[task] = (
                    f"its rows are not on this machine, and hub data set {source.hub} is gated: pass "
                    f"--data {task}=FILE, or accept its licence and log in (hf auth login)"
                )
            elif not source.hub:
                self.problems.append(
                    f"{task}: its rows are not on this machine; pass your own: --data {task}=FILE (JSONL or CSV)"
                )
            else:
                tasks.to_fetch.append(task)
        if tasks.to_fetch:
            named = ", ".join(tasks.to_fetch)
            local = "pass --data-dir DIR or --data TASK=FILE for rows of your own"
            if self._may_fetch:
                self.notes.append(f"the run would fetch the rows of {named} from the hub; {local}")
            else:
                self.problems.append(
                    f"the rows of {named} are not on this machine, and the hub is off (HF_HUB_OFFLINE); {local}"
                )
        return tasks


def dry_run(options: RunOptions, say: Say, *, may_fetch: bool = True, power: Power | None = None) -> dict[str, Any]:
    """Return a preview of the run, as the module's docstring describes it.

    Args:
        options: as the run would get them.
        say: receives sentences the user should read meanwhile.
        may_fetch: True if the run itself may ask the hub for what is missing.
        power: computes what the run can show (`gating.power.power_of_rows`); without it, `power` is null.

    Raises UserError for a wrong command line or a malformed file, as `run` does.
    """
    inputs = LocalOnly(say, may_fetch=may_fetch)
    prepared = prepare(options, inputs, inputs.notes.append)
    suite, model, plan = prepared.suite, prepared.model, prepared.plan
    place = prepared.out or options.out
    rows = _rows(prepared)
    totals = {name: _total(rows, name) for name in ("docs", "requests", "token_ceiling", "prompt_tokens")}
    known = _finished(prepared.out, plan, model) if prepared.out and plan and model else None
    return {
        "model": model.name if model else options.model,
        "engine": options.engine,
        "suite": {"name": suite.name, "version": suite.version},
        "tasks": rows,
        "totals": totals,
        "capped": plan.capped if plan else None,
        "left_out": prepared.tasks.left_out,
        "too_long": _too_long(plan),
        "power": power(suite, rows, prepared.baseline) if power else None,
        "problems": inputs.problems,
        "notes": inputs.notes,
        "records": {"path": place and str(place), **(known or dict.fromkeys(("finished", "neighbours", "to_do")))},
        "disk": _disk(place or options.parent, prepared.docs, totals, inputs.notes),
    }


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


def _finished(place: Path, plan: RequestPlan, model: Model) -> dict[str, int]:
    """Return how many requests are finished in the run directory, and how many in its neighbours."""
    wanted = {one.request.key for one in plan.requests}
    here: set[str] = set()
    with contextlib.suppress(UserError):  # not there, or torn by a kill, which a run would repair
        for row in read_lines(place / "generations.jsonl"):
            here |= wanted & {row.get("key")}
    rest = wanted - here
    print_of = model.fingerprint
    beside = {one.key for one in reusable_generations(place.parent, print_of, rest)} if print_of and rest else set()
    return {"finished": len(here), "neighbours": len(beside), "to_do": len(rest - beside)}


def _rows(prepared: Prepared) -> list[dict[str, Any]]:
    """Return one entry per task that would run."""
    suite, tasks, plan = prepared.suite, prepared.tasks, prepared.plan
    planned: dict[str, list[Planned]] = defaultdict(list)
    for one in plan.requests if plan else ():
        planned[one.doc.task].append(one)
    too_long = defaultdict(set)
    for one in plan.too_long if plan else ():
        too_long[one.doc.task].add(one.doc.doc_id)
    rows = []
    for task, family in suite.tasks.items():
        if task in tasks.left_out:
            continue
        loaded = tasks.loaded.get(task)
        docs = len(loaded.docs) if loaded else _published(task, prepared.options.limit)
        requests = planned[task]
        lengths = [one.request.prompt.length for one in requests]
        known = [length for length in lengths if length is not None]
        counted = plan is not None and loaded is not None
        all_known = counted and len(known) == len(lengths)
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
                "prompt_tokens": sum(known) if all_known else None,
                "longest_prompt": max(known, default=0) if all_known else None,
                "too_long": len(too_long[task]),
                "data": loaded.origin if loaded else None,
                "prompt": _shown_prompt(loaded, requests),
            }
        )
    return rows


def _published(task: str, limit: int | None) -> int:
    """Return the published number of docs of a data set that is not at hand; 0 if there is none."""
    docs = ALL_SOURCES[task].docs or 0
    return min(docs, limit or docs)


def _shown_prompt(loaded: LoadedTask | None, requests: list[Planned]) -> str | None:
    """Return the first doc's prompt as the model would read it; its turns if no model is at hand to render them."""
    if loaded is None:
        return None
    first = next((one for one in requests if one.doc.doc_id == loaded.docs[0].doc_id), None)
    if first is not None:
        return first.request.prompt.text
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in loaded.docs[0].messages)


def _too_long(plan: RequestPlan | None) -> list[dict[str, Any]]:
    docs = {(one.doc.task, one.doc.doc_id): one.request.prompt.length for one in (plan.too_long if plan else ())}
    return [{"task": task, "doc_id": doc_id, "tokens": tokens} for (task, doc_id), tokens in docs.items()]


def _total(rows: list[dict[str, Any]], name: str) -> int | None:
    values = [row[name] for row in rows]
    return None if None in values else sum(values)


def _disk(place: Path, tasks: list[LoadedTask], totals: Mapping[str, Any], notes: list[str]) -> dict[str, int]:
    """Return an upper estimate of the size of the run's files, with the longest answers, and the free disk space."""
    docs = sum(len(to_line(doc)) for task in tasks for doc in task.docs)
    estimate = docs + totals["requests"] * RECORD_BYTES + totals["token_ceiling"] * TOKEN_BYTES
    above = next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(above).free
    if free < estimate:
        notes.append(
            f"{free / 1e9:,.1f} GB are free for {place}, and the longest answers would take {estimate / 1e9:,.1f}"
        )
    return {"estimate_bytes": estimate, "free_bytes": free}
