"""Print what an exam catches: harm by size, the smallest harm caught, and the false alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import family_title, plain, points, safe, several

RULES = ("family", "guards", "limits")


def print_certify(found: Mapping[str, Any], console: Console) -> None:
    """Print the table of harm by size, then the smallest harm caught, then the false alarms and what they rest on."""
    model = found["base"]["model"]
    sizes = list(dict.fromkeys(cell["size"] for harm in found["harms"] for cell in harm["cells"]))
    shares = sorted(size for size in sizes if _is_share(found, size))
    _print(console, f"{safe(model)}: harm caught (% of {several(found['draws'], 'draw')} that fail the gate)")
    table = _table()
    for size in shares:
        table.add_column(f"{100 * size:g}", justify="right", no_wrap=True)
    for harm in found["harms"]:
        if harm["unit"] != "topics":
            caught = {cell["size"]: _percent(cell["fail"]) for cell in harm["cells"]}
            table.add_row(_name(harm), *(caught.get(size, "") for size in shares))
    console.print(table)
    for harm in found["harms"]:
        if harm["unit"] == "topics":
            row = ", ".join(f"{cell['size']:g}: {_percent(cell['fail'])}" for cell in harm["cells"])
            _print(console, f"{harm['name']} (number of topics: caught in %): {row}")
    _print(console, f"the smallest harm caught in {_percent(found['power'])} %: points lost: by which rule (%)")
    console.print(_smallest(found))
    for line in _lines(found):
        _print(console, line)


def _print(console: Console, line: str) -> None:
    console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def _is_share(found: Mapping[str, Any], size: float) -> bool:
    return any(cell["size"] == size for harm in found["harms"] if harm["unit"] != "topics" for cell in harm["cells"])


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    return table


def _smallest(found: Mapping[str, Any]) -> Table:
    """Return the table of the smallest harm of each kind that is caught, with the rules that caught it by family."""
    table = _table()
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("pass", justify="right", no_wrap=True)
    for family in found["families"]:
        table.add_column(family_title(safe(family)), justify="right", no_wrap=True)
    for harm in found["harms"]:
        cell = next((one for one in harm["cells"] if one["size"] == harm["smallest"]), None)
        if cell is None:
            table.add_row(_name(harm), "none", "")
            continue
        table.add_row(
            _name(harm),
            size_words(harm, cell["size"]),
            _percent(cell["pass"]),
            *(caught_words(cell["families"][family]) for family in found["families"]),
        )
    return table


def _name(harm: Mapping[str, Any]) -> str:
    return safe(harm["name"])


def size_words(harm: Mapping[str, Any], size: float) -> str:
    """Return `5 %`, or `3` topics."""
    return f"{size:g}" if harm["unit"] == "topics" else f"{100 * size:g} %"


def caught_words(family: Mapping[str, Any]) -> str:
    """Return `−2.4: 92/40/0`: the points planted in a family, and by which rule it failed in how many percent."""
    rules = "/".join(_percent(family[rule]) for rule in RULES)
    return "-" if not family["points"] and not family["fail"] else f"{points(family['points'])}: {rules}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def false_alarms(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (how the pairs were made, cell) of the pairs between which nothing changed."""
    names = {"redrawn": "redrawn from each doc's posterior", "split": "recorded repeats split in two halves"}
    for kind, name in names.items():
        if found["false_alarms"][kind] is not None:
            yield name, found["false_alarms"][kind]


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name, cell in false_alarms(found):
        by_family = ", ".join(
            f"{family_title(family)} {'/'.join(f'{100 * one[rule]:.1f}' for rule in RULES)}"
            for family, one in cell["families"].items()
        )
        yield (
            f"nothing changed, {name} ({several(cell['draws'], 'draw')}): {100 * cell['fail']:.1f} ± "
            f"{100 * cell['error']:.1f} % fail ({by_family}), {100 * cell['pass']:.1f} % pass"
        )
    tokens = found["false_alarms"]["redrawn"]["output_tokens"]
    if tokens is not None:
        yield f"a candidate of the whole protocol spends {tokens:,} output tokens"
    yield (
        "sizes: % of docs, of answers if truncated or without format; caught by rule: the family's/its guards/its "
        "limits; an empty cell: every draw of a smaller size was caught"
    )
    yield from (f"warning: {warning}" for warning in found["warnings"])
