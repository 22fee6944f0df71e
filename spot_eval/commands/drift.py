"""`spot-eval drift`: how far a checkpoint moved from its base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import Json, assignments, names, print_json, say

EXAMPLES = ("spot-eval drift ckpt/ --baseline runs/base-spot-1a2b3c4d",)


def drift_command(
    *,
    candidate: Annotated[str, typer.Argument(metavar="CKPT", help="Folder or hub id of the candidate.")],
    baseline: Annotated[
        Path, typer.Option("--baseline", metavar="RUN", help="Run of the base; its stored answers are read.")
    ],
    base_model: Annotated[
        str | None, typer.Option("--base-model", metavar="DIR", help="The base checkpoint. [default: the run's]")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="Run of the candidate, to count docs that the base had right."),
    ] = None,
    tasks: Annotated[str | None, typer.Option(metavar="A,B", help="Tasks to read. [default: all]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Docs per task. [default: all]")] = None,
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Stored answers per doc.")] = 1,
    engine: Annotated[
        str, typer.Option("--engine", metavar="hf|vllm", help="hf: exact KL. vllm: fast, a lower bound of KL.")
    ] = "hf",
    engine_arg: Annotated[
        list[str] | None,
        typer.Option(
            "--engine-arg", metavar="K=V", help="Setting of the engine: dtype, device; vllm: max_logprobs. Repeatable."
        ),
    ] = None,
    token_budget: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens per forward pass of hf.")] = 4096,
    chat_template: Annotated[
        str | None, typer.Option(metavar="FILE|none", help="Chat template, if the base run had one from a file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder. [default: runs/<CKPT>-drift-<RUN>]"),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python code that comes with the checkpoints.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how far a checkpoint moved from its base.

    Both read the stored answers of the base run; nothing is sampled. Run the same command again to resume."""
    from spot_eval.display.drift import print_drift
    from spot_eval.display.terminal import Terminal
    from spot_eval.evaluation.drift import DriftOptions, measure_drift

    options = DriftOptions(
        candidate=candidate,
        baseline=baseline,
        base_model=base_model,
        run=run,
        tasks=names(tasks),
        limit=limit,
        repeats=repeats,
        engine=engine,
        engine_args=assignments("--engine-arg", engine_arg),
        token_budget=token_budget,
        chat_template=chat_template,
        out=out,
        trust_remote_code=trust_remote_code,
    )
    path, found = measure_drift(options, say)
    if as_json:
        print_json(found)
        return
    print_drift(found, Terminal())
    say(f"written: {path}")
