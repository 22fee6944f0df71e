"""`spot-eval pairs`: from a model's errors to pairs it can be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, pairs, print_json

app = typer.Typer(help="Pairs of a wrong and a right answer, to train on.", no_args_is_help=True)

PairsFile = Annotated[Path, typer.Argument(metavar="PAIRS", help="Pairs, one JSON object a line.")]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where the rows go.")]
Tokenizer = Annotated[str, typer.Option("--tokenizer", metavar="PATH|HUB", help="The policy, whose tokens count.")]
Json = Annotated[bool, typer.Option("--json", help="For a script.")]


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
    from spot_eval.pairs import elicit_run

    counts = elicit_run(run, out, right=right, per_doc=per_doc, keep_truncated=keep_truncated)
    _report(out, counts, as_json)


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
    from spot_eval.pairs import filter_pairs

    _report(out, filter_pairs(file, out, tokenizer, gamma), as_json)


@app.command("stats")
def stats_command(file: PairsFile, tokenizer: Tokenizer, *, as_json: Json = False) -> None:
    """Change ratios and lengths, with a histogram."""
    from spot_eval.pairs import pair_stats, print_stats

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
    from spot_eval.overlap import check_pairs, print_overlap

    files = {task: Path(path) for task, path in pairs("--data", data).items()}
    found = check_pairs(file, suite, n=n, share=share, out=out, data_dirs=data_dir or [], data_files=files)
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
