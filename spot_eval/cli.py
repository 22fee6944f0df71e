"""The command line: the verbs, and what happens to their errors.

Exit codes: 0 ok, 1 crash, 2 bad input, 3 gate failed, 4 gate inconclusive, 5 not comparable, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any

import typer

from spot_eval import __version__
from spot_eval.commands import (
    baseline,
    compare,
    connect4,
    doctor,
    export_import,
    gate,
    grade,
    pairs,
    power,
    report,
    run,
    tasks,
    train,
)
from spot_eval.commands.common import say
from spot_eval.core.errors import Interrupted, UserError

app = typer.Typer(
    help="Did this checkpoint get better without forgetting?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run_command)
app.command("grade")(grade.grade_command)
app.command("compare")(compare.compare_command)
app.command("gate")(gate.gate_command)
app.command("power")(power.power_command)
app.command("report")(report.report_command)
app.command("export")(export_import.export_command)
app.command("import")(export_import.import_command)
app.command("train")(train.train_command)
app.command("doctor")(doctor.doctor_command)
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
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    del version


def main() -> None:
    """The console script: bad input becomes one sentence and an exit code, a crash stays a crash."""
    signal.signal(signal.SIGINT, _interrupt)
    # torch's threads spin while they wait for each other, which on a busy machine costs more than half of its speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except UserError as problem:
        say(f"error: {problem}")
        sys.exit(problem.exit_code)
    except Interrupted as stop:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the next one need not wait for goodbyes
        say("stopped; what was finished is kept, the same command goes on from there")
        sys.exit(stop.exit_code)


def _interrupt(number: int, frame: Any) -> None:
    raise Interrupted
