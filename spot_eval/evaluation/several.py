"""Evaluate several models, or several adapters of one base, one after the other.

A process per model frees its memory before the next one starts, and keeps a crash of one from ending the others.
Adapters of one base share a process and the base's weights, which are loaded once.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spot_eval.core.errors import Interrupted, UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.evaluation.checks import chosen_suite
from spot_eval.evaluation.connect4_seed import with_boards
from spot_eval.evaluation.run import run
from spot_eval.models.adapter_fit import adapter_on
from spot_eval.models.checkpoint import locate
from spot_eval.models.held import Held
from spot_eval.models.model import refuse_adapter_of_server, with_base
from spot_eval.models.vllm.lifetime import die_with_parent

Evaluate = Callable[..., tuple[Path, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """Result for one model or adapter: its run directory, or None and the exit code of what went wrong."""

    model: str
    path: Path | None
    exit_code: int = 0


def options_of_each(
    options: RunOptions, models: Sequence[str], say: Say, adapters: Sequence[str] = ()
) -> list[RunOptions]:
    """Return the options of each run. All are asked the same drawn rows.

    Args:
        options: options shared by all; its `out` names the folder for the run directories.
        models: folder, hub id or URL of each model. One that is named twice is run once.
        say: receives the seed if fresh rows are drawn.
        adapters: adapters to put on the model, one run each; `none` runs the bare base.

    Raises UserError if an option applies to one run only, or if there are adapters and several models.
    """
    models, adapters = list(dict.fromkeys(models)), list(dict.fromkeys(adapters))
    if adapters and len(models) > 1:
        raise UserError(f"--adapter {adapters[0]} and several --model: adapters go with one base; run each base alone")
    if max(len(models), len(adapters)) == 1:
        return [replace(options, model=models[0], adapter=adapters[0] if adapters else None, adapters=adapters)]
    repeated = "--adapter" if adapters else "--model"
    if options.model_id and not adapters:
        raise UserError("--model-id names one model; run it alone, or leave --model-id out")
    if options.out and (options.out / "manifest.json").is_file():
        raise UserError(
            f"{options.out} is a run directory; with several {repeated}, --out names a folder for all their runs"
        )
    if options.fresh and not options.baseline:
        drawn = with_boards(replace(options, out=None), chosen_suite(options), None, say)
        options = replace(drawn, out=options.out, fresh=False)
    shared = replace(options, out=None, parent=options.out or options.parent)
    if adapters:
        return [replace(shared, model=models[0], adapter=adapter, adapters=tuple(adapters)) for adapter in adapters]
    return [replace(shared, model=model) for model in models]


def run_adapters(each: Sequence[RunOptions], say: Say, evaluate: Evaluate = run) -> list[Outcome]:
    """Evaluate adapters of one base in this process, and return the outcomes in the same order.

    All are checked before the first is run. After that, a failure does not stop the others. Raises UserError if an
    adapter does not fit the base or changes nothing.
    """
    refuse_adapter_of_server(each[0])
    base = locate(with_base(each[0]).model)
    for options in each:
        adapter_on(base, options, silent)
    outcomes = []
    with Held() as held:
        for number, options in enumerate(each, start=1):
            name = str(options.adapter)
            say(f"adapter {number} of {len(each)}: {name}")
            try:
                path, _ = evaluate(options, say, held=held)
            except UserError as problem:
                say(f"error: {name}: {problem}")
                outcomes.append(Outcome(name, None, problem.exit_code))
            else:
                outcomes.append(Outcome(name, path))
    return outcomes


def silent(sentence: str) -> None:
    """Say nothing: the run itself will."""
    del sentence


def run_each(each: Sequence[RunOptions], say: Say, evaluate: Evaluate | None = None) -> list[Outcome]:
    """Evaluate each model in turn and return the outcomes, in the same order. A failure does not stop the others.

    `evaluate` takes the place of `evaluation.run.run`; like `say`, it must be a function of a module.
    """
    outcomes = []
    for number, options in enumerate(each, start=1):
        say(f"model {number} of {len(each)}: {options.model}")
        outcomes.append(_run_in_process(options, say, evaluate))
    return outcomes


def _run_in_process(options: RunOptions, say: Say, evaluate: Evaluate | None) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "path"
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", "from spot_eval.evaluation.several import main; main()"],
            stdin=subprocess.PIPE,
            stdout=2,  # results are printed by the parent; what a library prints is not one
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, os.environ.get("PYTHONPATH")]))},
        )
        try:
            child.communicate(pickle.dumps((options, say, evaluate, result, os.getpid())))
        except Interrupted:
            child.send_signal(signal.SIGINT)
            child.wait()
            raise
        if result.is_file():
            return Outcome(options.model, Path(result.read_text(encoding="utf-8")))
    if child.returncode < 0:
        say(f"error: {options.model}: its process was ended by signal {-child.returncode}")
    return Outcome(options.model, None, max(1, child.returncode))


def main() -> None:
    """Evaluate the model that stdin describes, write down its run directory, and exit with the code of what failed."""
    options, say, evaluate, result, parent = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by `_run_in_process`
    signal.signal(signal.SIGINT, _interrupt_once)
    die_with_parent(parent)
    try:
        path, _ = (evaluate or run)(options, say)
    except UserError as problem:
        say(f"error: {options.model}: {problem}")
        sys.exit(problem.exit_code)
    except Interrupted as stop:
        sys.exit(stop.exit_code)
    result.write_text(str(path), encoding="utf-8")


def _interrupt_once(number: int, frame: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal and the parent may both send it
    raise Interrupted
