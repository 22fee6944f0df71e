"""`spot-eval pairs`: turn a model's errors into pairs to train it on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import (
    DataDir,
    DataFile,
    Json,
    assignments,
    data_files,
    engine_completions,
    group,
    print_json,
    say,
    suite_completions,
    verb,
)

ELICIT_EXAMPLE = "spot-eval pairs elicit runs/answers -o errors.jsonl"
app = group("Make training pairs of a wrong and a right answer.", ELICIT_EXAMPLE)

PairsFile = Annotated[Path, typer.Argument(metavar="PAIRS", help="File of pairs, one JSON object per line.")]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="File to write.")]
Tokenizer = Annotated[
    str, typer.Option("--tokenizer", metavar="PATH|HUB", help="Tokenizer to count with: the policy's.")
]


@verb(app, "elicit", ELICIT_EXAMPLE)
def elicit_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run on training problems.")],
    out: Out,
    *,
    right: Annotated[bool, typer.Option("--right", help="Collect the right answers instead (data for RFT).")] = False,
    per_doc: Annotated[int | None, typer.Option(min=1, metavar="N", help="Keep at most N answers per problem.")] = None,
    keep_truncated: Annotated[
        bool, typer.Option("--keep-truncated", help="Also collect answers cut off by the token budget.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Collect a model's wrong answers in a run.

    They become the rejected side of pairs."""
    from spot_eval.posttrain.pair_files import elicit_run

    counts = elicit_run(run, out, right=right, per_doc=per_doc, keep_truncated=keep_truncated)
    _report(out, counts, as_json)


@verb(app, "rectify", "spot-eval pairs rectify errors.jsonl -o corrected.jsonl --oracle miniature")
def rectify_command(
    file: Annotated[Path, typer.Argument(metavar="ERRORS", help="File written by `pairs elicit`.")],
    out: Out,
    oracle: Annotated[
        str,
        typer.Option(
            metavar="MODEL|FILE|miniature",
            help="Source of corrections: a model as in `run` (folder, hub id, URL), a file with id and chosen, or the "
            "miniature's own oracle.",
        ),
    ],
    *,
    direct: Annotated[
        bool, typer.Option("--direct", help="Ask for a new answer, without showing the wrong one (data for SFT).")
    ] = False,
    hint: Annotated[bool, typer.Option("--hint", help="Show the oracle the right final answer.")] = False,
    prompt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prompt template; it may use {question}, {answer} and {hint}.")
    ] = None,
    verifier: Annotated[
        str | None,
        typer.Option(
            metavar="GRADER|MODULE:FUNCTION", help="Grader that verifies corrections. [default: the one of each row]"
        ),
    ] = None,
    attempts: Annotated[
        int, typer.Option(min=1, metavar="N", help="Replies per row; the first verified one is kept.")
    ] = 1,
    temperature: Annotated[float, typer.Option(min=0, help="Sampling temperature; 0 is greedy.")] = 0.7,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Nucleus sampling: share of probability kept.")] = 0.95,
    max_new_tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Most new tokens per reply.")] = 32768,
    thinking: Annotated[
        bool, typer.Option("--thinking/--no-thinking", help="Let the oracle think before it replies.")
    ] = True,
    model_id: Annotated[
        str | None, typer.Option("--model-id", metavar="NAME", help="Model that an endpoint serves, such as org/name.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Engine for a model; see `run`. [default: api for a URL, else hf]",
            autocompletion=engine_completions,
        ),
    ] = None,
    engine_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Setting of the engine. Repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the sampling.")] = 0,
    as_json: Json = False,
) -> None:
    """Have an oracle correct wrong answers.

    Only verified corrections are kept. Run the same command again to resume."""
    from spot_eval.core.options import RunOptions
    from spot_eval.posttrain.oracles import Asking
    from spot_eval.posttrain.rectify import read_wording, rectify

    options = RunOptions(
        model=oracle,
        model_id=model_id,
        engine=engine or ("api" if "://" in oracle else "hf"),
        engine_args=assignments("--engine-arg", engine_arg),
        repeats=attempts,
        seed=seed,
    )
    sampling = {"temperature": temperature, "top_p": top_p, "max_new_tokens": max_new_tokens}
    asking = Asking(options, sampling, thinking=thinking, direct=direct, hint=hint, template=read_wording(prompt))
    _report(out, rectify(file, out, oracle, asking, verifier=verifier, say=say), as_json)


