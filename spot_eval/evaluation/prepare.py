"""Prepare a run, up to its first token: suite, baseline, boards, model, docs, requests, folder.

`run` and `run --dry-run` share this one function, so a dry run cannot promise what the run does differently. They
differ only in their `Inputs`: a run fetches what is missing and stops at the first problem; a dry run takes what is on
this machine and collects the problems.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.evaluation.checks import check_baseline, chosen_suite, preflight
from spot_eval.evaluation.connect4_seed import with_boards
from spot_eval.evaluation.plan import RequestPlan, make_plan, refuse_too_long
from spot_eval.evaluation.shards import of_shard, shard_entry
from spot_eval.models.held import Held
from spot_eval.models.model import Model, find_model
from spot_eval.runs.baseline import Baseline, load_baseline
from spot_eval.runs.directory import refuse_place
from spot_eval.runs.manifest import run_config, run_folder
from spot_eval.tasks.data.rows import data_directories
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.loader import load_tasks
from spot_eval.tasks.suite import Suite


@dataclass
class TaskSet:
    """The tasks of a suite, by whether their docs could be loaded."""

    loaded: dict[str, LoadedTask] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Tasks the run does without, with the reason."""
    to_fetch: list[str] = field(default_factory=list)
    """Tasks whose rows a run would fetch, but a dry run does not."""


class Inputs(Protocol):
    """Gives a preparation the model and the docs, and decides about a problem."""

    def model(self, options: RunOptions, suite: Suite) -> Model | None:
        """Return the model, or None if it is not on this machine and may not be fetched."""
        ...

    def tasks(self, options: RunOptions, suite: Suite) -> TaskSet:
        """Return the tasks of the suite."""
        ...

    def problem(self, problem: UserError) -> None:
        """Raise `problem`, or record it and let the preparation go on."""
        ...


class Fetching:
    """The inputs of a real run: fetch what is missing, stop at the first problem."""

    def __init__(self, say: Say, held: Held | None = None) -> None:
        self._say = say
        self._held = held

    def model(self, options: RunOptions, suite: Suite) -> Model:
        """Return the model; fetch it from the hub if it is a hub id."""
        return find_model(options, suite, self._say, self._held)

    def tasks(self, options: RunOptions, suite: Suite) -> TaskSet:
        """Load the docs of every task; fetch rows from the hub if they are not on this machine."""
        loaded, left_out = load_tasks(
            suite,
            data_dirs=options.data_dirs,
            data_files=options.data_files,
            limit=options.limit,
            connect4_seed=options.connect4_seed,
            fresh_seed=options.fresh_seed,
        )
        for name, reason in left_out.items():
            self._say(f"{name} is left out, and its family has no mean: {reason}")
        return TaskSet({task.name: task for task in loaded}, left_out)

    def problem(self, problem: UserError) -> None:
        """Raise `problem`."""
        raise problem


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start.

    After a dry run's preparation, `model` and `plan` are None if the model is not on this machine; `config` and `out`
    are None as long as the model or the rows of a task are missing, because both decide them.
    """

    options: RunOptions
    """As given, with the Connect4 seed settled."""
    suite: Suite
    baseline: Baseline | None
    tasks: TaskSet
    model: Model | None
    plan: RequestPlan | None
    config: dict[str, Any] | None
    out: Path | None

    @property
    def docs(self) -> list[LoadedTask]:
        """The loaded tasks, in the order of the suite."""
        return list(self.tasks.loaded.values())

    def complete(self) -> tuple[Model, RequestPlan, dict[str, Any], Path]:
        """Return model, plan, config and run directory; only for inputs that fetch what is missing."""
        assert self.model is not None
        assert self.plan is not None
        assert self.config is not None
        assert self.out is not None
        return self.model, self.plan, self.config, self.out


def prepare(options: RunOptions, inputs: Inputs, say: Say) -> Prepared:
    """Return everything a run needs to start. Writes nothing.

    Args:
        options: the command line, with the defaults filled in.
        inputs: provides model and docs, and handles problems.
        say: receives sentences the user should read.

    Raises UserError for input that no run could start from; `inputs.problem` decides about the rest.
    """
    suite = chosen_suite(options)
    data_directories(options.data_dirs)  # name a missing folder before anything slow happens
    baseline = load_baseline(options.baseline) if options.baseline else None
    options = with_boards(options, suite, baseline, say)
    model = inputs.model(options, suite)
    tasks = inputs.tasks(options, suite)
    loaded = list(tasks.loaded.values())
    graders = {task.grader for task in loaded} | ({"ifeval"} & set(tasks.to_fetch))
    with _handled_by(inputs):
        preflight((doc for task in loaded if task.grader == "ifeval" for doc in task.docs), graders)
    if model is None:
        return Prepared(options, suite, baseline, tasks, None, None, None, None)
    plan = make_plan(
        loaded,
        suite,
        model,
        fingerprint=model.identity,
        engine=model.facts.identity,
        context=model.facts.context,
        run_seed=options.seed,
    )
    if plan.too_long and not options.skip_too_long:
        with _handled_by(inputs):
            refuse_too_long(plan.too_long, model.facts.context or 0)
    if options.shard:
        plan = of_shard(plan, *options.shard)
    if tasks.to_fetch:
        return Prepared(options, suite, baseline, tasks, model, plan, None, None)
    config = run_config(options, suite, model, loaded)
    out = run_folder(options, suite, model, config)
    with _handled_by(inputs):
        check_baseline(config, baseline, say)
    with _handled_by(inputs):
        refuse_place(out, config, shard_entry(options, plan))
    return Prepared(options, suite, baseline, tasks, model, plan, config, out)


@contextmanager
def _handled_by(inputs: Inputs) -> Iterator[None]:
    """Hand a UserError raised inside to `inputs.problem`."""
    try:
        yield
    except UserError as problem:
        inputs.problem(problem)
