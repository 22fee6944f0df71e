"""The experiment as Markdown and as one HTML page, from its summary alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from spot_eval.reproduction.claims import BASE
from spot_eval.reproduction.exam import FAMILIES
from spot_eval.reproduction.protocol import FEW
from spot_eval.reproduction.table import TITLES

Summary = Mapping[str, Any]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 400, 56, 44, 16, 16
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#16a085", "#7f8c8d", "#34495e", "#b03a6a")
LEAST_DRIFT = 1e-5  # nats a token; what bf16 alone costs is 2e-5


def score_rows(found: Summary) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of scores."""
    head = ["method", "rate", "beta", *(TITLES[family] for family in FAMILIES), "gain", "drift", "lost"]
    rows = []
    for row in found["rows"]:
        if row["method"] == BASE:
            rows.append([BASE, "", "", *(f"{100 * row['families'][family]:.1f}" for family in FAMILIES), "", "", ""])
            continue
        scores = [
            f"{100 * row['families'][family]:.1f} ± {100 * row['changes'][family]['stderr']:.1f}" for family in FAMILIES
        ]
        rows.append([
            _named(row), f"{row['rate']:g}", "" if row["beta"] is None else f"{row['beta']:g}", *scores,
            f"{100 * row['gain']['mean']:+.1f} ± {100 * row['gain']['stderr']:.1f}",
            f"{1000 * row['drift']:.2f} ± {1000 * row['drift_error']:.2f}", f"{100 * row['lost']:.1f}",
        ])  # fmt: skip
    return head, rows


def claim_rows(found: Summary) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of claims."""
    rows = []
    for one in found["claims"]:
        scale, unit = (1000, "mnat") if one["drift"] else (100, "points")
        difference = one["difference"]
        shown = f"{scale * difference['mean']:+.2f} ± {scale * difference['stderr']:.2f} {unit}"
        rows.append([one["claim"], shown, f"{one['p']:.3f}" if one["p"] >= 0.001 else "< 0.001", one["verdict"]])
    return ["claim", "difference", "p (Holm)", "verdict"], rows


def data_rows(found: Summary) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of a part's training files."""
    seeds = found["rows_of_data"]
    names = list(next(iter(seeds.values())))
    return ["pairs", *(f"seed {seed}" for seed in seeds)], [
        [name, *(str(counts[name]) for counts in seeds.values())] for name in names
    ]


def notes(found: Summary) -> list[str]:
    """Return the sentences below the tables."""
    protocol = found["protocol"]
    seeds = len(protocol["seeds"])
    said = [
        f"Means over {seeds} seeds on test items, in percent. Errors of scores are those of the change from the base; "
        "all errors add those over items and over seeds. gain: change in the mean of in-domain and out-of-domain. "
        "drift: KL from the base in thousandths of a nat per token. lost: general items that the base had right."
    ]
    if found.get("at_edge"):
        said.append(f"Chosen at the edge of the grid of rates: {', '.join(found['at_edge'])}.")
    if "part" not in found:
        pairs = [counts["pairs"] for counts in found["rows_of_data"].values()]
        said.append(f"Pairs by data seed: {', '.join(map(str, pairs))}.")
    return said


def markdown(found: Summary) -> str:
    """Return the tables and notes as Markdown."""
    tables = [score_rows(found), claim_rows(found), *([data_rows(found)] if "part" in found else [])]
    parts = []
    for head, rows in tables:
        lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        parts.append("\n".join(lines))
    scores, *others = parts
    return "\n\n".join([scores, *notes(found), *others]) + "\n"


def html(found: Summary) -> str:
    """Return the page: claims, scores, frontier."""
    title = escape(str(found.get("question", "SPoT in miniature")))
    claims = _table(*claim_rows(found), verdicts=True)
    scores = _table(*score_rows(found))
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in notes(found))
    frontier = f"<h2>Gain against drift</h2>{svg(found['frontier'])}" if found.get("frontier") else ""
    data = f"<h2>Training files</h2>{_table(*data_rows(found))}" if "part" in found else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{STYLE}</style></head><body>
