"""The report as Markdown: a comment for a pull request, a section for a model card.

Names and reasons are other people's text, so nothing in them acts as markup. Texts of models are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spot_eval.display import format
from spot_eval.display.format import inert
from spot_eval.report.content import ReportContent
from spot_eval.report.provenance import facts

MOST_LOST = 10


def pull_request(content: ReportContent) -> str:
    """Return a comment for a pull request: verdict, reasons, numbers, and the docs that lost most."""
    lines = [*_head(content), "", *_table(content)]
    if content.bases:
        lost = [flip for flip in content.comparisons[0]["flips"] if flip["outcome"] == "lost"]
        if lost:
            lines += ["", f"<details><summary>{format.several(len(lost), 'lost doc')}, the largest first</summary>", ""]
            lines += [
                f"- `{inert(flip['task'])}/{flip['doc_id']}`: "
                f"{format.score(flip['base'])} to {format.score(flip['candidate'])} %"
                for flip in lost[:MOST_LOST]
            ]
            lines += [f"- and {len(lost) - MOST_LOST:,} more"] if len(lost) > MOST_LOST else []
            lines += ["", "</details>"]
    return "\n".join([*lines, "", _basis(content)]) + "\n"


def model_card(content: ReportContent) -> str:
    """Return a section `## Evaluation`: the numbers, and how they were obtained."""
    suite = content.candidate.config["suite"]
    lines = [
        "## Evaluation",
        "",
        f"{inert(content.candidate.name)} on spot-eval's suite {inert(suite['name'])} v{suite['version']}"
        + (f", beside {inert(content.labels[1])}" if content.bases else "")
        + ".",
        "",
        *_table(content),
        "",
        _basis(content),
        "",
    ]
    wanted = {"sampling", "repeats", "thinking", "seed", "engine", "dtype", "chat template", "fingerprint"}
    for group in facts([content.candidate])[:2]:
        for row in group["rows"]:
            if row["name"] in wanted:
                lines.append(f"- {row['name']}: {'; '.join(inert(line) for line in row['cells'][0].splitlines())}")
    return "\n".join(lines) + "\n"


def _head(content: ReportContent) -> Iterator[str]:
    found, labels = content.verdict, content.labels
    against = f" against {inert(labels[1])}" if content.bases else ""
    mark = f"{found['mark']} " if found["mark"] else ""
    yield f"## {mark}{found['word']}: {inert(labels[0])}{against}"
    yield ""
    yield inert(found["sentence"])
    if found["points"]:
        yield ""
        yield from (f"- **{point['word']}** {inert(point['name'])}: {inert(point['why'])}" for point in found["points"])
    for warning in [*content.warnings, *(content.gate["notes"] if content.gate else ())]:
        yield f"- Note: {inert(warning)}"


def _table(content: ReportContent) -> Iterator[str]:
    board = content.candidate.board
    heads = ["", "score"]
    if content.bases:
        heads = ["", inert(content.labels[1]), inert(content.labels[0]), "difference", "lost", "gained"]
    heads += ["docs × repeats", "truncated", "unparsed", "not judged", "tokens"]
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    for family, entry in board["families"].items():
        members = [name for name, task in board["tasks"].items() if task["family"] == family]
        if members:
            yield _line(content, f"**{inert(format.family_title(family))}**", "families", family, entry)
            for name in members:
                yield _line(content, inert(name), "tasks", name, board["tasks"][name])
    yield _line(content, "**overall**", "overall", "", board["overall"])


def _line(content: ReportContent, title: str, level: str, name: str, entry: Mapping[str, Any]) -> str:
    def of(whole: Mapping[str, Any]) -> Mapping[str, Any]:
        return whole[level] if level == "overall" else whole[level].get(name) or {}

    def shown(said: format.NumberText | None) -> str:
        return "–" if said is None else str(said)

    cells = [title]
    if content.bases:
        there, found = of(content.bases[0].board), of(content.comparisons[0])
        cells += [
            shown(format.score(there.get("mean"), there.get("stderr"), there.get("bounds"))),
            shown(format.score(entry["mean"], entry["stderr"], entry.get("bounds"))),
            shown(format.difference(found.get("mean"), found.get("stderr"), found.get("exact"))),
            *(f"{found[how]:,}" if how in found else "" for how in ("lost", "gained")),
        ]
    else:
        cells.append(shown(format.score(entry["mean"], entry["stderr"], entry.get("bounds"))))
    if level == "tasks":
        tokens = entry["output_tokens"]
        cells += [
            f"{entry['docs']:,} × {entry['repeats']}",
            *(format.share(entry[flag]) for flag in ("truncated", "unparsed", "not_judged")),
            "–" if tokens is None else f"{tokens:,.0f}",
        ]
    else:
        cells += [""] * 5
    return f"| {' | '.join(cells)} |"


def _basis(content: ReportContent) -> str:
    left_out = content.candidate.board["left_out"]
    missing = f" Left out: {', '.join(map(inert, left_out))}." if left_out else ""
    paired = " Differences are paired doc by doc." if content.bases else ""
    boards = [content.candidate.board, *(base.board for base in content.bases[:1])]
    differ_alike = any(task["exact"] for one in content.comparisons[:1] for task in one["tasks"].values())
    bounded = differ_alike or any(map(format.has_bounds, boards))
    exact = f" {format.sentence(format.EXACT)}" if bounded else ""
    return (
        "Percent, ± one standard error over docs; families and overall are unweighted means of tasks."
        f"{exact}{paired}{missing}"
    )
