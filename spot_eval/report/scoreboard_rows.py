"""The scoreboard as rows of a page: tasks under their families, each beside every base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spot_eval.display import format
from spot_eval.report import figures
from spot_eval.report.content import ReportContent
from spot_eval.runs.baseline import PublishedBaseline
from spot_eval.runs.finished import FinishedRun


def board_rows(content: ReportContent) -> list[dict[str, Any]]:
    """Return groups of rows, one per family, the whole at the end."""
    return _without_still_columns(list(_groups(content)))


def _groups(content: ReportContent) -> Iterator[dict[str, Any]]:
    """Yield groups of the scoreboard's rows, one per family, the whole at the end."""
    board = content.candidate.board
    for family, entry in board["families"].items():
        members = [name for name, task in board["tasks"].items() if task["family"] == family]
        absent = [name for name in entry.get("missing", []) if name in board["left_out"]]
        if members or absent:
            rows = [_row(content, "family", family), *(_row(content, "task", name) for name in members)]
            rows += [_left_out(content, name) for name in absent]
            yield {"level": "family", "rows": rows}
    yield {"level": "overall", "rows": [_row(content, "overall", "overall")]}


def _without_still_columns(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the groups without the changes of counts that changed nowhere."""
    rows = [row for group in groups for row in group["rows"]]
    for at in range(len(rows[0]["counts"])):
        if not any(row["counts"][at]["change"] for row in rows):
            for row in rows:
                row["counts"][at] = {**row["counts"][at], "change": None}
    return list(groups)


def _entry(board: Mapping[str, Any], level: str, name: str) -> Mapping[str, Any]:
    """Return an entry of a scoreboard or a comparison; empty if it has none."""
    if level == "overall":
        return board["overall"]
    return board["families" if level == "family" else "tasks"].get(name) or {}


def _row(content: ReportContent, level: str, name: str) -> dict[str, Any]:
    entry = _entry(content.candidate.board, level, name)
    title = format.family_title(name) if level == "family" else name
    against = _entry(content.bases[0].board, level, name) if content.bases else {}
    return {
        "level": level,
        "title": title,
        "score": format.score(entry["mean"], entry["stderr"], entry.get("bounds")),
        "bar": figures.bar(title, entry["mean"], entry["stderr"], against.get("mean"), entry.get("bounds")),
        "bases": [
            *(_base_cell(at, side, one, level, name)
              for at, (side, one) in enumerate(zip(content.bases, content.comparisons, strict=True))),
            *(_published_cell(one, entry, level, name) for one in content.published),
        ],
        "counts": _counts(content, entry, name) if level == "task" else _no_counts(),
    }  # fmt: skip


def _no_counts() -> list[dict[str, str | None]]:
    return [{"text": "", "change": None}] * 5


def _left_out(content: ReportContent, name: str) -> dict[str, Any]:
    empty = {"score": None, "difference": None, "tone": "", "flips": None}
    bases = [{**empty, "flips": {"lost": "", "gained": ""} if at == 0 else None} for at in range(len(content.bases))]
    return {"level": "task", "title": f"{name} (left out)", "score": None, "bar": None,
            "bases": bases + [empty] * len(content.published), "counts": _no_counts()}  # fmt: skip


def _base_cell(at: int, side: FinishedRun, comparison: Mapping[str, Any], level: str, name: str) -> dict[str, Any]:
    there, found = _entry(side.board, level, name), _entry(comparison, level, name)
    difference = format.difference(found["mean"], found["stderr"], found.get("exact")) if found else None
    flips = None
    if at == 0:
        of = [found] if level == "task" and found else [
            task for task in comparison["tasks"].values() if level == "overall" or task["family"] == name
        ] if level != "task" else []  # fmt: skip
        flips = {how: f"{sum(task[how] for task in of):,}" if of else "" for how in ("lost", "gained")}
    return {
        "score": format.score(there.get("mean"), there.get("stderr"), there.get("bounds")),
        "difference": difference,
        "tone": {"better": "good", "worse": "bad", "": ""}[figures.tone(found)] if found else "",
        "flips": flips,
    }


def _published_cell(one: PublishedBaseline, entry: Mapping[str, Any], level: str, name: str) -> dict[str, Any]:
    value = {"overall": one.overall, "family": one.families.get(name), "task": one.tasks.get(name)}[level]
    known = value is not None and entry["mean"] is not None
    return {
        "score": format.score(value),
        "difference": format.difference(entry["mean"] - value) if known else None,
        "tone": "",
        "flips": None,
    }


def _counts(content: ReportContent, entry: Mapping[str, Any], name: str) -> list[dict[str, str | None]]:
    """Return docs and repeats, flags and lengths, each with its change."""
    found = _entry(content.comparisons[0], "task", name) if content.comparisons else {}
    changes = found.get("changes")
    cells: list[dict[str, str | None]] = [{"text": f"{entry['docs']:,} × {entry['repeats']}", "change": None}]
    for flag in ("truncated", "unparsed", "not_judged"):
        mean = changes[flag]["mean"] if changes else None
        shown = format.points(mean) if mean and abs(mean) >= 0.0005 else ""
        cells.append({"text": format.share(entry[flag]), "change": shown if changes else None})
    tokens, mean = entry["output_tokens"], changes["output_tokens"]["mean"] if changes else None
    shown = format.with_minus(f"{mean:+,.0f}") if mean and abs(mean) >= 0.5 else ""
    cells.append({"text": "–" if tokens is None else f"{tokens:,.0f}", "change": shown if changes else None})
    return cells
