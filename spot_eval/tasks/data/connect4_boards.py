"""Connect4 boards as rows of a task, drawn when they are asked for: no file, no network, nothing anyone has trained on.

Drawn(level=1).rows(500, seed=20261124, like=())  # rows as in a set's file, {"generator": 1, "level": 1, …}
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.progress import progress


def say_compiling() -> None:
    """Tell a reader who waits, on stderr."""
    print("spot-eval: compiling for Connect4, on first use only", file=sys.stderr)  # noqa: T201


@dataclass(frozen=True)
class Drawn:
    """Boards of one level; with `like`, twins of that task's boards: as many stones, the same class of labels."""

    level: int
    like: str | None = None

    def rows(
        self, count: int, seed: int, like: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Draw `count` rows, or one for each of `like`; return them and the settings that draw them again."""
        from connect4 import generate_boards, generate_like, read_row
        from connect4.boards.generator import VERSION, TooFewBoardsError
        from connect4.search.compiling import on_compile

        try:
            with on_compile(say_compiling), progress("boards", len(like) or count) as advance:
                if self.like:
                    boards = generate_like([read_row(row).board for row in like], seed, advance=advance)
                else:
                    boards = generate_boards(count, seed, level=self.level, advance=advance)
        except TooFewBoardsError as problem:
            raise UserError(f"Connect4, seed {seed}: {problem}") from problem
        facts = {"generator": VERSION, "level": self.level, "seed": seed, "boards": len(boards)}
        return [board.row(number) for number, board in enumerate(boards)], facts
