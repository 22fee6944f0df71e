"""`spot-eval tune`: choose learning rate and beta on dev items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import (
    Json,
    Limit,
    Tasks,
    assignments,
    engine_completions,
    names,
    print_json,
    say,
    suite_completions,
    typed,
)
from spot_eval.commands.train import objective_completions
from spot_eval.core.errors import UserError

EXAMPLES = (
    "spot-eval tune --model miniature --pairs pairs.jsonl --suite miniature-dev -o runs/tuned",
    "spot-eval tune --model ckpt/ --pairs pairs.jsonl --suite mine.yaml -o tuned --rates 1e-6,3e-6",
)


def tune_command(
    *,
    model: Annotated[str, typer.Option(metavar="PATH|HUB", help="Checkpoint to start from.")],
    pairs: Annotated[Path, typer.Option(metavar="FILE", help="Pairs to train on; see `train`.")],
    suite: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Suite to choose on, better not the test's.", autocompletion=suite_completions
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder of the grid.")],
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=objective_completions,
            help="Objective, as in `train`. Repeatable. [default: spot-bce]",
        ),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(metavar="X,Y", help="Learning rates. [default: 0.1, 0.3, 1, 3 and 10 times the recipe's]"),
    ] = None,
    betas: Annotated[
        str | None,
        typer.Option(metavar="X,Y", help="Betas, where one acts. [default: 0.2, 1 and 5 times the recipe's]"),
    ] = None,
    tasks: Tasks = None,
    limit: Limit = None,
    held_out: Annotated[
        float,
        typer.Option(metavar="X", help="Share of the docs that decide nothing, but say what the choice is worth."),
    ] = 0.5,
    train_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="Further option of `train`, such as steps=200 or lora-rank=16. Repeatable."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="Engine that answers; see `run`.", autocompletion=engine_completions)
    ] = "hf",
    engine_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Setting of the engine. Repeatable.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Settings at once. More than one only where memory allows.")
    ] = 1,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep-checkpoints", help="Keep the checkpoint of every setting.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Choose learning rate and beta on dev items.

    Trains every setting of a grid, scores it beside the base, and shows gain against drift. Half of the docs decide;
    the other half says what the chosen setting is worth. Run the same command again to resume."""
    from spot_eval.display.terminal import Terminal
    from spot_eval.display.tuning import print_tuning
    from spot_eval.posttrain.tuning import TuneOptions, tune

    assignments("--engine-arg", engine_arg)  # refuses a malformed one before anything is trained
    options = TuneOptions(
        model=model,
        pairs=pairs,
        out=out,
        suite=suite,
        objectives=objective or ["spot-bce"],
        rates=_numbers("--rates", rates),
        betas=_numbers("--betas", betas),
        tasks=names(tasks),
        limit=limit,
        held_out=held_out,
        train=assignments("--train-arg", train_arg),
        engine=engine,
        engine_args=engine_arg or (),
        jobs=jobs,
        keep_checkpoints=keep_checkpoints,
    )
    found = tune(options, say)
    if as_json:
        print_json(found)
        return
    print_tuning(found, Terminal())
    for name, one in found["chosen"].items():
        beta = [] if one["beta"] is None else ["--beta", f"{one['beta']:g}"]
        more = [part for key, value in options.train.items() for part in (f"--{key}", value)]
        command = typed("train", "--objective", name, "--model", model, "--pairs", pairs, "--lr", f"{one['rate']:g}",
                        *beta, *more, "-o", "CKPT")  # fmt: skip
        typer.echo(f"train it: {command}")
    typer.echo(f"written: {out / 'tune.json'}")


def _numbers(option: str, listed: str | None) -> list[float]:
    found = []
    for text in names(listed):
        try:
            found.append(float(text))
        except ValueError as problem:
            raise UserError(f"{option} {text!r}: expected numbers such as 1e-5,1e-4") from problem
    return found
