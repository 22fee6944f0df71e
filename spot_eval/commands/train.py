"""`spot-eval train`: train a checkpoint on pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spot_eval.commands.common import engine_completions, names, print_json, say, suite_completions, typed
from spot_eval.core.errors import UserError

if TYPE_CHECKING:
    from spot_eval.posttrain.training import Trained


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
    pairs: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Pairs with prompt, rejected and chosen: JSON Lines, JSON, CSV or parquet."),
    ],
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
    beta: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Reward per nat of log-ratio, summed over an answer's tokens: the shorter the answers, the larger. "
            "Recipes have 0.1 for thousands of tokens, and 5 (reward-sft: 1) for the miniature's fifty.",
        ),
    ] = None,
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
        typer.Option(
            min=1,
            metavar="N",
            help="Train LoRA adapters of rank N (alpha 2N); CKPT gets them merged, CKPT/adapter alone.",
        ),
    ] = None,
    lora_modules: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Linear layers that get an adapter, as q_proj,v_proj. [default: all but the head]",
        ),
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
    from spot_eval.display.training import rehearsal_rows, result_rows
    from spot_eval.posttrain.training import TrainOptions, is_first_process, lora_settings, rehearse, train

    options = TrainOptions(
        model=model,
        pairs=pairs,
        out=out,
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
            "lora": lora_settings(lora_rank, names(lora_modules)),
            "seed": seed,
            "chat": False if plain else None,
        },
        device=device,
        save_minutes=save_minutes,
        save_every=save_every,
        trackers=names(track),
        score_suite=score_suite,
        score_every=score_every,
        score_engine=score_engine,
        score_engine_args=score_engine_arg or (),
    )
    try:
        if dry_run:
            found = rehearse(options, say)
            if is_first_process():
                print_json(found) if as_json else _print_rows(rehearsal_rows(found))
            return
        trained = train(options, say)
    except UserError as problem:
        if not is_first_process():  # only the first process prints
            raise typer.Exit(2) from problem
        raise
    if not is_first_process():
        return
    if as_json:
        print_json(trained.result)
    else:
        suite = ["--suite", "miniature"] if trained.of_miniature else []
        _print_rows([*result_rows(trained.result, out), ("score it", typed("run", "--model", out, *suite))])
    _show_curve(trained, as_json)


def _show_curve(trained: Trained, as_json: bool) -> None:
    """Score the final checkpoint, and print all scored ones as a table."""
    found = trained.score_last()
    if found is None or as_json:
        return
    from spot_eval.display.comparison import print_curves
    from spot_eval.display.terminal import Terminal

    assert trained.curve is not None
    print_curves(found, Terminal())
    typer.echo(f"written: {trained.comparison}; runs: {trained.curve.folder}")


def _print_rows(rows: list[tuple[str, str]]) -> None:
    for name, text in rows:
        typer.echo(f"{name:12s}{text}")
