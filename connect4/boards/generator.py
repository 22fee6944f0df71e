"""Generate new boards, of every kind in fixed shares, with exact labels; the same seed gives the same boards.

    boards = generate_boards(500, seed=7)
    boards[0].row(0)  # {"id": 0, "level": 1, "moves": "4453…", "state": "(5,0):_ …", "answer": [[[0, 3]], []], …}

Random play-outs come in numbered batches; a board is taken if its stratum still needs one and neither it nor its mirror
image was seen. That depends on the walks' numbers alone, so the set does not depend on machine, cores or batch size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from connect4.boards.random_stream import Stream
from connect4.boards.strata import LEVELS, Stratum, bands, quotas, result_class, safe_class, wins_class
from connect4.rules.game import STANDARD, Game
from connect4.rules.position import Position, immediate_wins
from connect4.task.answers import Truth, to_answer

if TYPE_CHECKING:
    from connect4.boards.playouts import Walks

VERSION = 1
"""Of the boards a seed names; goes up whenever they change."""

BATCH = 16_384
PATIENCE = 8 * BATCH  # walks without one board that was wanted, after which a stratum counts as empty
SOLVED_TOGETHER = 64
ORDER = 0xB0A2D5  # names the stream that shuffles the set

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Puzzle:
    """A position with what is asked of it. `moves` is a game that leads there, columns counted from 1."""

    position: Position
    level: int
    truth: Truth
    moves: str
    stratum: str
    nodes: int | None = None  # positions the solver looked at, level 3

    @property
    def difficulty(self) -> dict[str, int]:
        """Return the stones on the board, the cells of the right answer, and at level 3 the solver's nodes."""
        labels = sum(len(part) for name, part in self.truth.items() if name != "result")
        cost = {} if self.nodes is None else {"nodes": self.nodes}
        return {"plies": self.position.ply, "labels": labels, **cost}

    def row(self, number: int) -> dict[str, Any]:
        """Return the board as a line of a set's file."""
        return {
            "id": number,
            "level": self.level,
            **asdict(self.position.game),
            "moves": self.moves,
            "player": self.position.player,
            "state": self.position.to_state(),
            "answer": to_answer(self.level, self.truth),
            "stratum": self.stratum,
            "difficulty": self.difficulty,
        }


class TooFewBoardsError(ValueError):
    """Fewer boards of the wanted kind exist, or can be found, than were asked for."""


def generate_boards(
    n: int,
    seed: int,
    *,
    level: int = 1,
    game: Game = STANDARD,
    exclude: Iterable[Position] = (),
    advance: Advance = lambda count: None,
) -> list[Puzzle]:
    """Return `n` boards of `level`, no two of them or of `exclude` equal up to a mirror, in random order.

    Shares are those of `strata`; if a band of plies has no board of a class, another band gives it, and if a class has
    none at all, other classes do. `advance(k)` is called when k more boards are found. Raises ValueError for an unknown
    level or a number below 1, and TooFewBoardsError if the game does not have so many boards.

    Args:
        n: number of boards.
        seed: the same seed gives the same boards.
        level: level of the prompts, 1 to 3.
        game: size of the board and length of a line.
        exclude: positions that none may equal.
        advance: is told of boards as they are found.
    """
    if level not in LEVELS:
        raise ValueError(f"there is no level {level}; levels are {', '.join(map(str, LEVELS))}")
    if n < 1:
        raise ValueError(f"{n} boards were asked for; ask for 1 or more")
    ranges = bands(game, level)
    filling = _Filling(quotas(n, level, len(ranges)), _keys_of(exclude, game), advance)
    band_of = {ply: band for band, (low, high) in enumerate(ranges) for ply in range(low, high + 1)}
    plan = _Plan(game, level, seed, ranges[0][0], ranges[-1][1], band_of)
    _fill(filling, plan)
    return Stream(*plan.names, ORDER).shuffled(filling.taken)


def generate_like(
    boards: Sequence[Position], seed: int, *, exclude: Iterable[Position] = (), advance: Advance = lambda count: None
) -> list[Puzzle]:
    """Return a twin for each board, in the same order: a new board with as many stones and the same class at level 1.

    None is one of `boards`, of `exclude` or of each other, mirrored or not. Raises TooFewBoardsError if a board has
    no twin left.

    Args:
        boards: the boards to find twins of.
        seed: the same seed gives the same twins.
        exclude: positions that no twin may equal.
        advance: is told of boards as they are found.
    """
    game = boards[0].game
    kinds = [(wins_class(*map(len, immediate_wins(board))), board.ply) for board in boards]
    filling = _Filling(dict(Counter(kinds)), _keys_of([*boards, *exclude], game), advance, strict=True)
    plies = {ply: ply for _, ply in kinds}
    _fill(filling, _Plan(game, 1, seed, min(plies), max(plies), plies))
    found: dict[tuple[str, int], list[Puzzle]] = {}
    for puzzle in filling.taken:
        found.setdefault((puzzle.stratum, puzzle.position.ply), []).append(puzzle)
    return [found[kind].pop(0) for kind in kinds]


