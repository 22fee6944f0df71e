"""Train a checkpoint on pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spot_eval.api.arguments import (
    StrPath,
    speaker,
)
from spot_eval.api.results import Training

if TYPE_CHECKING:
    from spot_eval.core.progress import Say


def train(
    model: StrPath,
    pairs: StrPath,
    out: StrPath,
    *,
    objective: str | None = None,
    recipe: str | None = None,
    learning_rate: float | None = None,
    beta: float | None = None,
    shift: Literal["paper", "trl020"] | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    max_tokens: int | None = None,
    token_budget: int | None = None,
    dtype: Literal["bfloat16", "float32"] | None = None,
    layout: Literal["shared", "packed", "separate"] | None = None,
    gradient_checkpointing: bool | None = None,
    lora_rank: int | None = None,
    lora_modules: Sequence[str] = (),
    seed: int | None = None,
    chat: bool | None = None,
    device: str | None = None,
    save_minutes: float = 10.0,
    save_every: int | None = None,
    trackers: Sequence[str] = (),
    score_suite: str | None = None,
    score_every: int | None = None,
    score_engine: str = "hf",
    score_engine_args: Mapping[str, str] | None = None,
    say: Say | None = None,
) -> Training:
    """Train a checkpoint on pairs and return it. The same call again resumes.

    Args:
        model: checkpoint to start from: folder, hub id, or `miniature`.
        pairs: JSON Lines with prompt, rejected and chosen.
        out: folder for the new checkpoint.
        objective: sft, rft, sft+, dft, reward-sft, dpo, spot-bce, spot-bco, or a mixture such as `spot-bce + 0.1*sft+`;
            None for the recipe's, or spot-bco.
        recipe: name or TOML file; None for the objective's own. The recipe gives each of the next 14 that is None.
        learning_rate: peak learning rate.
        beta: reward per nat of log-ratio.
        shift: how the shift of spot-bco is computed.
        epochs: passes over the pairs.
        steps: optimizer steps, instead of epochs.
        batch_size: pairs per step, over all processes.
        max_tokens: pairs longer than this are dropped.
        token_budget: tokens per forward pass.
        dtype: number format of the computation.
        layout: how pairs lie in a row.
        gradient_checkpointing: use less memory, and run slower.
        lora_rank: train LoRA adapters of this rank (alpha is twice the rank), merged at the end.
        lora_modules: linear layers that get an adapter, by name or its end (`q_proj`); empty for all but the head.
        seed: seed of the order of pairs.
        chat: False for prompts as plain text, without a chat template.
        device: cpu or cuda; None for a GPU if there is one.
        save_minutes: minutes between resume points.
        save_every: also save a resume point after this many steps.
        trackers: tensorboard, wandb, trackio.
        score_suite: suite to score checkpoints on while training, beside the base.
        score_every: steps between scored checkpoints; None for a tenth of the run.
        score_engine: engine that scores.
        score_engine_args: settings of that engine.
        say: receives the messages; None prints them to stderr.

    Raises UserError for bad input, for other settings than those a run at `out` was begun with, and for a loss that
    is NaN.
    """
    from spot_eval.posttrain.training import TrainOptions, lora_settings
    from spot_eval.posttrain.training import train as run_training

    options = TrainOptions(
        model=str(model),
        pairs=Path(pairs),
        out=Path(out),
        objective=objective,
        recipe=recipe,
        settings={
            "learning_rate": learning_rate,
            "beta": beta,
            "shift": shift,
            "epochs": epochs,
            "steps": steps,
            "batch_size": batch_size,
            "max_tokens": max_tokens,
            "token_budget": token_budget,
            "dtype": dtype,
            "layout": layout,
            "gradient_checkpointing": gradient_checkpointing,
            "lora": lora_settings(lora_rank, lora_modules),
            "seed": seed,
            "chat": chat,
        },
        device=device,
        save_minutes=save_minutes,
        save_every=save_every,
        trackers=tuple(trackers),
        score_suite=score_suite,
        score_every=score_every,
        score_engine=score_engine,
        score_engine_args=[f"{name}={value}" for name, value in (score_engine_args or {}).items()],
    )
    trained = run_training(options, speaker(say))
    return Training(trained.out, trained.result, trained.score_last())
