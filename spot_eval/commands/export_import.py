"""`spot-eval export` and `spot-eval import`: exchange runs with other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import BoardJson, DataDir, DataFile, assignments, data_files, say, show_board

EXPORT_EXAMPLES = ("spot-eval export runs/new --to inspect",)
IMPORT_EXAMPLES = (
    "spot-eval import samples_gsm8k.jsonl --family gsm8k=in_domain --metric exact_match",
    "spot-eval import logs/2026-05-01_gsm8k.eval --family gsm8k=in_domain",
    "spot-eval import answers.jsonl requests.jsonl --suite spot-quick",
    "spot-eval import out/details/org/model --metric extractive_match",
)


class Target(StrEnum):
    """Formats a run can be exported to."""

    lm_eval = "lm-eval"
    inspect = "inspect"
    model_card = "model-card"
    eval_results = "eval-results"


def export_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    to: Annotated[Target, typer.Option("--to", help="The format to write.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR|FILE", help="Where to write it. [default: RUN/export/…]"),
    ] = None,
) -> None:
    """Export a run for lm-eval, Inspect or the hub."""
    from spot_eval.core.errors import UserError
    from spot_eval.core.files import writing
    from spot_eval.interchange.to_card import export_card
    from spot_eval.interchange.to_eval_results import export_eval_results
    from spot_eval.interchange.to_inspect import export_inspect
    from spot_eval.interchange.to_lm_eval import export_lm_eval

    exporters = {
        Target.lm_eval: export_lm_eval,
        Target.inspect: export_inspect,
        Target.model_card: export_card,
        Target.eval_results: export_eval_results,
    }
    place = out or run / "export" / ("model-card.md" if to is Target.model_card else to.value)
    if to is not Target.model_card and place.is_file():
        raise UserError(f"-o {place} is a file; --to {to.value} writes several, into a folder")
    if to is Target.model_card and place.is_dir():
        raise UserError(f"-o {place} is a folder; --to {to.value} writes one file")
    with writing(place):
        written = exporters[to](run, place)
    for path in written:
        print(path)  # noqa: T201


def import_command(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="lm-eval's samples_….jsonl, Inspect's .eval or .json, lighteval's details_….parquet, or promptfoo's "
            "results.json; or their folder. Or a batch's answers, and its requests.",
        ),
    ],
    results: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The results_….json of lm-eval or lighteval. [default: that of the logs]"),
    ] = None,
    suite: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Suite that gives each task its family, and a batch its docs.")
    ] = "spot",
    family: Annotated[
        list[str] | None,
        typer.Option("--family", metavar="TASK=FAMILY", help="Family of TASK, instead of the suite's. Repeatable."),
    ] = None,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="Metric or scorer to use as the score.")] = None,
    log_filter: Annotated[
        str | None,
        typer.Option("--filter", metavar="NAME", help="Filter of lm-eval, or provider of promptfoo, to take."),
    ] = None,
    model_id: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the model. [default: the one in the logs]")
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Run directory. [default: runs/<model>-<tool>-…]")
    ] = None,
    as_json: BoardJson = False,
) -> None:
    """Import a run that another evaluation tool made.

    Reads files of lm-eval, Inspect, lighteval and promptfoo, and the answers of a batch (vLLM's run-batch, OpenAI's
    Batch API), which are judged. The run can be compared, gated and reported."""
    from spot_eval.core.errors import UserError
    from spot_eval.interchange.from_batch import import_batch
    from spot_eval.interchange.from_inspect import import_inspect
    from spot_eval.interchange.from_lighteval import import_lighteval
    from spot_eval.interchange.from_lm_eval import import_logs
    from spot_eval.interchange.from_promptfoo import import_promptfoo
    from spot_eval.interchange.imported_run import Import, Importer
    from spot_eval.interchange.recognise import OPTIONS, tool_of
    from spot_eval.tasks.suite import load_suite

    wanted = Import(
        files=files,
        results=results,
        model=model_id,
        metric=metric,
        filter=log_filter,
        families=assignments("--family", family),
        out=out,
        data_dirs=data_dir or [],
        data_files=data_files(data),
    )
    importers: dict[str, Importer] = {
        "batch": import_batch,
        "inspect": import_inspect,
        "lighteval": import_lighteval,
        "lm-eval": import_logs,
        "promptfoo": import_promptfoo,
    }
    tool = tool_of(files)
    for option, given in (
        ("results", results),
        ("filter", log_filter),
        ("family", family),
        ("metric", metric),
        ("data-dir", data_dir),
        ("data", data),
    ):
        if given and option not in OPTIONS[tool]:
            *most, last = (name for name, options in OPTIONS.items() if option in options)
            takers = f"{', '.join(most)} and {last}" if most else last
            raise UserError(f"--{option} is for files of {takers}, and these look like those of {tool}")
    path, board = importers[tool](wanted, load_suite(suite), say)
    show_board(path, board, as_json)