<h1>{title}</h1>
<h2>Claims</h2>{claims}
<h2>Scores</h2>{scores}{said}{data}
{frontier}
</body></html>
"""


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2833;
  background: #fff }
div.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #d5d8dc; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem }
.holds { color: #1e7d45; font-weight: 600 }
.contradicted { color: #b03a2e; font-weight: 600 } .undecided { color: #7d6608 } svg { width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: #1c2833 }
@media (prefers-color-scheme: dark) { body { background: #17202a; color: #e5e8e8 } svg text { fill: #e5e8e8 }
  th, td { border-color: #34495e } .holds { color: #58d68d }
  .contradicted { color: #ec7063 } .undecided { color: #f4d03f } }
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, verdicts: bool = False) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = ""
    for row in rows:
        marked = [f"<td>{escape(cell)}</td>" for cell in row]
        if verdicts:
            marked[-1] = f'<td class="{escape(row[-1])}">{escape(row[-1])}</td>'
        body += f"<tr>{''.join(marked)}</tr>"
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


def svg(frontier: Mapping[str, Sequence[Sequence[Any]]]) -> str:
    """Return the picture of gain against drift (log scale), a line per method and beta, on dev items."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for method, points in frontier.items():
        for drift, gain, rate, beta in points:
            name = method if beta is None else f"{method}, beta {beta:g}"
            lines.setdefault(name, []).append((max(drift, LEAST_DRIFT), gain, rate))
    drifts = [point[0] for points in lines.values() for point in points]
    gains = [point[1] for points in lines.values() for point in points]
    low, high = math.log10(min(drifts)), math.log10(max(drifts))
    bottom, top = math.floor(10 * min(*gains, 0)) / 10, math.ceil(10 * max(gains)) / 10

    def x(drift: float) -> float:
        return LEFT + (math.log10(drift) - low) / max(high - low, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y(gain: float) -> float:
        return HEIGHT - BOTTOM - (gain - bottom) / max(top - bottom, 1e-9) * (HEIGHT - BOTTOM - TOP)

    drawn = [_axes(x, y, (low, high), (bottom, top))]
    legend = []
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[list(frontier).index(name.partition(", beta")[0]) % len(COLOURS)]
        dash = ' stroke-dasharray="5 4"' if name.endswith("beta 1") else ""
        path = " ".join(f"{x(drift):.1f},{y(gain):.1f}" for drift, gain, _ in sorted(points, key=lambda one: one[2]))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        for drift, gain, rate in points:
            title = f"{name}, rate {rate:g}: gain {100 * gain:+.1f} points, drift {1000 * drift:.2f} mnat"
            drawn.append(
                f'<circle cx="{x(drift):.1f}" cy="{y(gain):.1f}" r="4" fill="{colour}"><title>{escape(title)}</title>'
                "</circle>"
            )
        row, column = divmod(number, 2)
        at = (LEFT + column * 290, HEIGHT + 18 + 18 * row)
        legend.append(
            f'<line x1="{at[0]}" x2="{at[0] + 24}" y1="{at[1] - 4}" y2="{at[1] - 4}" stroke="{colour}" '
            f'stroke-width="2"{dash}/><text x="{at[0] + 30}" y="{at[1]}">{escape(name)}</text>'
        )
    height = HEIGHT + 24 + 18 * ((len(lines) + 1) // 2)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="gain against drift by method">'
        f"{''.join(drawn)}{''.join(legend)}</svg>"
    )


def _axes(x: Any, y: Any, drifts: tuple[float, float], gains: tuple[float, float]) -> str:
    """Return grid lines and their labels."""
    parts = []
    for power in range(math.ceil(drifts[0]), math.floor(drifts[1]) + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#d5d8dc"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10.0**power:g}</text>')
    steps = round((gains[1] - gains[0]) * 10)
    for step in range(0, steps + 1, max(1, steps // 6)):
        gain = gains[0] + step / 10
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(gain):.1f}" y2="{y(gain):.1f}" stroke="#d5d8dc"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(gain) + 4:.1f}" text-anchor="end">{100 * gain:+.0f}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">drift: KL from the base, nats a token</text>'
    )
    parts.append(f'<text x="{LEFT}" y="{TOP - 4}" text-anchor="start">gain, points</text>')
    return "".join(parts)


def _named(row: Mapping[str, Any]) -> str:
    return str(row["method"]) + (", few pairs" if row["regime"] == FEW.name else "")
