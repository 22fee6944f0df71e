"""CPU time and nodes of the Connect4 solver beside BitBully's null-window search, and any other solver's program.

    python tests/benchmarks/bench_connect4.py [--external "PATH ARGS"] [--hard] [--table-bits N] [--seed S]

Positions are random games, sorted as the field's test sets are: begin (at most 14 stones), middle (15 to 28), end; easy
(decided in under 14 plies with best play), medium (under 28), hard. Every table is emptied before every position, which
is not timed; no opening book. Both take turns, five rounds; a ratio is the median of the rounds' ratios of CPU time.

`--external` names a program that reads positions from stdin, one a line, as columns counted from 1, and answers each
with a line `MOVES SCORE ...` or `SCORE ...`. Its start is not counted; its table is its own and stays filled.

Exits with 1 where a score differs, or where a middle or begin class takes longer than BitBully.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import bitbully.bitbully_core as bitbully

from connect4 import Position, Solver, distance
from connect4.search.solver import TABLE_BITS

LIMIT = 1.0
ROUNDS = 5
WANTED = {"end-easy": 100, "middle-easy": 100, "middle-medium": 60, "begin-easy": 30, "begin-medium": 12}
HARD = {"begin-hard": 4}
PHASES = {"begin": (8, 14), "middle": (15, 28), "end": (29, 40)}


@dataclass
class Spent:
    """What one solver took for one class: CPU seconds of each round, nodes of one round."""

    seconds: list[float] = field(default_factory=list)
    nodes: int | None = None
    scores: list[int] = field(default_factory=list)


def games(chance: random.Random, low: int, high: int) -> Iterator[str]:
    """Random games of `low` to `high` stones that are not over, and that nobody wins at once."""
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
    """easy, medium or hard: how many plies are left with best play."""
    moves = distance(position, score)
    plies = position.game.size - position.ply if moves is None else 2 * abs(moves) - (moves > 0)
    return "easy" if plies < 14 else "medium" if plies < 28 else "hard"


def collect(seed: int, wanted: dict[str, int]) -> dict[str, list[str]]:
    """So many positions of each class, no two equal or mirror images."""
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


def run_ours(solver: Solver, lines: list[str], spent: Spent) -> None:
    positions = [Position.from_moves(line) for line in lines]
    scores, seconds, nodes = [], 0.0, 0
    for position in positions:
        solver.reset()
        started = time.process_time()
        scores.append(solver.solve(position))
        seconds += time.process_time() - started
        nodes += solver.node_count
    spent.seconds.append(seconds)
    spent.nodes, spent.scores = nodes, scores


def run_bitbully(solver: bitbully.BitBullyCore, lines: list[str], spent: Spent) -> None:
    boards = []
    for line in lines:
        board = bitbully.BoardCore()
        assert board.play([int(column) - 1 for column in line])
        boards.append(board)
    scores, seconds, nodes = [], 0.0, 0
    for board in boards:
        solver.resetTranspositionTable()
        solver.resetNodeCounter()
        started = time.process_time()
        scores.append(solver.nullWindow(board))
        seconds += time.process_time() - started
        nodes += solver.getNodeCounter()
    spent.seconds.append(seconds)
    spent.nodes, spent.scores = nodes, scores


def children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def run_external(command: list[str], lines: list[str], spent: Spent) -> None:
    took = []
    for given in (lines[:1] and ["12121271212127"], lines):  # its start, and a position that costs nothing
        before = children_seconds()
        done = subprocess.run(command, input="\n".join(given) + "\n", capture_output=True, text=True, check=True)
        took.append(children_seconds() - before)
    answers = [line.split() for line in done.stdout.strip().split("\n")]
    spent.scores = [int(words[1] if words[0] == line else words[0]) for words, line in zip(answers, lines, strict=True)]
    spent.seconds.append(max(0.0, took[1] - took[0]))


def show(name: str, count: int, spent: dict[str, Spent]) -> float:
    """One class's lines; our ratio to BitBully."""
    ratio = 0.0
    for solver, took in spent.items():
        ms = 1e3 * statistics.median(took.seconds) / count
        nodes = f"{took.nodes / count:>13,.0f}{took.nodes / ms / count / 1e3:>9.1f}" if took.nodes else " " * 22
        ratios = [ours / other for ours, other in zip(spent["ours"].seconds, took.seconds, strict=True) if other]
        beside = "" if solver == "ours" or not ratios else f"{statistics.median(ratios):>9.2f}"
        if solver == "BitBully":
            ratio = statistics.median(ratios)
        print(f"{name if solver == 'ours' else '':<15}{solver:<10}{ms:>11.3f}{nodes}{beside}", flush=True)
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--external", metavar="COMMAND", help="another solver's program")
    parser.add_argument("--hard", action="store_true", help="also early positions that are decided late: minutes")
    parser.add_argument("--table-bits", type=int, default=TABLE_BITS)
    parser.add_argument("--seed", type=int, default=20261124)
    args = parser.parse_args()
    external = shlex.split(args.external) if args.external else None
    if external and not os.access(external[0], os.X_OK):
        parser.error(f"--external {external[0]}: no program there")
    classes = collect(args.seed, WANTED | (HARD if args.hard else {}))
    ours, theirs = Solver(args.table_bits), bitbully.BitBullyCore()
    print(f"seed {args.seed}; our table: 2^{args.table_bits} entries, {8 * 2**args.table_bits >> 20} MiB")
    print(f"{'class':<15}{'solver':<10}{'CPU ms':>11}{'nodes':>13}{'M/s':>9}{'ours/it':>9}")
    wrong, slow = 0, []
    for name, lines in classes.items():
        spent = {"ours": Spent(), "BitBully": Spent()} | ({"external": Spent()} if external else {})
        for _ in range(ROUNDS):
            run_ours(ours, lines, spent["ours"])
            run_bitbully(theirs, lines, spent["BitBully"])
            if external:
                run_external(external, lines, spent["external"])
        ratio = show(name, len(lines), spent)
        for took in spent.values():
            wrong += sum(a != b for a, b in zip(took.scores, spent["BitBully"].scores, strict=True))
        if ratio > LIMIT and not name.startswith("end"):
            slow.append(f"{name} {ratio:.2f}x")
    positions = sum(map(len, classes.values()))
    print(f"{positions} positions, scores that differ from BitBully's: {wrong}")
    print(f"limit {LIMIT}x of BitBully's CPU time: {'MISSED by ' + ', '.join(slow) if slow else 'held'}")
    return 1 if wrong or slow else 0


if __name__ == "__main__":
    sys.exit(main())
