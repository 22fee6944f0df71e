"""CPU time and nodes of the Connect4 solver beside BitBully's null-window search and any other solver in a library.

    python -m tests.benchmarks.bench_connect4 [--hard] [--library FILE --library-name NAME] [--seed S] [-o FILE.json]

Positions are random games, sorted as the field's test sets are: begin (at most 14 stones), middle (15 to 28), end; easy
(decided in under 14 plies with best play), medium (under 28), hard. Without `--seed` one is drawn, so that nobody can
have chosen the positions. No opening book. A table is emptied before each position (cold) or before each round (warm);
emptying is not timed. All solvers take turns in one process, round after round; a ratio is the median over rounds of
our CPU time divided by theirs, below 1 if we are faster. We are timed twice: by a call from Python for each position,
as BitBully is, and in one compiled call for all of them (`batch`), as the library is.

`--library` names a shared library with one C function, which returns the seconds of CPU time it took:

    double solve_lines(const char **moves, int count, int cold, int *scores, unsigned long long *nodes);

Exits with 1 if a score differs, or if a class takes longer than a peer's. `-o` keeps the results as JSON; the page
docs/connect4.md shows the kept run in `connect4.json` beside this file (`--table` prints what stands there).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import random
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bitbully.bitbully_core as bitbully
import numpy as np

from connect4 import Position, Solver, distance, parse_moves
from connect4.search import layout
from connect4.search.solver import TABLE_BITS
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_name("connect4.json")
LIMIT = 1.0
ROUNDS = {"easy": 7, "medium": 5, "hard": 3}
WANTED = {"end-easy": 300, "middle-easy": 300, "middle-medium": 60, "begin-easy": 100, "begin-medium": 12}
HARD = {"begin-hard": 4}
PHASES = {"begin": (8, 14), "middle": (15, 28), "end": (29, 40)}
READ_TIMES = 20

Run = tuple[float, list[int], int]
"""CPU seconds, scores and nodes of one solver for the positions of a class."""


@dataclass
class Spent:
    """One solver's time for one class: CPU seconds of each round, nodes and scores of the last."""

    seconds: list[float] = field(default_factory=list)
    scores: list[int] = field(default_factory=list)
    nodes: int = 0


def games(chance: random.Random, low: int, high: int) -> Iterator[str]:
    """Yield random games of `low` to `high` stones that are not over, and that nobody wins at once."""
    while True:
        position, moves = Position.empty(), ""
        for _ in range(chance.randint(low, high)):
            column = chance.choice(position.legal_moves())
            position, moves = position.play(column), f"{moves}{column + 1}"
            if position.winner():
                break
        else:
            if not any(position.play(column).winner() for column in position.legal_moves()):
                yield moves


def kind(position: Position, score: int) -> str:
    """Return easy, medium or hard, by the number of plies that are left with best play."""
    moves = distance(position, score)
    plies = position.game.size - position.ply if moves is None else 2 * abs(moves) - (moves > 0)
    return "easy" if plies < 14 else "medium" if plies < 28 else "hard"


