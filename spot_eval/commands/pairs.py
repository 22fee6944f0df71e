"""`spot-eval pairs`: from a model's errors to pairs it can be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, Json, assignments, data_files, print_json, say

app = typer.Typer(help="Pairs of a wrong and a right answer, to train on.", no_args_is_help=True)

PairsFile = Annotated[Path, typer.Argument(metavar="PAIRS", help="Pairs, one JSON object a line.")]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where the rows go.")]
Tokenizer = Annotated[str, typer.Option("--tokenizer", metavar="PATH|HUB", help="The policy, whose tokens count.")]


@app.command("elicit")
def elicit_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run on training problems.")],
    out: Out,
    *,
    right: Annotated[bool, typer.Option("--right", help="The right answers instead: RFT's data.")] = False,
    per_doc: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N answers of one problem.")] = None,
    keep_truncated: Annotated[bool, typer.Option("--keep-truncated", help="Answers the budget cut off, too.")] = False,
    as_json: Json = False,
) -> None:
    """The model's wrong answers in a run, as rejected ones."""
    from spot_eval.posttrain.pair_files import elicit_run

    counts = elicit_run(run, out, right=right, per_doc=per_doc, keep_truncated=keep_truncated)
    _report(out, counts, as_json)


@app.command("rectify")
def rectify_command(
    file: Annotated[Path, typer.Argument(metavar="ERRORS", help="Rows of `pairs elicit`.")],
    out: Out,
    oracle: Annotated[
        str,
        typer.Option(
            metavar="MODEL|FILE|miniature",
            help="Who mends them: a model as in `run` (folder, hub id, URL), a file of corrections (id, chosen), or "
            "the embedded world's oracle.",
        ),
    ],
    *,
    direct: Annotated[
        bool, typer.Option("--direct", help="An answer of its own, without seeing the wrong one: SFT's data.")
    ] = False,
    hint: Annotated[bool, typer.Option("--hint", help="Tell the oracle the right final answer.")] = False,
    prompt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your wording; it may name {question}, {answer} and {hint}.")
    ] = None,
    verifier: Annotated[
        str | None,
        typer.Option(metavar="GRADER|MODULE:FUNCTION", help="Who says what is right. [default: the rows' own grader]"),
    ] = None,
    attempts: Annotated[int, typer.Option(min=1, metavar="N", help="Replies a row; the first right one counts.")] = 1,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.7,
    top_p: Annotated[float, typer.Option(min=0, max=1)] = 0.95,
    max_new_tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Token budget of a reply.")] = 32768,
    thinking: Annotated[bool, typer.Option("--thinking/--no-thinking", help="May the oracle think first?")] = True,
    engine: Annotated[str, typer.Option(metavar="NAME", help="What runs a model: see `run`.")] = "hf",
    engine_arg: Annotated[list[str] | None, typer.Option(metavar="K=V", help="For the engine.")] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed draws other replies.")] = 0,
    as_json: Json = False,
) -> None:
    """Have an oracle mend wrong answers; only verified ones are kept. The same command again resumes."""
    from spot_eval.core.options import RunOptions
    from spot_eval.posttrain.oracles import Asking
    from spot_eval.posttrain.rectify import read_wording, rectify

    options = RunOptions(
        model=oracle,
        engine=engine,
        engine_args=assignments("--engine-arg", engine_arg),
        repeats=attempts,
        seed=seed,
    )
    sampling = {"temperature": temperature, "top_p": top_p, "max_new_tokens": max_new_tokens}
    asking = Asking(options, sampling, thinking=thinking, direct=direct, hint=hint, template=read_wording(prompt))
    _report(out, rectify(file, out, oracle, asking, verifier=verifier, say=say), as_json)


@app.command("filter")
def filter_command(
    file: PairsFile,
    out: Out,
    tokenizer: Tokenizer,
    *,
    gamma: Annotated[float, typer.Option(min=0, max=1, help="The largest change ratio that stays.")] = 0.6,
    as_json: Json = False,
) -> None:
    """Keep small edits: 1 - LCS / max(length) on tokens, at most gamma."""
    from spot_eval.posttrain.pair_files import filter_pairs

    _report(out, filter_pairs(file, out, tokenizer, gamma), as_json)


@app.command("stats")
def stats_command(file: PairsFile, tokenizer: Tokenizer, *, as_json: Json = False) -> None:
    """Change ratios and lengths, with a histogram."""
    from spot_eval.posttrain.pair_files import pair_stats, print_stats

    found = pair_stats(file, tokenizer)
    print_json(found) if as_json else print_stats(found)


@app.command("check")
def check_command(
    file: PairsFile,
    *,
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="The benchmarks to look in.")] = "spot",
    n: Annotated[int, typer.Option("-n", min=2, metavar="N", help="Words of an n-gram.")] = 13,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a benchmark doc's n-grams from which a pair overlaps.")
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The pairs that do not overlap.")
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Json = False,
) -> None:
    """Do the pairs ask what a benchmark asks? Exit 3 where one does and no -o takes the others."""
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