@dataclass
class _Filling:
    """Quotas of boards per stratum, and the boards seen so far."""

    quota: dict[Stratum, int]
    seen: set[int]
    advance: Advance
    strict: bool = False  # no stratum may stand in for another
    taken: list[Puzzle] = field(default_factory=list)
    fertile: set[Stratum] = field(default_factory=set)  # those that gave a board since the last `pass_on`
    idle: int = 0  # walks since a board was taken

    def wants(self, stratum: Stratum, key: int) -> bool:
        """Return True if this board would go into the set."""
        return bool(self.quota.get(stratum)) and key not in self.seen

    def take(self, stratum: Stratum, key: int, puzzle: Puzzle) -> None:
        """Put a board into the set."""
        self.seen.add(key)
        self.quota[stratum] -= 1
        self.fertile.add(stratum)
        self.idle = 0
        self.taken.append(puzzle)
        self.advance(1)

    def pass_on(self) -> None:
        """Give the rest of strata that have found nothing for long to their class's other bands, else to others."""
        heirs = [stratum for stratum, wanted in self.quota.items() if not wanted and stratum in self.fertile]
        if self.strict or not heirs:
            left = ", ".join(f"{kind} at {ply}" for (kind, ply), wanted in self.quota.items() if wanted)
            raise TooFewBoardsError(
                f"only {len(self.taken)} such boards were found: {PATIENCE:,} more games gave none that was still "
                f"needed ({left:.100}); ask for fewer"
            )
        for stratum, wanted in [item for item in self.quota.items() if item[1]]:
            near = [other for other in heirs if other[0] == stratum[0]] or heirs
            self.quota[stratum] = 0
            for i in range(wanted):
                self.quota[near[i % len(near)]] += 1
        self.fertile.clear()
        self.idle = 0


@dataclass(frozen=True)
class _Plan:
    """The walks to take: of `low` to `high` plies, those whose ply is in a band."""

    game: Game
    level: int
    seed: int
    low: int
    high: int
    band_of: Mapping[int, int]

    @property
    def names(self) -> tuple[int, ...]:
        """Return the numbers that name the streams of random numbers."""
        return self.seed, self.level, self.game.rows, self.game.columns, self.game.connect


def _fill(filling: _Filling, plan: _Plan) -> None:
    """Take boards from random walks until every stratum is full."""
    from connect4.boards.playouts import keys, walks

    first = 0
    while any(filling.quota.values()):
        if filling.idle >= PATIENCE:
            filling.pass_on()
        batch = walks(plan.game, plan.names, range(first, first + BATCH), plan.low, plan.high, careful=plan.level == 3)
        numbers = keys(batch.mover, batch.stones, plan.game).tolist()
        first += BATCH
        filling.idle += BATCH
        (_take_solved if plan.level == 3 else _take)(filling, plan, batch, numbers)


def _take(filling: _Filling, plan: _Plan, batch: Walks, numbers: Sequence[int]) -> None:
    """Take boards of level 1 or 2: their class follows from the bits of the walk."""
    import numpy as np

    kind: Callable[[int, int], str] = wins_class if plan.level == 1 else safe_class
    bits = (batch.mine, batch.theirs) if plan.level == 1 else (batch.safe, plan.game.landing(batch.stones))
    a, b = (np.bitwise_count(which) for which in bits)
    size = plan.game.columns + 1
    wanted = np.zeros((size, size, plan.game.size + 1), bool)  # what no stratum wants now is passed over at once
    for i, j, ply in product(range(size), range(size), plan.band_of):
        wanted[i, j, ply] = filling.quota.get((kind(i, j), plan.band_of[ply]), 0) > 0
    for at in np.flatnonzero(wanted[a, b, batch.plies]).tolist():
        stratum = kind(int(a[at]), int(b[at])), plan.band_of[int(batch.plies[at])]
        if filling.wants(stratum, numbers[at]):
            filling.take(stratum, numbers[at], _puzzle(batch, at, plan, stratum[0]))


def _take_solved(filling: _Filling, plan: _Plan, batch: Walks, numbers: Sequence[int]) -> None:
    """Take boards of level 3, without a win at once; solve a few at a time until quotas are full."""
    from connect4.task.labels import forced_all

    plies, mine = batch.plies.tolist(), batch.mine.tolist()
    waiting = [i for i, ply in enumerate(plies) if ply and not mine[i]]
    for start in range(0, len(waiting), SOLVED_TOGETHER):
        bands_wanted = {band for (_, band), wanted in filling.quota.items() if wanted}
        together = [i for i in waiting[start : start + SOLVED_TOGETHER] if plan.band_of[plies[i]] in bands_wanted]
        boards = [_position(batch, i, plan.game) for i in together]
        for i, board, solved in zip(together, boards, forced_all(boards), strict=True):
            stratum = result_class(*solved.truth["result"]), plan.band_of[plies[i]]
            if filling.wants(stratum, numbers[i]):
                puzzle = Puzzle(board, 3, solved.truth, _moves(batch, i), stratum[0], solved.nodes)
                filling.take(stratum, numbers[i], puzzle)
        if not any(filling.quota.values()):
            return


def _puzzle(batch: Walks, i: int, plan: _Plan, stratum: str) -> Puzzle:
    game = plan.game
    if plan.level == 1:
        truth: Truth = {
            "mine": frozenset(game.cells_of(int(batch.mine[i]))),
            "theirs": frozenset(game.cells_of(int(batch.theirs[i]))),
        }
    else:
        truth = {"safe": frozenset(game.cells_of(int(batch.safe[i])))}
    return Puzzle(_position(batch, i, game), plan.level, truth, _moves(batch, i), stratum)


def _moves(batch: Walks, i: int) -> str:
    return "".join(str(column + 1) for column in batch.moves[i, : batch.plies[i]].tolist())


def _position(batch: Walks, i: int, game: Game) -> Position:
    return Position(int(batch.mover[i]), int(batch.stones[i]), game)


def _keys_of(boards: Iterable[Position], game: Game) -> set[int]:
    """Return the keys of the boards of this game; boards of another cannot be drawn anyway."""
    return {board.canonical_key() for board in boards if board.game == game}