def collect(seed: int, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """Return so many positions of each class, no two equal or mirror images."""
    solver = Solver()
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for phase, (low, high) in PHASES.items():
        seen = set()
        mine = {name for name in wanted if name.startswith(phase)}
        for moves in games(random.Random(f"{seed} {phase}"), low, high):
            if all(len(found[name]) == wanted[name] for name in mine):
                break
            position = Position.from_moves(moves)
            name = f"{phase}-{kind(position, solver.solve(position))}"
            if name in mine and len(found[name]) < wanted[name] and position.canonical_key() not in seen:
                seen.add(position.canonical_key())
                found[name].append(moves)
    return found


def by_calls(solver: Solver) -> Callable[[list[str], bool], Run]:
    """Return the timing of our solver, called from Python for each position."""

    def run(lines: list[str], cold: bool) -> Run:
        positions = [Position.from_moves(line) for line in lines]
        scores, seconds, nodes = [], 0.0, 0
        solver.reset()
        for position in positions:
            if cold:
                solver.reset()
            before, started = solver.node_count, time.process_time()
            scores.append(solver.solve(position))
            seconds += time.process_time() - started
            nodes += solver.node_count - before
        return seconds, scores, nodes

    return run


def by_batch(solver: Solver) -> Callable[[list[str], bool], Run]:
    """Return the timing of our solver, called once for all positions: the compiled loop that `solve_many` runs."""

    def run(lines: list[str], cold: bool) -> Run:
        mover, stones = parse_moves(lines)
        searches = np.zeros((len(lines), layout.ROW_WORDS), np.int64)
        searches[:, layout.R_LO], searches[:, layout.R_HI] = -22, 22
        searches[:, layout.R_KIND] = layout.FRESH if cold else layout.CARRY
        searches[0, layout.R_KIND] = layout.FRESH
        positions = np.column_stack([mover, stones])
        started = time.process_time()
        solver.run(positions, searches)
        seconds = time.process_time() - started
        return seconds, searches[:, layout.R_LO].tolist(), int(searches[:, layout.R_NODES].sum())

    return run


def by_bitbully(solver: bitbully.BitBullyCore) -> Callable[[list[str], bool], Run]:
    """Return the timing of BitBully, called from Python for each position."""

    def run(lines: list[str], cold: bool) -> Run:
        boards = [board_of(line) for line in lines]
        scores, seconds = [], 0.0
        solver.resetTranspositionTable()
        solver.resetNodeCounter()
        for board in boards:
            if cold:
                solver.resetTranspositionTable()
            started = time.process_time()
            scores.append(solver.nullWindow(board))
            seconds += time.process_time() - started
        return seconds, scores, solver.getNodeCounter()

    return run


def by_library(path: Path) -> Callable[[list[str], bool], Run]:
    """Return the timing of a solver in a shared library, by its function `solve_lines`."""
    solve_lines = ctypes.CDLL(str(path.absolute())).solve_lines
    solve_lines.restype = ctypes.c_double

    def run(lines: list[str], cold: bool) -> Run:
        count = len(lines)
        moves = (ctypes.c_char_p * count)(*[line.encode() for line in lines])
        scores, nodes = (ctypes.c_int * count)(), ctypes.c_ulonglong()
        seconds = solve_lines(moves, count, int(cold), scores, ctypes.byref(nodes))
        return seconds, list(scores), nodes.value

    return run


def board_of(moves: str) -> bitbully.BoardCore:
    board = bitbully.BoardCore()
    assert board.play([int(column) - 1 for column in moves])
    return board


def measure(classes: Mapping[str, list[str]], solvers: Mapping[str, Callable[[list[str], bool], Run]]) -> Any:
    """Yield one row for each class, table and solver: time and nodes per position, and our ratio to the solver."""
    for cold in (False, True):
        for name, lines in classes.items():
            spent = {solver: Spent() for solver in solvers}
            for _ in range(ROUNDS[name.split("-")[1]]):
                for solver, run in solvers.items():
                    seconds, spent[solver].scores, spent[solver].nodes = run(lines, cold)
                    spent[solver].seconds.append(seconds)
            for solver, took in spent.items():
                ours = "batch" if solver not in ("ours", "batch", "BitBully") else "ours"
                ratios = [a / b for a, b in zip(spent[ours].seconds, took.seconds, strict=True)]
                yield {
                    "table": "cold" if cold else "warm",
                    "class": name,
                    "solver": solver,
                    "positions": len(lines),
                    "us": float(f"{1e6 * statistics.median(took.seconds) / len(lines):.3g}"),
                    "nodes": round(took.nodes / len(lines)),
                    "ours_to_it": None if solver in ("ours", "batch") else round(statistics.median(ratios), 3),
                    "differs": sum(a != b for a, b in zip(took.scores, spent["BitBully"].scores, strict=True)),
                }


def reading(lines: list[str]) -> dict[str, float]:
    """Return microseconds a game to read move strings: one by one, in bulk, and BitBully's."""

    def timed(work: Callable[[], object]) -> float:
        took = []
        for _ in range(ROUNDS["easy"]):
            started = time.process_time()
            for _ in range(READ_TIMES):
                work()
            took.append((time.process_time() - started) / READ_TIMES / len(lines))
        return float(f"{1e6 * statistics.median(took):.3g}")

    return {
        "Position.from_moves": timed(lambda: [Position.from_moves(line) for line in lines]),
        "parse_moves": timed(lambda: parse_moves(lines)),
        "BitBully": timed(lambda: [board_of(line) for line in lines]),
    }


def table(kept: Mapping[str, Any]) -> str:
    """Return the kept run as the Markdown table of docs/connect4.md."""
    peers = [name for name in kept["solvers"] if name not in ("ours", "batch")]
    lines = [
        "| class | table | nodes, ours | " + " | ".join(peers) + " | us, ours | batch | "
        + " | ".join(peers) + " | "
        + " | ".join(f"{'ours' if peer == 'BitBully' else 'batch'} / {peer}" for peer in peers) + " |",
        "|---|---|" + "---:|" * (3 + 3 * len(peers)),
    ]  # fmt: skip
    rows = {(row["class"], row["table"], row["solver"]): row for row in kept["rows"]}
    for name in dict.fromkeys(row["class"] for row in kept["rows"]):
        for heat in ("warm", "cold"):
            of = {solver: rows[name, heat, solver] for solver in kept["solvers"]}
            cells = [f"{of['ours']['nodes']:,}"] + [f"{of[peer]['nodes']:,}" for peer in peers]
            cells += [f"{of[solver]['us']:,g}" for solver in ("ours", "batch", *peers)]
            cells += [f"{of[peer]['ours_to_it']:.2f}" for peer in peers]
            lines.append(f"| {name} | {heat} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def sentence(kept: Mapping[str, Any]) -> str:
    """Return the kept times of reading move strings as docs/connect4.md words them."""
    us = kept["reading_us"]
    return (
        f"To read a game of 30 moves and more takes\n`Position.from_moves` {us['Position.from_moves']:g} us, "
        f"`parse_moves` {us['parse_moves']:g} us, and BitBully {us['BitBully']:g} us.\n"
    )


def verdict(kept: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return how many scores differ, and the classes in which we are slower than a peer."""
    slow = [
        f"{row['class']} {row['table']} {row['ours_to_it']:.2f}x of {row['solver']}"
        for row in kept["rows"]
        if row["ours_to_it"] is not None and row["ours_to_it"] > LIMIT
    ]
    return sum(row["differs"] for row in kept["rows"]), slow


def figures(kept: dict[str, Any]) -> list[Figure]:
    """The solver beside its peers, class by class; the page shows the whole table."""
    return [
        Figure(f"Connect4, {row['class']}, {row['table']} table, CPU time", row["solver"], row["ours_to_it"], LIMIT)
        for row in kept["rows"]
        if row["ours_to_it"] is not None
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--library", type=Path, metavar="FILE", help="another solver's shared library")
    parser.add_argument("--library-name", default="library", metavar="NAME", help="its name in the table")
    parser.add_argument("--hard", action="store_true", help="also early positions that are decided late: minutes")
    parser.add_argument("--table-bits", type=int, default=TABLE_BITS)
    parser.add_argument("--seed", type=int, help="seed of the positions [default: drawn]")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="keep the results as JSON")
    parser.add_argument("--table", action="store_true", help="print the table of the kept run, and measure nothing")
    args = parser.parse_args()
    if args.table:
        kept = json.loads(KEPT.read_text(encoding="utf-8"))
        print(table(kept), sentence(kept), sep="\n", end="")
        return 0
    seed = secrets.randbelow(1 << 31) if args.seed is None else args.seed
    classes = collect(seed, WANTED | (HARD if args.hard else {}))
    ours = Solver(args.table_bits)
    solvers = {"ours": by_calls(ours), "batch": by_batch(ours), "BitBully": by_bitbully(bitbully.BitBullyCore())}
    if args.library:
        solvers[args.library_name] = by_library(args.library)
    print(f"seed {seed}; our table: 2^{args.table_bits} entries, {8 * 2**args.table_bits >> 20} MiB")
    print(f"{'table':<6}{'class':<15}{'solver':<16}{'CPU us':>12}{'nodes':>13}{'ours/it':>9}")
    rows = []
    for row in measure(classes, solvers):
        rows.append(row)
        beside = "" if row["ours_to_it"] is None else f"{row['ours_to_it']:>9.2f}"
        print(f"{row['table']:<6}{row['class']:<15}{row['solver']:<16}{row['us']:>12,g}{row['nodes']:>13,}{beside}", flush=True)  # fmt: skip # noqa: E501
    kept = {
        "seed": seed,
        "drawn": args.seed is None,
        "table_bits": args.table_bits,
        "python": platform.python_version(),
        "bitbully": version("bitbully"),
        "solvers": list(solvers),
        "rows": rows,
        "reading_us": reading([line for line in classes["end-easy"] if len(line) >= 30]),
    }
    for name, us in kept["reading_us"].items():
        print(f"reading a game of 30 moves and more, {name}: {us:g} us")
    if args.out:
        args.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    wrong, slow = verdict(kept)
    print(f"{sum(map(len, classes.values()))} positions, scores that differ from BitBully's: {wrong}")
    print(f"limit {LIMIT}x of each peer's CPU time: {'MISSED by ' + ', '.join(slow) if slow else 'held'}")
    return 1 if wrong or slow else 0


if __name__ == "__main__":
    sys.exit(main())
