"""`spot-eval connect4`: generate and check boards, probe a checkpoint for contamination, solve a position."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spot_eval.commands.common import (
    BoardJson,
    DataDir,
    DataFile,
    Json,
    RunDir,
    Workers,
    assignments,
    data_files,
    engine_completions,
    group,
    print_json,
    say,
    show_board,
    verb,
)
from spot_eval.core.errors import UserError

app = group("Generate, check and solve Connect4 boards.", "spot-eval connect4 solve 4453")

Level = Annotated[
    int,
    typer.Option(min=1, max=3, help="1: immediate wins; 2: moves that do not lose at once; 3: forced result."),
]
Rows = Annotated[int, typer.Option(min=2, metavar="R", help="Rows of the board.")]
Columns = Annotated[int, typer.Option(min=2, max=9, metavar="C", help="Columns of the board.")]
Connect = Annotated[int, typer.Option(min=3, metavar="K", help="Stones in a line that win.")]


@verb(app, "generate", "spot-eval connect4 generate -n 500 -o boards.jsonl")
def generate_command(
    *,
    n: Annotated[int, typer.Option("-n", "--boards", min=1, help="Number of boards.")] = 500,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="S", help="Seed; the same seed gives the same boards. [default: random]"),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="File to write, ending in .jsonl.")],
    level: Level = 1,
    rows: Rows = 6,
    columns: Columns = 7,
    connect: Connect = 4,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Leave out the boards of this set and their mirror images. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest instead of a table.")] = False,
) -> None:
    """Write a new set of boards and its manifest."""
    import hashlib

    from connect4.boards.generator import generate_boards
    from connect4.boards.random_stream import MAX_SEED, drawn_seed
    from connect4.boards.set_files import (
        manifest,
        manifest_path,
        read_bytes,
        read_set,
        refuse_existing,
        set_lines,
        write_set,
    )
    from connect4.rules.game import Game
    from connect4.search.compiling import on_compile
    from spot_eval.core.progress import progress
    from spot_eval.tasks.data.connect4_boards import say_compiling

    if out.suffix != ".jsonl":
        raise UserError(f"-o {out}: a set of boards must be a .jsonl file")
    if seed is not None and seed > MAX_SEED:
        raise UserError(f"--seed {seed} is too large; the largest is {MAX_SEED}")
    chosen = drawn_seed() if seed is None else seed
    try:
        game = Game(rows, columns, connect)
        refuse_existing(out)
        kept_out = [item.board for file in exclude or [] for item in read_set(file)]
        files = [{"file": file.name, "sha256": hashlib.sha256(read_bytes(file)).hexdigest()} for file in exclude or []]
        with on_compile(say_compiling), progress("boards", n) as advance:
            boards = generate_boards(n, chosen, level=level, game=game, exclude=kept_out, advance=advance)
        content = set_lines(boards)
        about = manifest(boards, content, file=out.name, seed=chosen, drawn=seed is None, excluded=files)
        write_set(out, content, about)
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    if as_json:
        print_json(about)
        return
    drawn = " (drawn)" if seed is None else ""
    _table(f"{out}: {n} boards, level {level} ({about['asks']}), {game}, seed {chosen}{drawn}", about["strata"])
    _print_guesses(about["guessing"])
    typer.echo(f"manifest: {manifest_path(out)}")


@verb(app, "check", "spot-eval connect4 check boards.jsonl")
def check_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Set of boards, one JSON object per line.")],
    as_json: Json = False,
) -> None:
    """Check a set of boards.

    Computes every label again, and looks for impossible boards, duplicates and a wrong manifest."""
    from dataclasses import asdict

    from connect4.boards.checking import check_set
    from connect4.search.compiling import on_compile
    from spot_eval.core.progress import progress
    from spot_eval.tasks.data.connect4_boards import say_compiling

    try:
        with (
            on_compile(say_compiling),
            progress("checking", sum(1 for line in _lines(file) if line.strip())) as advance,
        ):
            report = check_set(file, advance)
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    if as_json:
        print_json(asdict(report))
    else:
        low, high = report.plies
        turns = ", ".join(f"{count} {player}" for player, count in sorted(report.to_move.items(), reverse=True))
        typer.echo(f"{file}: {report.boards} boards, level {report.level}, {low} to {high} plies, to move {turns}")
        classes = ", ".join(f"{kind}: {count}" for kind, count in report.classes.items())
        typer.echo(f"classes  {classes}")
        _print_guesses(report.guessing)
        for remark in report.remarks:
            typer.echo(f"remark: {remark}")
    if report.problems:
        more = f", and {len(report.problems) - 5} more" if len(report.problems) > 5 else ""
        raise UserError(f"{file}: {'; '.join(report.problems[:5])}{more}")
    if not as_json:
        typer.echo("every label is right, every board is reachable, no board occurs twice")


@verb(app, "probe", "spot-eval connect4 probe --model ckpt/")
def probe_command(
    *,
    model: Annotated[str, typer.Option(metavar="PATH|HUB", help="Checkpoint folder or hub id.")],
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="Engine that generates; see `run`.", autocompletion=engine_completions)
    ] = "hf",
    engine_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Setting of the engine. Repeatable.")
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
    connect4_seed: Annotated[
        int | None, typer.Option(min=0, metavar="S", help="Seed of the fresh boards. [default: random]")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Use only the first N boards and their twins.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, metavar="N", help="Samples per board.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="Most new tokens per answer.")] = None,
    out: RunDir = None,
    workers: Workers = None,
    as_json: BoardJson = False,
) -> None:
    """Probe a checkpoint for contamination.

    Scores it on the published boards and on a fresh twin of each: `run --suite connect4-probe`."""
    from spot_eval.core.options import RunOptions
    from spot_eval.evaluation.run import run

    options = RunOptions(
        model=model,
        suite="connect4-probe",
        engine=engine,
        engine_args=assignments("--engine-arg", engine_arg),
        data_dirs=data_dir or [],
        data_files=data_files(data),
        limit=limit,
        repeats=repeats,
        max_new_tokens=max_new_tokens,
        fresh=connect4_seed is None,
        connect4_seed=connect4_seed,
        out=out,
        workers=workers,
    )
    path, board = run(options, say)
    show_board(path, board, as_json)


@verb(app, "solve", "spot-eval connect4 solve 4453", "spot-eval connect4 solve positions.txt --json")
def solve_command(
    position: Annotated[
        str,
        typer.Argument(
            metavar="MOVES|STATE|FILE",
            help="Columns played, counted from 1 (4453); or the board as rows of X, O and _ from the top, on lines or "
            "joined by /; or the state text of a prompt; or - for stdin. Or a file of many positions: one a line as "
            "columns played, with its score if one is known, or a set of boards (.jsonl).",
        ),
    ],
    *,
    rows: Rows = 6,
    columns: Columns = 7,
    connect: Connect = 4,
    table_bits: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Table of 2**N entries of 8 bytes. [default: 22, 32 MiB; for a file 20 on each core]"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the exact score of every column and the best moves.

    Of each position in a file, shows the score and the best moves; fails if the file gives a wrong score."""
    import os
    import sys

    from connect4 import Game, read_position
    from spot_eval.commands.connect4_solve import solve_file, solve_one

    try:
        game = Game(rows, columns, connect)
        if not position.isdecimal() and os.path.isfile(position):
            solve_file(Path(position), game, table_bits, as_json=as_json)
            return
        board = read_position(sys.stdin.read() if position == "-" else position, game)
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    solve_one(board, table_bits, as_json=as_json)


def _lines(file: Path) -> list[bytes]:
    from connect4.boards.set_files import read_bytes

    return read_bytes(file).split(b"\n")


def _print_guesses(guessing: dict[str, dict[str, float]]) -> None:
    """Print the scores of answers that ignore the board."""
    for way, scores in guessing.items():
        parts = ", ".join(f"{part} {100 * value:.1f}" for part, value in scores.items())
        typer.echo(f"answering {way!r}: {parts} %")


def _table(title: str, strata: dict[str, dict[str, int]]) -> None:
    """Print a table of boards by class and band of plies."""
    from rich import box
    from rich.table import Table

    from spot_eval.display.terminal import Terminal

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    bands = list(next(iter(strata.values())))
    for name in ("class", *(f"{band} plies" if i == 0 else band for i, band in enumerate(bands)), "boards"):
        table.add_column(name, justify="left" if name == "class" else "right", no_wrap=True)
    for kind, counts in strata.items():
        cells: list[Any] = [kind, *counts.values(), sum(counts.values())]
        table.add_row(*map(str, cells))
    console = Terminal()
    console.print(title, markup=False, highlight=False, soft_wrap=True)
    console.print(table)
