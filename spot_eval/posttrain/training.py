"""Train a checkpoint on pairs: settings from recipe and options, the run itself, and its scored checkpoints.

    trained = train(TrainOptions("ckpt", Path("pairs.jsonl"), Path("better"), objective="spot-bce"), say)
    trained.result["steps"]
    trained.score_last()          # comparison.json of the scored checkpoints; None without `score_suite`

The package `trainer` does the training and knows nothing of suites; this module hands it what it takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_json
from spot_eval.core.packages import check_own
from spot_eval.core.progress import Say, progress
from spot_eval.miniature import is_miniature
from spot_eval.models.checkpoint import locate
from spot_eval.posttrain.checkpoint_curve import Curve

if TYPE_CHECKING:
    from trainer.batches.plan import Plan
    from trainer.batches.tokenize import Examples
    from trainer.training.job import Job


@dataclass(frozen=True)
class TrainOptions:
    """Options of `spot-eval train`; see its --help."""

    model: str
    pairs: Path
    out: Path
    objective: str | None = None
    recipe: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `trainer.settings.Settings` that replace the recipe's; None leaves the recipe's."""
    device: str | None = None
    save_minutes: float = 10.0
    save_every: int | None = None
    trackers: Sequence[str] = ()
    score_suite: str | None = None
    score_every: int | None = None
    score_engine: str = "hf"
    score_engine_args: Sequence[str] = ()


@dataclass(frozen=True)
class Trained:
    """A finished training run."""

    out: Path
    result: dict[str, Any]
    """As training/result.json has it."""
    of_miniature: bool
    curve: Curve | None = None

    def score_last(self) -> dict[str, Any] | None:
        """Score the final checkpoint, and write and return comparison.json of all scored checkpoints.

        Return None if no suite was named or no checkpoint could be scored.
        """
        if self.curve is None:
            return None
        self.curve.score(self.result["steps"], self.out)
        if not self.curve.points:
            return None
        found = self.curve.compare()
        write_json(self.comparison, found)
        return found

    @property
    def comparison(self) -> Path:
        """The file that `score_last` writes."""
        return self.out / "training" / "comparison.json"


def lora_settings(rank: int | None, modules: Sequence[str]) -> dict[str, Any] | None:
    """Return the setting of adapters of this rank, with alpha twice the rank; None without a rank.

    Raises UserError for modules without a rank.
    """
    if rank is None:
        if modules:
            raise UserError("--lora-modules names layers that get an adapter; give its rank, too: --lora-rank N")
        return None
    return {"rank": rank, "alpha": 2.0 * rank, "modules": list(modules)}


def is_first_process() -> bool:
    """Return True in the one process of a torchrun that prints and scores."""
    return os.environ.get("RANK", "0") == "0"


def train(options: TrainOptions, say: Say) -> Trained:
    """Train, or go on with what was begun at `options.out`. Raises UserError for bad input."""
    with _user_errors():
        job, curve = _job(options, say)
        from trainer.training.loop import run_training

        if curve and is_first_process():
            curve.score_base()
        return Trained(options.out, run_training(job), is_miniature(job.model), curve)


def rehearse(options: TrainOptions, say: Say) -> dict[str, Any]:
    """Return the plan of a training run and its estimated cost, without loading the model.

    Raises UserError as `train` does.
    """
    with _user_errors():
        import torch

        job, _ = _job(options, say)
        from trainer.objectives import Objective
        from trainer.training.adapters import check_lora
        from trainer.training.estimate import estimate

        examples, plan, steps = _plan(job)
        if job.settings.lora:
            check_lora(job.model, job.settings.lora)
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        kind = job.device or ("cuda" if torch.cuda.is_available() else "cpu")
        about = estimate(job.model, plan, job.settings, steps=steps, processes=processes, device=torch.device(kind))
        return {
            "objective": str(Objective.parse(job.settings.objective)),
            "pairs": len(plan.examples),
            "dropped": {reason: len(ids) for reason, ids in examples.dropped.items()},
            "steps": steps,
            "device": kind,
            "processes": processes,
            "settings": job.settings.record(),
            "estimate": about.record(),
        }


def _job(options: TrainOptions, say: Say) -> tuple[Job, Curve | None]:
    check_own("trainer")
    from transformers.utils import logging

    from trainer.settings import recipe_for, settings_from
    from trainer.training.job import Job

    logging.disable_progress_bar()
    base = locate(options.model)
    is_folder = options.model != "miniature" and Path(options.model).expanduser().is_dir()
    job = Job(
        base,
        options.pairs,
        options.out,
        settings_from(
            recipe_for(options.recipe, options.objective, miniature=is_miniature(base)),
            objective=options.objective,
            **options.settings,
        ),
        model_name=None if is_folder else options.model,
        device=options.device,
        save_minutes=options.save_minutes,
        save_every=options.save_every,
        trackers=tuple(options.trackers),
        progress=progress,
        say=say,
    )
    if options.score_suite is None:
        if options.score_every:
            raise UserError("--score-every needs --score-suite, the suite to score checkpoints on")
        return job, None
    curve = Curve(
        options.out.resolve().name,
        options.score_suite,
        base,
        options.out / "training" / "scores",
        options.score_engine,
        options.score_engine_args,
        say,
    )
    every = options.score_every or max(1, _plan(job)[2] // 10)
    return replace(job, checkpoint_every=every, on_checkpoint=curve.score), curve


def _plan(job: Job) -> tuple[Examples, Plan, int]:
    """Return (examples, plan, optimizer steps) of a job, without loading its model."""
    from trainer.batches.packing import Kind
    from trainer.model.load import load_tokenizer
    from trainer.objectives import Objective
    from trainer.training.loop import plan_for, read_examples, steps_of

    examples = read_examples(job, load_tokenizer(job.model), Objective.parse(job.settings.objective))
    plan = plan_for(examples, job.settings, Kind(job.settings.layout), int(os.environ.get("WORLD_SIZE", "1")))
    return examples, plan, steps_of(plan, job.settings)


@contextmanager
def _user_errors() -> Iterator[None]:
    """Turn an error of `trainer`, which does not know spot_eval, into a UserError."""
    check_own("trainer")
    from trainer.errors import TrainError

    try:
        yield
    except TrainError as problem:
        raise UserError(str(problem)) from problem
