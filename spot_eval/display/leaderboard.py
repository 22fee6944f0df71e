"""Show the runs of a folder as a leaderboard: one table per suite, two lines per run. Knows numbers and layout only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from spot_eval.display.format import family_title, percent, plain
from spot_eval.display.verdict import STYLES

Entry = Mapping[str, Any]
"""A run as `runs.leaderboard.Entry.as_json` gives it."""

LEGEND = "percent ± standard error (≥, ≤: exact 95 % bound). To see which differ: spot-eval compare RUN… BASE"
SCORE, VERDICT, NAME = 12, 13, 12  # columns: of a score, of the verdict, and the least for a name


def print_leaderboard(entries: Sequence[Entry], console: Console, notes: Sequence[str] = ()) -> None:
    """Print one table per suite in the order of `entries`, then the notes."""
    for (name, version), suite in groupby(entries, key=lambda one: (one["suite"], one["suite_version"])):
        _print_suite(f"{name} v{version} (%)", list(suite), console)
    for line in notes:
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def _print_suite(title: str, entries: Sequence[Entry], console: Console) -> None:
    families = list(dict.fromkeys(name for entry in entries for name in entry["families"]))
    verdict = VERDICT if any(entry["gate"] for entry in entries) else 0
    room = console.width - verdict - NAME
    shown = families[: max(0, room // SCORE - 1)]
    width = console.width - verdict - SCORE * (len(shown) + 1)
    width = max(NAME, min(width, max(cell_len(plain(entry["model"])) for entry in entries) + 2))

    def line(name: str, scores: Sequence[str], last: str, style: str = "", last_style: str = "") -> None:
        text = Text(_fitted(name, width), style=style)
        text.append("".join(f"{_fitted(score, SCORE - 1, left=True)} " for score in scores))
        text.append(last, style=last_style)
        text.rstrip()
        console.print(text, no_wrap=True, overflow="crop", highlight=False)

    console.print(Text(plain(title), style="italic"))
    line("", [*(_short(family) for family in shown), "overall"], "verdict" if verdict else "", style="bold")
    for entry in entries:
        scores = [_score(entry["families"].get(family)) for family in shown]
        gate = entry["gate"]
        line(
            plain(entry["model"]), [*scores, _score(entry["overall"])], gate["verdict"] if gate else "",
            last_style=STYLES[gate["verdict"]] if gate else "",
        )  # fmt: skip
        console.print(Text("  " + ", ".join(_facts(entry)), style="dim"), soft_wrap=True, highlight=False)
    hidden = families[len(shown) :]
    if hidden:
        names = ", ".join(map(family_title, hidden))
        console.print(Text(plain(f"not shown at this width: {names} (see --json or --csv)")), soft_wrap=True)
    console.print()


def _facts(entry: Entry) -> Iterator[str]:
    """Yield the folder, the time, what is unfinished, what the command line changed, and the gate's base."""
    yield plain(entry["path"])
    if entry["created"]:
        yield plain(entry["created"])[:16].replace("T", " ")
    if entry["done"] is not None:
        wanted = "" if entry["requests"] is None else f" of {entry['requests']:,}"
        yield f"{plain(entry['state'])}: {entry['done']:,}{wanted} generations"
    elif entry["state"] == "saved":
        yield "saved baseline"
    for name, value in entry["changes"].items():
        yield plain(f"{name.replace('_', '-')} {value}")
    if entry["gate"]:
        yield plain(f"gated against {entry['gate']['base']}")


def _score(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return ""
    if score["partial"]:
        return "partial"
    return re.sub("[()]", "", percent(score["mean"], score["stderr"], score["bounds"]))  # columns are narrow


def _short(family: str) -> str:
    """Return a family's title if a column holds it, else its name: `ood` for out-of-domain."""
    title = family_title(family)
    return plain(title if cell_len(title) < SCORE else family)


def _fitted(text: str, width: int, *, left: bool = False) -> str:
    """Return `text` in exactly `width` cells, padded, or cut with an ellipsis; `left` pads on the left."""
    if cell_len(text) > width:
        return f"{set_cell_size(text, width - 1)}…"
    padding = " " * (width - cell_len(text))
    return padding + text if left else text + padding