@verb(
    app,
    "filter",
    "spot-eval pairs filter corrected.jsonl -o pairs.jsonl --tokenizer miniature",
    "spot-eval pairs filter fixed.jsonl -o pairs.jsonl --by likelihood --model miniature --keep 400",
)
def filter_command(
    file: PairsFile,
    out: Out,
    *,
    by: Annotated[
        str, typer.Option(metavar="lcs|likelihood|embedding", help="Distance between the answers to filter by.")
    ] = "lcs",
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer", metavar="PATH|HUB", help="Tokenizer to count with: the policy's. [default: --model's]"
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|HUB", help="The base, for likelihood; a sentence-transformers model, for embedding."
        ),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Largest distance to keep: change ratio, nats per token or cosine distance. [default: 0.6 for lcs]",
        ),
    ] = None,
    keep: Annotated[int | None, typer.Option(min=1, metavar="N", help="Keep the N nearest pairs.")] = None,
    keep_share: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="X", help="Keep this share of the pairs, the nearest.")
    ] = None,
    span: Annotated[
        str,
        typer.Option(metavar="answer|edit", help="Tokens of the correction whose likelihood counts: all, or the edit."),
    ] = "answer",
    as_json: Json = False,
) -> None:
    """Keep pairs whose correction is a small edit.

    Distances: change ratio 1 - LCS / max(length) on tokens; minus the mean log-prob per token of the correction by the
    base; cosine distance of embeddings."""
    from spot_eval.posttrain.proximity import Filter, filter_pairs

    wanted = Filter(by, model, tokenizer, gamma, keep, keep_share, span)
    _report(out, filter_pairs(file, out, wanted), as_json)


@verb(app, "stats", "spot-eval pairs stats pairs.jsonl --tokenizer miniature")
def stats_command(file: PairsFile, tokenizer: Tokenizer, *, as_json: Json = False) -> None:
    """Show change ratios and lengths of pairs."""
    from spot_eval.posttrain.pair_files import pair_stats, print_stats

    found = pair_stats(file, tokenizer)
    print_json(found) if as_json else print_stats(found)


class Form(StrEnum):
    """Columns that pairs can be written in."""

    spot = "spot"
    trl = "trl"


@verb(app, "convert", "spot-eval pairs convert trl-lib/ultrafeedback_binarized -o pairs.jsonl")
def convert_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="JSON Lines, JSON, CSV or parquet; a folder of save_to_disk; or a hub id."
        ),
    ],
    out: Out,
    *,
    to: Annotated[
        Form, typer.Option("--to", help="Columns to write: ours, or TRL's (prompt, chosen and rejected as turns).")
    ] = Form.spot,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Split of a data set that has several. [default: train]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Convert preference data to pairs, or pairs to TRL's form.

    A name that ends in .parquet is written as parquet, any other as JSON Lines."""
    from spot_eval.posttrain.pair_files import convert_pairs

    _report(out, convert_pairs(source, out, split=split, trl=to is Form.trl), as_json)


@verb(app, "check", "spot-eval pairs check pairs.jsonl --suite spot -o clean.jsonl")
def check_command(
    file: PairsFile,
    *,
    suite: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="Suite of benchmarks to look in.", autocompletion=suite_completions),
    ] = "spot",
    n: Annotated[int, typer.Option("-n", min=2, metavar="N", help="Words per n-gram.")] = 13,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="A pair overlaps if it has at least this share of a doc's n-grams.")
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="File for the pairs that do not overlap.")
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Json = False,
) -> None:
    """Look for benchmark docs among the pairs.

    Exit 3 if pairs overlap with docs and no -o is given."""
    from spot_eval.posttrain.overlap import check_pairs, print_overlap

    found = check_pairs(file, suite, n=n, share=share, out=out, data_dirs=data_dir or [], data_files=data_files(data))
    print_json(found) if as_json else print_overlap(found)
    if found["overlapping"] and out is None:
        raise typer.Exit(3)


def _report(out: Path, counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        print_json({"out": str(out), "counts": counts})
        return
    for name, count in counts.items():
        typer.echo(f"{count:8,d}  {name}")
    typer.echo(f"rows: {out}")
