"""`spot-eval train`: train a checkpoint on pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spot_eval.commands.common import engine_completions, names, print_json, say, suite_completions, typed
from spot_eval.core.errors import UserError

if TYPE_CHECKING:
    from spot_eval.posttrain.checkpoint_curve import Curve
    from trainer.batches.plan import Plan
    from trainer.batches.tokenize import Examples
    from trainer.settings import Settings
    from trainer.training.loop import Job


OBJECTIVES = ("sft", "rft", "sft+", "dft", "reward-sft", "dpo", "spot-bce", "spot-bco")
EXAMPLES = (
    "spot-eval train --objective spot-bce --model miniature --pairs pairs.jsonl -o better",
    "spot-eval train --model ckpt/ --pairs pairs.jsonl -o ckpt-spot --dry-run",
)


def objective_completions(incomplete: str) -> list[str]:
    """Return the objectives whose names begin with `incomplete`, for shell completion."""
    return [name for name in OBJECTIVES if name.startswith(incomplete)]


def train_command(
    *,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=objective_completions,
            help="sft, rft, sft+, dft, reward-sft, dpo, spot-bce, spot-bco, or a mixture such as "
            "'spot-bce + 0.1*sft+'. [default: the recipe's, or spot-bco]",
        ),
    ] = None,
    model: Annotated[str, typer.Option(metavar="PATH|HUB", help="Checkpoint to start from.")],
    pairs: Annotated[Path, typer.Option(metavar="FILE", help="Pairs: JSON Lines with prompt, rejected and chosen.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="CKPT", help="Folder for the new checkpoint.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Recipe to take settings from. [default: the objective's, for 8B or the miniature]",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", metavar="X", help="Peak learning rate.")
    ] = None,
    beta: Annotated[float | None, typer.Option(metavar="X", help="Reward per nat of log-ratio.")] = None,
    shift: Annotated[
        str | None, typer.Option(metavar="paper|trl020", help="How the shift of spot-bco is computed.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(metavar="X", help="Passes over the pairs.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Optimizer steps, instead of epochs.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Pairs per step, over all processes.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=2, metavar="N", help="Drop pairs longer than this.")] = None,
    token_budget: Annotated[int | None, typer.Option(min=1, metavar="N", help="Tokens per forward pass.")] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="bfloat16|float32", help="Number format of the computation.")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(metavar="shared|packed|separate", help="How pairs lie in a row: shared prefix, packed, separate."),
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None,
        typer.Option("--gradient-checkpointing/--no-gradient-checkpointing", help="Use less memory, and run slower."),
    ] = None,
    lora_rank: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Train LoRA adapters of rank N (alpha 2N), merged at the end."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="S", help="Seed of the order of pairs.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Use prompts as plain text, without a chat template.")] = False,
    save_minutes: Annotated[float, typer.Option(metavar="X", help="Minutes between resume points.")] = 10.0,
    save_every: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Also save a resume point every N steps.")
    ] = None,
    score_suite: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Score checkpoints on this suite while training, beside the base.",
            autocompletion=suite_completions,
        ),
    ] = None,
    score_every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Steps between scored checkpoints. [default: a tenth of the run]"),
    ] = None,
    score_engine: Annotated[
        str,
        typer.Option(metavar="NAME", help="Engine for --score-suite; see `run`.", autocompletion=engine_completions),
    ] = "hf",
    score_engine_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Setting of that engine. Repeatable.")
    ] = None,
    track: Annotated[
        str | None, typer.Option(metavar="A,B", help="Also log metrics to tensorboard, wandb or trackio.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="cpu|cuda", help="Device to train on. [default: a GPU if there is one]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show pairs, steps, memory and time; do not train.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Train a checkpoint on pairs.

    Run the same command again to resume. On several GPUs: torchrun --nproc-per-node N -m spot_eval train …
    """
    from spot_eval.core.packages import check_own

    check_own("trainer")
    from spot_eval.core.progress import progress
    from spot_eval.miniature import is_miniature
    from spot_eval.models.checkpoint import locate
    from trainer.errors import TrainError
    from trainer.settings import recipe_for, settings_from
    from trainer.training.loop import Job, run_training

    _quiet()
    first = os.environ.get("RANK", "0") == "0"
    base = locate(model)
    try:
        settings = settings_from(
            recipe_for(recipe, objective, miniature=is_miniature(base)),
            objective=objective,
            learning_rate=learning_rate,
            beta=beta,
            shift=shift,
            epochs=epochs,
            steps=steps,
            batch_size=batch_size,
            max_tokens=max_tokens,
            token_budget=token_budget,
            dtype=dtype,
            layout=layout,
            gradient_checkpointing=gradient_checkpointing,
            lora={"rank": lora_rank, "alpha": 2.0 * lora_rank} if lora_rank else None,
            seed=seed,
            chat=False if plain else None,
        )
        curve = _curve(score_suite, base, out, score_engine, score_engine_arg)
        job = Job(
            base,
            pairs,
            out,
            settings,
            device=device,
            save_minutes=save_minutes,
            save_every=save_every,
            trackers=tuple(names(track)),
            progress=progress,
            say=say,
        )
        if score_every and not curve:
            raise UserError("--score-every needs --score-suite, the suite to score checkpoints on")
        if curve:
            every = score_every or max(1, _plan(job)[2] // 10)
            job = replace(job, checkpoint_every=every, on_checkpoint=curve.score)
            if first and not dry_run:
                curve.score_base()
        found = _rehearse(job) if dry_run else run_training(job)
    except TrainError as problem:
        if not first:  # only the first process prints
            raise typer.Exit(2) from problem
        raise UserError(str(problem)) from problem
    if not first:
        return
    if as_json:
        print_json(found)
    elif dry_run:
        _print_rehearsal(found, settings)
    else:
        _print_result(found, out, ["--suite", "miniature"] if is_miniature(base) else [])
        if curve:
            curve.score(found["steps"], out)
            _print_curve(curve, out)


def _curve(suite: str | None, base: Path, out: Path, engine: str, engine_args: list[str] | None) -> Curve | None:
    if suite is None:
        return None
    from spot_eval.posttrain.checkpoint_curve import Curve

    return Curve(out.resolve().name, suite, base, out / "training" / "scores", engine, engine_args or (), say)


def _print_curve(curve: Curve, out: Path) -> None:
    """Print the scored checkpoints as a table, and write comparison.json beside the metrics."""
    from rich.console import Console

    from spot_eval.core.files import write_json
    from spot_eval.display.comparison import print_curves

    if not curve.points:
        return
    found = curve.compare()
    write_json(out / "training" / "comparison.json", found)
    print_curves(found, Console())
    typer.echo(f"written: {out / 'training' / 'comparison.json'}; runs: {curve.folder}")


def _quiet() -> None:
    """Turn off the progress bars of transformers."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _plan(job: Job) -> tuple[Examples, Plan, int]:
    """Return (examples, plan, optimizer steps) of a job, without loading its model."""
    from trainer.batches.packing import Kind
    from trainer.objectives import Objective
    from trainer.training.loop import load_tokenizer, plan_for, read_examples, steps_of

    examples = read_examples(job, load_tokenizer(job.model), Objective.parse(job.settings.objective))
    plan = plan_for(examples, job.settings, Kind(job.settings.layout), int(os.environ.get("WORLD_SIZE", "1")))
    return examples, plan, steps_of(plan, job.settings)


def _rehearse(job: Job) -> dict[str, Any]:
    """Return the plan of a job and its estimated cost, without loading the model."""
    import torch

    from trainer.objectives import Objective
    from trainer.training.estimate import estimate

    examples, plan, steps = _plan(job)
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


def _print_rehearsal(found: dict[str, Any], settings: Settings) -> None:
    about = found["estimate"]
    rows = [
        ("objective", f"{found['objective']}, learning rate {settings.learning_rate:g}, beta {settings.beta:g}"),
        ("pairs", f"{found['pairs']:,} kept"),
        *(("", f"{count:,} dropped: {reason}") for reason, count in found["dropped"].items()),
        ("steps", f"{found['steps']:,} of {settings.batch_size} pairs"),
        ("tokens", f"{about['tokens_an_epoch']:,} per epoch, at most {about['longest_batch']:,} per forward pass"),
        ("parameters", f"{about['parameters']:,}, {about['trained']:,} of them trained"),
        ("memory", f"about {about['bytes'] / 1e9:.1f} GB per process"),
        (
            "time",
            f"about {_duration(about['seconds'])} on {found['processes']} x {found['device']}, at its present speed",
        ),
    ]
    _print_rows(rows)


def _print_result(found: dict[str, Any], out: Path, suite: Sequence[str]) -> None:
    last, rounding = found["last"], found["rounding"]
    rows = [("objective", found["objective"]), ("pairs", f"{found['pairs']:,}")]
    rows += [("", f"{count:,} dropped: {reason}") for reason, count in found["dropped"].items()]
    speed = found["tokens"] / found["seconds"] if found["seconds"] else 0.0
    rows.append(("steps", f"{found['steps']:,} in {_duration(found['seconds'])}, {speed:,.0f} tokens/s"))
    measured = [f"loss {last['loss']:.4f}"] if last else []
    for name, label in (
        ("reward_chosen", "r+"),
        ("reward_rejected", "r-"),
        ("tether", "tether"),
        ("edited_share", "gradient on edited tokens"),
    ):
        if last.get(name) is not None:
            measured.append(f"{label} {last[name]:.3f}")
    rows.append(("last step", ", ".join(measured)))
    if "norm_kept" in rounding:
        rows.append(
            (
                "rounding",
                f"{100 * rounding['norm_kept']:.0f} % of the update survives rounding to {rounding['dtype']}, and "
                f"{100 * rounding['weights_moved']:.0f} % of the changed weights",
            )
        )
    rows += [("checkpoint", str(out)), ("score it", typed("run", "--model", out, *suite))]
    _print_rows(rows)


def _print_rows(rows: list[tuple[str, str]]) -> None:
    for name, text in rows:
        typer.echo(f"{name:12s}{text}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
