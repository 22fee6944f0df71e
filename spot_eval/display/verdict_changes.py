"""The verdicts that changed when a run was judged again, for a terminal. Knows numbers and layout only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spot_eval.display.format import plain

SHOWN = 20


def summary(changes: Sequence[Mapping[str, Any]], judged: int) -> str:
    """Say how many verdicts changed, and from what to what.

    >>> summary([{"before": "right", "after": "unparsed"}], 40)
    '1 of 40 verdicts changed: 1 right -> unparsed'
    """
    if not changes:
        return f"no verdict changed ({judged:,} judged again)"
    kinds = Counter(f"{change['before']} -> {change['after']}" for change in changes)
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return f"{len(changes):,} of {judged:,} verdicts changed: {told}"


def print_changes(changes: Sequence[Mapping[str, Any]], judged: int, console: Console, *, file: str) -> None:
    """Print the verdicts that changed: doc, before, after and why, at most `SHOWN` of them.

    Args:
        changes: rows of the file of changes, with `task`, `doc_id`, `repeat`, `before`, `after` and `why`.
        judged: number of samples that were judged again.
        console: the terminal.
        file: name of the file that holds all changes, for the last line.
    """
    console.print(summary(changes, judged), highlight=False)
    if not changes:
        return
    table = Table("doc", "before", "after", "why", box=box.SIMPLE, pad_edge=False)
    for change in changes[:SHOWN]:
        doc = f"{change['task']}/{change['doc_id']}/{change['repeat']}"
        table.add_row(Text(plain(doc)), change["before"], change["after"], Text(plain(str(change["why"]))))
    console.print(table)
    more = f"{len(changes) - SHOWN:,} more in " if len(changes) > SHOWN else ""
    console.print(f"{more}{file}", highlight=False, style="dim")
