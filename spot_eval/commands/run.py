"""`spot-eval run`: evaluate checkpoints."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spot_eval.commands.common import (
    BaselineOption,
    BoardJson,
    DataDir,
    DataFile,
    Limit,
    Repeats,
    Tasks,
    Workers,
    assignments,
    data_files,
    engine_completions,
    names,
    say,
    show_board,
    suite_completions,
)

if TYPE_CHECKING:
    pass
from spot_eval.commands.run_forms import (
    as_shard,
    check_drift,
    measure_drift_after,
    monitor_of,
    print_dry_runs,
    run_several,
    run_shard,
)

EXAMPLES = (
    "spot-eval run --model ckpt/ --suite spot-quick --baseline runs/base",
    "spot-eval run --model step-100/ --model step-200/ --suite spot-quick",
    "spot-eval run --model base/ --adapter lora-a/ --adapter lora-b/ --suite spot-quick",
)


def run_command(
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH|HUB|URL",
            help="Checkpoint, hub id or endpoint. Repeat it to evaluate several. [default: the embedded miniature]",
        ),
    ] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LORA",
            help="LoRA adapter to put on the model, unmerged. Repeat it to evaluate several on one base; "
            "none: the base itself.",
        ),
    ] = None,
    model_id: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the model behind a URL, such as org/name."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Suite; see `tasks list`. [default: spot; without --model: miniature]",
            autocompletion=suite_completions,
        ),
    ] = None,
    tasks: Tasks = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="hf, vllm, api or lm_eval:CLASS. [default: hf; api for a URL]",
            autocompletion=engine_completions,
        ),
    ] = None,
    engine_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="Setting of the engine; see docs/engines.md. Repeatable."),
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    limit: Limit = None,
    repeats: Repeats = None,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="Most new tokens per answer.")] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the sampling.")] = 0,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Draw new Connect4 boards and generated rows; a later run with --baseline uses them.",
        ),
    ] = False,
    connect4_seed: Annotated[
        int | None, typer.Option(min=0, metavar="S", help="Seed of the Connect4 boards. [default: the task's]")
    ] = None,
    fresh_seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**31 - 1, metavar="S", help="Seed of generated rows. [default: the suite's]"),
    ] = None,
    baseline: BaselineOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="DIR",
            help="Run directory; with several models, the folder of their run directories. [default: runs/<model>-…]",
        ),
    ] = None,
    chat_template: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|none", help="Chat template to use instead of the checkpoint's. none: plain text prompts."
        ),
    ] = None,
    skip_too_long: Annotated[
        bool, typer.Option("--skip-too-long", help="Record prompts that exceed the context as not judged.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Allow Python code that comes with the checkpoint.")
    ] = False,
    drift: Annotated[
        Path | None,
        typer.Option("--drift", metavar="BASE_RUN", help="Measure drift from this run's model too; see `drift`."),
    ] = None,
    workers: Workers = None,
    track: Annotated[
        str | None, typer.Option(metavar="A,B", help="Also log scores to wandb, trackio or tensorboard.")
    ] = None,
    until_verdict: Annotated[
        bool,
        typer.Option(
            "--until-verdict",
            help="Ask in waves and stop a family as soon as the gate's verdict against --baseline is certain.",
        ),
    ] = False,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="gate.toml", help="With --until-verdict: margins and alpha. [default: built-in policy]"),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Ask only this part of the requests, for job arrays; see `merge`."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show requests, cost and problems; load and write nothing.")
    ] = False,
    as_json: BoardJson = False,
) -> None:
    """Evaluate a checkpoint, or several.

    Run the same command again to resume.
    """
    from spot_eval.core.errors import UserError
    from spot_eval.evaluation.defaults import engine_for, run_options
    from spot_eval.evaluation.run import run
    from spot_eval.evaluation.several import options_of_each
    from spot_eval.runs.tracking import check_trackers, track_run

    trackers = names(track)
    check_trackers(trackers)
    if shard and trackers:
        raise UserError("--track logs the scores of a whole run; merge the shards first, and run the command without")
    if policy is not None and not until_verdict:
        raise UserError("--policy is the gate's: give it to `spot-eval gate`, or add --until-verdict")
    options = run_options(
        model[0] if model else None,
        suite=suite,
        engine=engine,
        model_id=model_id,
        tasks=names(tasks),
        engine_args=assignments("--engine-arg", engine_arg),
        data_dirs=data_dir or [],
        data_files=data_files(data),
        limit=limit,
        repeats=repeats,
        max_new_tokens=max_new_tokens,
        seed=seed,
        fresh=fresh,
        connect4_seed=connect4_seed,
        fresh_seed=fresh_seed,
        baseline=baseline,
        out=out,
        chat_template=chat_template,
        skip_too_long=skip_too_long,
        trust_remote_code=trust_remote_code,
        workers=workers,
    )
    each = options_of_each(options, model or [options.model], say, adapter or ())
    if engine is None:
        each = [replace(one, engine=engine_for(one.model)) for one in each]
    if shard:
        each = [as_shard(shard, each, drift=drift, until_verdict=until_verdict)]
    if drift:
        check_drift(drift, each)
    if dry_run:
        print_dry_runs(each, as_json)
        return
    if shard:
        run_shard(each[0], as_json)
        return
    evaluate = partial(run, monitor=monitor_of(policy)) if until_verdict else run
    if len(each) > 1:
        run_several(each, as_json, evaluate, trackers)
    else:
        path, board = evaluate(each[0], say)
        track_run(trackers, path)
        show_board(path, board, as_json)
        if drift:
            measure_drift_after(each[0], path, drift)
