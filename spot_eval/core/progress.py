"""Progress on stderr: a bar with rate and time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

LINE_EVERY_S = 30.0

Advance = Callable[..., None]
"""advance(count=1, note=""): `count` more are done; `note` stands at the end of the bar."""


@contextlib.contextmanager
def progress(what: str, total: int, *, done: int = 0) -> Iterator[Advance]:
    """Show a bar over `total` units of work, of which `done` were finished before; yield its `Advance`."""
    with _bar(what, total, done) if sys.stderr.isatty() else _lines(what, total, done) as advance:
        yield advance


@contextlib.contextmanager
def _bar(what: str, total: int, done: int) -> Iterator[Advance]:
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}", style="bold", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[note]}", markup=False),
        rich.TimeElapsedColumn(),
        rich.TextColumn("left"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(what, total=total, completed=done, note="")

        def advance(count: int = 1, note: str = "") -> None:
            bars.update(bar, advance=count, note=note)

        yield advance


@contextlib.contextmanager
def _lines(what: str, total: int, done: int) -> Iterator[Advance]:
    started = said = time.monotonic()
    now_done = done

    def advance(count: int = 1, note: str = "") -> None:
        nonlocal said, now_done
        now_done += count
        now = time.monotonic()
        if now - said >= LINE_EVERY_S:
            said = now
            left = (now - started) / max(1, now_done - done) * (total - now_done)
            print(f"{what}: {now_done}/{total} {note} about {left:.0f} s left", file=sys.stderr)  # noqa: T201

    yield advance


Say = Callable[[str], None]
