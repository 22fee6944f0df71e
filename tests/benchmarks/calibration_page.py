"""The tables of docs/statistics.md and docs/gate.md, made from the kept result of the calibration.

    python -m tests.benchmarks.calibration_page        # write them again from calibration.json, without simulating

Rates are percent, with one Monte-Carlo standard error. A claim that does not hold is printed as **fails**.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_name("calibration.json")
DOCS = Path(__file__).parents[2] / "docs"
START = "<!-- calibration: made by `make calibrate`, do not edit -->"
END = "<!-- end of calibration -->"

Row = Mapping[str, Any]


def tables(rows: Sequence[Row]) -> str:
    """Return the tables of claims and measured rates."""
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row["section"], []).append(row)
    claimed = [row for row in rows if row["holds"] is not None]
    failing = [f"- {row['section']}: {row['name']}: {_rate(row)}" for row in claimed if not row["holds"]]
    parts = [
        f"{len(claimed) - len(failing)} of {len(claimed)} claims hold."
        + (" These fail:" if failing else " Each is at or below its limit, as measured."),
        *(["\n".join(failing)] if failing else []),
        "**False FAIL.** Nothing changed. Claim: the whole gate fails at most 5 % of such candidates. *t bound*: the "
        "rate of PASS with the bound used before. *foretold*: what `power` says. *misses*: how often the one-sided "
        "bound of a family lies above the truth, in the worst family. *alpha thrice*: FAIL if "
        "families, guards and limits spent all of alpha each. *no Holm*: FAIL of any family, each tested at alpha.",
        _table(
            ["suite", "FAIL", "claim", "PASS", "t bound", "foretold", "misses", "alpha thrice", "no Holm"],
            [
                [
                    row["name"],
                    _rate(row),
                    _holds(row),
                    *_extras(row, "pass", "pass_t", "foretold", "bounds_miss", "alpha_thrice", "no_holm"),
                ]
                for row in of["unchanged"]
            ],
        ),
        "**False PASS.** A family lost exactly its margin of 3 points. Claim: it passes at most 5.5 % of the time.",
        _pivot(of["margin"], "suite, family", ": ", _rate),
        "The same with the t bound used before:",
        _pivot(of["margin"], "suite, family", ": ", lambda row: f"{100 * row['extra']['t']:.1f}"),
        "**False PASS, greedy.** One task, one answer per doc, docs lost and gained outright, the margin on balance. "
        "Claim: PASS at most 5.5 % of the time.",
        _pivot(of["greedy"], "docs, margin", ", ", _rate),
        "The same with the t bound used before:",
        _pivot(of["greedy"], "docs, margin", ", ", lambda row: f"{100 * row['extra']['t']:.1f}"),
        "What it costs: PASS of such a task if as many docs are gained as lost (0.5 % each way at least), now and with "
        "the t bound.",
        _pivot(
            of["greedy"],
            "docs, margin",
            ", ",
            lambda row: f"{100 * row['extra']['pass']:.1f}, {100 * row['extra']['pass_t']:.1f}",
        ),
        "**False PASS, clusters.** One task whose clusters are lost as a whole. *unchanged*: the rate of PASS when "
        "none is lost. Clusters that are not declared are measured, and nothing is claimed.",
        _table(
            ["task", "false PASS", "claim", "unchanged"],
            [[row["name"], _rate(row), _holds(row), *_extras(row, "pass")] for row in of["clusters"]],
        ),
        "**One saved base, many unchanged candidates.** FAIL by families and guards: on average over bases; how many "
        "bases fail more than 5 % of their candidates; the rate that one base in ten exceeds; the worst base seen.",
        _table(
            ["suite", "FAIL", "claim", "bases above 5 %", "one in ten above", "worst", "bases"],
            [
                [
                    row["name"],
                    _rate(row),
                    _holds(row),
                    *_extras(row, "above", "tenth", "worst"),
                    f"{row['extra']['bases']:,}",
                ]
                for row in of["shared base"]
            ],
        ),
        "**Power.** The drop at which `power` foretells 80 % FAIL of a family, and the rate measured under each kind "
        "of harm. *pessimistic*: the chance that `power` states for docs "
        "that were always right and are lost.",
        _table(
            ["suite, family", "points", "shrink", "pessimistic", "whole", "solved", "noise"],
            [
                [row["name"], *_extras(row, "drop", "shrink", "pessimistic", "whole", "solved", "noise")]
                for row in of["power"]
            ],
        ),
    ]
    return "\n\n".join(parts)


def curve(rows: Sequence[Row]) -> str:
    """Return the table of PASS and FAIL against the true change."""
    body = []
    for row in rows:
        if row["section"] == "curve":
            passes = row["extra"]["pass"]
            body.append(
                [
                    row["name"].split(": ")[1],
                    *(f"{100 * one:.1f}" for one in (passes, row["rate"], 1 - passes - row["rate"])),
                ]
            )
    return _table(["every family changes by (points)", "PASS", "FAIL", "inconclusive"], body)


def write_docs(result: Mapping[str, Any], docs: Path = DOCS) -> None:
    """Put the tables of a result between the marks of both pages."""
    for name, made in pages(result).items():
        path = docs / name
        before, _, rest = path.read_text(encoding="utf-8").partition(START)
        path.write_text(f"{before}{START}\n\n{made}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def pages(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each page that a result makes."""
    origin = (
        f"{result['sims']:,} simulations per cell (a tenth for clusters), four times as many if the limit lies within "
        f"three errors of the rate; seed {result['seed']}, code of commit {result['commit'][:12]}."
    )
    return {"statistics.md": f"{origin} {tables(result['cells'])}", "gate.md": curve(result["cells"])}


def load() -> dict[str, Any]:
    """Return the kept result."""
    return dict(json.loads(RESULT.read_text(encoding="utf-8")))


def _extras(row: Row, *names: str) -> list[str]:
    found = [row["extra"].get(name) for name in names]
    return ["" if one is None else f"{100 * one:.1f}" for one in found]


def _rate(row: Row) -> str:
    shown = f"{100 * row['rate']:.2f} ± {100 * row['error']:.2f}"
    return f"**{shown} fails**" if row["holds"] is False else shown


def _holds(row: Row) -> str:
    return {True: "holds", False: "**fails**", None: "none"}[row["holds"]]


def _pivot(rows: Sequence[Row], corner: str, mark: str, shown: Callable[[Row], str]) -> str:
    """Return a table whose columns are what stands behind the last `mark` of each name."""
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        name, _, column = row["name"].rpartition(mark)
        cells.setdefault(name, {})[column] = shown(row)
    columns = list(dict.fromkeys(column for of in cells.values() for column in of))
    return _table(
        [corner, *columns], [[name, *(of.get(column, "") for column in columns)] for name, of in cells.items()]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    write_docs(load())
