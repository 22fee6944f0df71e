"""`spot-eval run`: evaluate checkpoints."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    print_json,
    refuse_unjudged,
    say,
    show_board,
    suite_completions,
)

if TYPE_CHECKING:
    from spot_eval.core.options import RunOptions
    from spot_eval.evaluation.several import Evaluate
    from spot_eval.gating.stopped import UntilVerdict

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
        each = [_as_shard(shard, each, drift=drift, until_verdict=until_verdict)]
    if drift:
        _check_drift(drift, each)
    if dry_run:
        _dry_run(each, as_json)
        return
    if shard:
        _run_shard(each[0], as_json)
        return
    evaluate = partial(run, monitor=_monitor(policy)) if until_verdict else run
    if len(each) > 1:
        _run_several(each, as_json, evaluate)
    else:
        path, board = evaluate(each[0], say)
        show_board(path, board, as_json)
        if drift:
            _drift(each[0], path, drift)


def _as_shard(text: str, each: Sequence[RunOptions], *, drift: Path | None, until_verdict: bool) -> RunOptions:
    """Return the options of one shard. Raises UserError for what a shard cannot do."""
    from spot_eval.core.errors import UserError
    from spot_eval.evaluation.shards import parse_shard

    chosen = parse_shard(text)
    if len(each) > 1:
        raise UserError("--shard divides the run of one model; give each its own array of jobs")
    if drift or until_verdict:
        raise UserError(f"--{'drift' if drift else 'until-verdict'} looks at a whole run; merge the shards first")
    if each[0].fresh:
        raise UserError("--fresh draws other rows in each shard; give one seed: --connect4-seed S, or --fresh-seed S")
    return replace(each[0], shard=chosen)


def _run_shard(options: RunOptions, as_json: bool) -> None:
    """Generate the answers of one shard, and print where they are."""
    from spot_eval.evaluation.run import run_shard

    path, shard = run_shard(options, say)
    if as_json:
        print_json({"run": str(path), **shard})
    else:
        typer.echo(
            f"shard {shard['index']}/{shard['of']}: {shard['answered']:,} of {shard['requests']:,} requests have an "
            f"answer; records: {path}"
        )


def _check_drift(baseline: Path, each: Sequence[RunOptions]) -> None:
    """Raise UserError if drift cannot follow this run; nothing has been generated yet."""
    from spot_eval.core.errors import UserError
    from spot_eval.models.checkpoint import is_adapter
    from spot_eval.models.registry import check_engine
    from spot_eval.runs.directory import RunDirectory

    RunDirectory.at(baseline)
    check_engine("hf")
    if len(each) > 1 or each[0].engine not in {"hf", "vllm"}:
        raise UserError("--drift follows the run of one checkpoint (--engine hf or vllm); use `spot-eval drift` later")
    if each[0].adapter is not None or is_adapter(Path(each[0].model)):
        raise UserError("--drift measures a checkpoint, not an adapter on a base; merge the adapter and measure that")


def _drift(options: RunOptions, path: Path, baseline: Path) -> None:
    """Measure drift into the run's folder. It goes to stderr, since stdout is the scoreboard's."""
    from spot_eval.display.drift import print_drift
    from spot_eval.display.terminal import Terminal
    from spot_eval.evaluation.drift import DriftOptions, measure_drift

    found = measure_drift(
        DriftOptions(
            candidate=options.model,
            baseline=baseline,
            run=path,
            chat_template=options.chat_template,
            out=path / "drift",
            trust_remote_code=options.trust_remote_code,
        ),
        say,
    )[1]
    print_drift(found, Terminal(stderr=True))


def _monitor(policy: Path | None) -> UntilVerdict:
    """Return the rules by which a look decides."""
    from spot_eval.gating.policy import load_policy
    from spot_eval.gating.stopped import UntilVerdict

    return UntilVerdict(*load_policy(policy))


def _run_several(each: Sequence[RunOptions], as_json: bool, evaluate: Evaluate) -> None:
    """Run each model or adapter, print one table, and exit with the code of the first failure."""
    from spot_eval.core.files import read_json
    from spot_eval.evaluation.several import run_adapters, run_each
    from spot_eval.runs.leaderboard import read_entry, sorted_entries

    adapters = each[0].adapter is not None
    outcomes = run_adapters(each, say, evaluate) if adapters else run_each(each, say, evaluate)
    entries = [entry.as_json() for entry in sorted_entries([read_entry(one.path) for one in outcomes if one.path])]
    failed = [one for one in outcomes if one.path is None]
    if as_json:
        print_json({"runs": entries, "failed": [{"model": one.model, "exit_code": one.exit_code} for one in failed]})
    elif entries:
        from spot_eval.display.leaderboard import print_leaderboard
        from spot_eval.display.terminal import Terminal

        print_leaderboard(
            entries, Terminal(), ["percent ± standard error. To see which differ: spot-eval compare RUN… BASE"]
        )
    if failed:
        kind = "adapters" if adapters else "models"
        say(f"{len(failed)} of {len(outcomes)} {kind} failed: {', '.join(one.model for one in failed)}")
        raise typer.Exit(failed[0].exit_code)
    for one in outcomes:
        if one.path:
            refuse_unjudged(one.path, read_json(one.path / "scoreboard.json"))


def _dry_run(each: Sequence[RunOptions], as_json: bool) -> None:
    """Print what each run would do. Exit 2 if one would refuse to start."""
    may_fetch = os.environ.get("HF_HUB_OFFLINE", "").upper() not in {"1", "ON", "YES", "TRUE"}
    os.environ["HF_HUB_OFFLINE"] = "1"  # so that nothing is fetched; huggingface_hub reads it when it is imported
    from spot_eval.display.dry_run import print_dry_run
    from spot_eval.display.terminal import Terminal
    from spot_eval.evaluation.dry_run import dry_run
    from spot_eval.gating.power import power_of_rows

    found = [dry_run(options, say, may_fetch=may_fetch, power=power_of_rows) for options in each]
    if as_json:
        print_json(found[0] if len(found) == 1 else found)
    else:
        for one in found:
            print_dry_run(one, Terminal())
    if any(one["problems"] for one in found):
        raise typer.Exit(2)
