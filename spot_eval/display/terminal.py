"""The one console of the command line: names and model output are shown, and never obeyed.

Rich reads `[red]` as markup, `:smile:` as a picture, and passes control characters on. Task, family and model names are
other people's text, so here all of it is literal. Tables keep their numbers whole on any width: names fold first, and a
table that is still too wide runs over the edge instead of losing digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table

from spot_eval.display.format import plain

LEAST_NAME = 12  # cells of a column of names that stay when a table is folded


class Terminal(Console):
    """A Rich console on which no text acts as markup, and no character steers the terminal."""

    def __init__(
        self, *, stderr: bool = False, file: IO[str] | None = None, width: int | None = None, **more: Any
    ) -> None:
        super().__init__(stderr=stderr, file=file, width=width, markup=False, emoji=False, highlight=False, **more)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does, with `plain` text in every segment."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print `objects`; a table is given the width that its numbers need. Words fold if it has none."""
        if len(objects) != 1 or not isinstance(objects[0], Table) or not _has_numbers(objects[0]):
            super().print(*objects, **options)
            return
        before = self.width
        try:
            self.width = _fold(objects[0], self)
            super().print(objects[0], **options)
        finally:
            self.width = before


def _has_numbers(table: Table) -> bool:
    return any(column.justify == "right" for column in table.columns)


def _fold(table: Table, console: Console) -> int:
    """Let the names of `table` fold where it is too wide, and return the width to print it at."""
    wide = console.options.update(width=10_000)
    whole = Measurement.get(console, wide, table).maximum
    if not table.columns or whole <= console.width:
        return console.width
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    # the least width of a table counts words, so `82.5 ± 2.7` as its longer half; only names give way, never numbers
    least = whole
    for column in table.columns:
        if column.justify != "right" and not column.no_wrap:
            longest = max(Measurement.get(console, wide, cell).maximum for cell in [column.header, *column.cells])
            least -= max(0, longest - LEAST_NAME)
    return max(console.width, least)
