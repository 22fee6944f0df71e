"""The forms of `spot-eval run` besides one whole run: several models, a shard, until a verdict, drift, a dry run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spot_eval.commands.common import (
    print_json,
    refuse_unjudged,
    say,
)

if TYPE_CHECKING:
    from spot_eval.core.options import RunOptions
    from spot_eval.evaluation.several import Evaluate
    from spot_eval.gating.stopped import UntilVerdict


def as_shard(text: str, each: Sequence[RunOptions], *, drift: Path | None, until_verdict: bool) -> RunOptions:
    """Return the options of one shard.

    Args:
        text: the value of `--shard`, I/N.
        each: options of every model that the command names.
        drift: the base run of `--drift`, None if it was not given.
        until_verdict: True if `--until-verdict` was given.

    Raises UserError if `text` is malformed, if there are several models, or for options that need the whole run.
    """
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


def run_shard(options: RunOptions, as_json: bool) -> None:
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


def check_drift(baseline: Path, each: Sequence[RunOptions]) -> None:
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


def measure_drift_after(options: RunOptions, path: Path, baseline: Path) -> None:
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


def monitor_of(policy: Path | None) -> UntilVerdict:
    """Return the rules by which a look decides."""
    from spot_eval.gating.policy import load_policy
    from spot_eval.gating.stopped import UntilVerdict

    return UntilVerdict(*load_policy(policy))


def run_several(each: Sequence[RunOptions], as_json: bool, evaluate: Evaluate, trackers: Sequence[str] = ()) -> None:
    """Run each model or adapter, log it, print one table, and exit with the code of the first failure.

    Args:
        each: options of every run; all have adapters or none has.
        as_json: print JSON instead of a table.
        evaluate: runs the evaluation of one model.
        trackers: names of the experiment trackers that finished runs are logged to.
    """
    from spot_eval.core.files import read_json
    from spot_eval.evaluation.several import run_adapters, run_each
    from spot_eval.runs.leaderboard import read_entry, sorted_entries
    from spot_eval.runs.tracking import track_run

    adapters = each[0].adapter is not None
    outcomes = run_adapters(each, say, evaluate) if adapters else run_each(each, say, evaluate)
    entries = [entry.as_json() for entry in sorted_entries([read_entry(one.path) for one in outcomes if one.path])]
    for one in outcomes:
        if one.path:
            track_run(trackers, one.path)
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


def print_dry_runs(each: Sequence[RunOptions], as_json: bool) -> None:
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
