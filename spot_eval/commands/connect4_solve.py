"""`spot-eval connect4 solve`: every column of one position, or the score and best moves of each position of a file.

    4453             one position a line, as columns counted from 1 ...
    445566 18        ... and a score, if one is known: it must be the right one

A file that ends in .jsonl is a set of boards, as `connect4 generate` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from connect4.rules.game import Game
from connect4.rules.position import Position
from spot_eval.commands.common import print_json, say
from spot_eval.core.errors import UserError

TABLE_BITS = 20
"""log2 of the entries of each thread's table, unless the user says otherwise."""


@dataclass(frozen=True)
class Line:
    """A position of a file: its line number, how the file names it, the board, and the score the file gives."""

    number: int
    name: str
    board: Position
    score: int | None = None


def read_positions(file: Path, game: Game) -> list[Line]:
    """Return the positions of `file`. Raises UserError for a line that holds none, or one of another game."""
    from connect4.boards.set_files import parse_set, read_bytes

    try:
        content = read_bytes(file)
        if file.suffix == ".jsonl":
            lines = [Line(item.line, str(item.row.get("id", "")), item.board) for item in parse_set(content, str(file))]
            if other := next((line for line in lines if line.board.game != lines[0].board.game), None):
                raise UserError(
                    f"{file}, line {other.number}: a board of {other.board.game}, and the first is of "
                    f"{lines[0].board.game}; solve them apart"
                )
            return lines
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"{file}: byte {problem.start} is not UTF-8") from problem
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    lines = list(_move_lines(text, file, game))
    if not lines:
        raise UserError(f"{file}: no positions in it; expected one a line, as columns counted from 1 (4453)")
    return lines


def _move_lines(text: str, file: Path, game: Game) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words:
            continue
        try:
            if len(words) > 2:
                raise ValueError(f"{len(words)} words; expected moves, and a score if one is known")
            score = None
            if len(words) == 2:
                try:
                    score = int(words[1])
                except ValueError:
                    raise ValueError(f"{words[1]!r} is not a score; expected a whole number") from None
            yield Line(number, words[0], Position.from_moves(words[0], game), score)
        except ValueError as problem:
            raise UserError(f"{file}, line {number}: {problem}") from problem


def solve_lines(lines: list[Line], table_bits: int | None) -> list[dict[str, Any]]:
    """Return one row per position: line, moves or id, player, ply, score, win_in, best, nodes."""
    from connect4 import distance, solve_all
    from connect4.search.compiling import on_compile
    from spot_eval.core.progress import progress
    from spot_eval.tasks.data.connect4_boards import say_compiling

    boards = [line.board for line in lines]
    try:
        with on_compile(say_compiling), progress("positions", len(boards)) as advance:
            solved = solve_all(boards, best=True, tt_bits=table_bits or TABLE_BITS, progress=advance)
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    return [
        {
            "line": line.number,
            "position": line.name,
            "player": line.board.player,
            "ply": line.board.ply,
            "score": solution.score,
            "win_in": distance(line.board, solution.score),
            "best": list(solution.best),
            "nodes": solution.nodes,
        }
        for line, solution in zip(lines, solved, strict=True)
    ]


def refuse_wrong_scores(lines: list[Line], rows: list[dict[str, Any]], file: Path) -> None:
    """Raise UserError if the file gives a score that is not the exact one."""
    wrong = [
        (line, row["score"])
        for line, row in zip(lines, rows, strict=True)
        if line.score is not None and line.score != row["score"]
    ]
    if wrong:
        line, score = wrong[0]
        given = sum(line.score is not None for line in lines)
        raise UserError(
            f"{file}: {len(wrong)} of the {given} scores it gives are wrong, the first on line {line.number}: "
            f"{line.name} has score {score}, not {line.score}"
        )


def solve_file(file: Path, game: Game, table_bits: int | None, *, as_json: bool) -> None:
    """Print one line per position of a file.

    Args:
        file: a file of positions, as `read_positions` reads it.
        game: the game that lines of moves are played in; a set of boards names its own.
        table_bits: log2 of the entries of each thread's table; TABLE_BITS if None.
        as_json: print JSON objects instead of text.

    Raises UserError if the file is malformed, or if scores that it gives are wrong; the latter after printing.
    """
    lines = read_positions(file, game)
    solved = solve_lines(lines, table_bits)
    for row in solved:
        if as_json:
            typer.echo(json.dumps(row))
        else:
            best = ", ".join(map(str, row["best"]))
            typer.echo(f"{row['position']}  {row['score']:>3}  {_outcome(row['win_in'])}  best {best}")
    refuse_wrong_scores(lines, solved, file)


def solve_one(board: Position, table_bits: int | None, *, as_json: bool) -> None:
    """Print the score of each column of one board."""
    import time

    from connect4 import Solver, distance
    from connect4.search.solver import TABLE_BITS
    from spot_eval.core.progress import progress

    try:
        solver = Solver(
            table_bits or TABLE_BITS,
            board.game,
            on_compile=lambda: say(f"compiling the solver for {board.game}, once; this takes some seconds"),
        )
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    started = time.perf_counter()
    with progress("columns", len(board.legal_moves())) as advance:
        scores = solver.analyze(board, advance)
    seconds = time.perf_counter() - started
    score = max(known for known in scores if known is not None)
    best = [column for column, known in enumerate(scores) if known == score]
    moves = [None if known is None else distance(board, known) for known in scores]
    if as_json:
        print_json(
            {
                "rows": str(board).split("\n"),
                "player": board.player,
                "ply": board.ply,
                "score": score,
                "win_in": distance(board, score),
                "best": best,
                "scores": scores,
                "win_in_by_column": moves,
                "nodes": solver.node_count,
                "seconds": round(seconds, 3),
            }
        )
        return
    typer.echo(f"{board}\n{board.player} to move, {_outcome(distance(board, score))} (score {score})\n")
    typer.echo("column  cell   score")
    landing = {c: (r, c) for r, c in board.landing_cells()}
    for column, known in enumerate(scores):
        if known is None:
            typer.echo(f"{column:>6}   full")
            continue
        r, c = landing[column]
        mark = "  best" if column in best else ""
        typer.echo(f"{column:>6}  ({r},{c})  {known:>5}  {_outcome(moves[column])}{mark}")
    typer.echo(f"\n{solver.node_count:,} nodes, {seconds:.2f} s")


def _outcome(moves: int | None) -> str:
    """Return the number from `Solver.win_in` in words."""
    if moves is None:
        return "draw"
    return f"win in {moves}" if moves > 0 else f"loss in {-moves}"
