"""Assemble the command line: its verbs, and the exit code of each kind of error.

Exit codes: 0 ok, 1 crash, 2 bad input, 3 gate failed, 4 gate inconclusive, 5 not comparable, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Annotated, Any

import typer

from spot_eval import __version__
from spot_eval.commands import (
    baseline,
    certify,
    compare,
    connect4,
    doctor,
    drift,
    export_import,
    gate,
    grade,
    merge,
    pairs,
    power,
    report,
    reproduce,
    run,
    runs,
    tasks,
    train,
    tune,
)
from spot_eval.commands.common import examples, say, verb
from spot_eval.core.errors import Interrupted, UserError, sentence_of
from spot_eval.core.streams import prepare_streams

app = typer.Typer(
    help="Did this checkpoint get better without forgetting?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("spot-eval run", "spot-eval run --model ckpt/ --suite spot-quick"),
)
verb(app, "run", *run.EXAMPLES)(run.run_command)
verb(app, "grade", *grade.EXAMPLES)(grade.grade_command)
verb(app, "merge", *merge.EXAMPLES)(merge.merge_command)
verb(app, "compare", *compare.EXAMPLES)(compare.compare_command)
verb(app, "drift", *drift.EXAMPLES)(drift.drift_command)
verb(app, "gate", *gate.EXAMPLES)(gate.gate_command)
verb(app, "certify", *certify.EXAMPLES)(certify.certify_command)
verb(app, "power", *power.EXAMPLES)(power.power_command)
verb(app, "report", *report.EXAMPLES)(report.report_command)
verb(app, "export", *export_import.EXPORT_EXAMPLES)(export_import.export_command)
verb(app, "import", *export_import.IMPORT_EXAMPLES)(export_import.import_command)
verb(app, "train", *train.EXAMPLES)(train.train_command)
verb(app, "tune", *tune.EXAMPLES)(tune.tune_command)
verb(app, "reproduce", *reproduce.EXAMPLES)(reproduce.reproduce_command)
verb(app, "doctor", *doctor.EXAMPLES)(doctor.doctor_command)
app.add_typer(runs.app, name="runs")
app.add_typer(baseline.app, name="baseline")
app.add_typer(tasks.app, name="tasks")
app.add_typer(connect4.app, name="connect4")
app.add_typer(pairs.app, name="pairs")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spot-eval {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line. Bad input becomes one sentence and an exit code; a crash stays a crash."""
    signal.signal(signal.SIGINT, _interrupt)
    prepare_streams()
    # torch's threads spin while they wait for each other; on a busy machine that costs more than half of its speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except UserError as problem:
        say(f"error: {sentence_of(problem)}")
        sys.exit(problem.exit_code)
    except OSError as problem:
        if problem.errno != errno.ENAMETOOLONG:
            raise
        say(f"error: {str(problem.filename)[:60]!r}… is longer than a file's name can be; give a shorter one")
        sys.exit(UserError.exit_code)
    except Interrupted as stop:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends the process at once
        say("stopped; finished work is kept, and the same command resumes it")
        sys.exit(stop.exit_code)


def _interrupt(number: int, frame: Any) -> None:
    raise Interrupted
