"""The scoreboard for a reader: a Rich table for the terminal, Markdown for a file. Knows numbers and layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from spot_eval.display.format import EXACT, clock, family_title, has_bounds, inert, percent, signed

Board = Mapping[str, Any]

FULL_WIDTH = 100
VOTES = ("pass@k", "maj@k")  # what a narrow terminal beside a baseline does without
HEAD = ["score", "n x k", *VOTES, "trunc", "unpars", "unjudg", "tokens"]


class BoardLine(NamedTuple):
    """A line of the table, as text; `level` is task, family or overall."""

    level: str
    name: str
    cells: list[str]


def columns(board: Board) -> list[str]:
    """The column titles; the last is there only beside a baseline."""
    return [*HEAD, "vs base"] if "difference" in board else HEAD


def heading(board: Board) -> str:
    """Return `model on suite v1`, and the settings of the suite that the command line changed."""
    changes = "".join(f", {name.replace('_', '-')} {value}" for name, value in board.get("changes", {}).items())
    return f"{board['model']} on {board['suite']['name']} v{board['suite']['version']}{changes}"


def rows(board: Board) -> Iterator[BoardLine]:
    """Return a row per task, under its family, then overall; the row of a task that could not run says so."""
    difference = board.get("difference")
    for family, entry in board["families"].items():
        asked = any(task["family"] == family for task in board["tasks"].values())
        absent = [name for name in entry.get("missing", []) if name in board["left_out"]]
        if not asked and not absent:
            continue
        yield BoardLine("family", family_title(family), _family_cells(entry, difference, "families", family))
        for name, task in board["tasks"].items():
            if task["family"] == family:
                yield BoardLine("task", name, _task_cells(name, task, difference))
        for name in absent:
            yield BoardLine("task", name, ["left out", *[""] * (len(columns(board)) - 1)])
    yield BoardLine("overall", "overall", _family_cells(board["overall"], difference, "overall", None))


def _task_cells(name: str, task: Mapping[str, Any], difference: Mapping[str, Any] | None) -> list[str]:
    k = str(task["repeats"])
    many = task["repeats"] > 1
    cells = [
        percent(task["mean"], task["stderr"], task.get("bounds")),
        f"{task['docs']} x {task['repeats']}",
        percent(task["pass_at_k"].get(k)) if many else "",
        percent(task["maj_at_k"].get(k)) if many else "",
        percent(task["truncated"]),
        percent(task["unparsed"]),
        percent(task["not_judged"]),
        "" if task["output_tokens"] is None else f"{task['output_tokens']:,.0f}",
    ]
    return [*cells, _difference_cell(difference["tasks"].get(name))] if difference else cells


def _family_cells(
    entry: Mapping[str, Any], difference: Mapping[str, Any] | None, level: str, name: str | None
) -> list[str]:
    score = "partial" if entry.get("partial") else percent(entry["mean"], entry["stderr"], entry.get("bounds"))
    cells = [score, *[""] * (len(HEAD) - 1)]
    if not difference:
        return cells
    other = difference[level] if name is None else difference[level].get(name)
    return [*cells, _difference_cell(other)]


def _difference_cell(entry: Mapping[str, Any] | None) -> str:
    return signed(entry["mean"], entry["stderr"], entry.get("bounds")) if entry else "-"


def footer(board: Board) -> list[str]:
    """Return the lines under the table: cost, further metrics, what was left out, what the baseline is."""
    lines = []
    cost = board["cost"]
    if cost["tokens_per_s"]:
        lines.append(
            f"{cost['generations']:,} generations, {cost['output_tokens']:,} tokens in {clock(cost['wall_time_s'])} "
            f"({cost['tokens_per_s']:,.0f} tokens/s)"
        )
    if "paid" in cost:
        lines.append(f"paid by the prices given: {cost['paid']:,.{2 if cost['paid'] >= 1 else 4}f}")
    lines += _metric_lines(board["tasks"])
    lines += [f"{task}, for comparison: {_guesses(ways)}" for task, ways in board.get("guessing", {}).items()]
    if probe := board.get("contamination"):
        lines.append(
            f"contamination probe: published boards {percent(probe['published'])}, fresh twins "
            f"{percent(probe['twins'])}, difference {_difference_cell(probe)} over {probe['docs']} pairs"
        )
    lines += [f"{name} left out: {reason}" for name, reason in board["left_out"].items()]
    lines += [
        f"{name}: no answer could be judged; the first: {one['not_judged_reason']}"
        for name, one in board["tasks"].items()
        if one["not_judged"] == 1 and one.get("not_judged_reason")
    ]
    if has_bounds(board):
        lines.append(EXACT)
    if looks := board.get("looks"):
        lines.append(_looks_line(looks))
    if difference := board.get("difference"):
        if difference["kind"] == "published":
            lines.append(
                f"vs base: {difference['baseline']}, {difference['source']}: display only ({difference['note']})"
            )
        else:
            pairs = sum(entry["docs"] for entry in difference["tasks"].values())
            alone = sum(entry["docs_unpaired"] for entry in difference["tasks"].values())
            note = f", {alone} docs without a partner left aside" if alone else ""
            lines.append(f"vs base: {difference['baseline']}, {pairs} docs paired{note}")
    return lines


def _metric_lines(tasks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line for each metric that several tasks share, then one for each task with metrics of its own."""
    by_metric: dict[str, dict[str, str]] = {}
    for name, task in tasks.items():
        for metric, estimate in task["metrics"].items():
            if metric.startswith("nats_per_"):
                continue  # shown as perplexities
            bits = metric == "bits_per_byte"
            by_metric.setdefault(metric, {})[name] = (
                _plain_number(estimate)
                if bits
                else percent(estimate["mean"], estimate["stderr"], estimate.get("bounds"))
            )
        for metric, estimate in task.get("perplexities", {}).items():
            by_metric.setdefault(metric, {})[name] = _plain_number(estimate)
    for metric, shown in by_metric.items():
        if len(shown) > 1:
            yield f"{metric}: {', '.join(f'{name} {value}' for name, value in shown.items())}"
    for name in tasks:
        own = [f"{metric} {shown[name]}" for metric, shown in by_metric.items() if len(shown) == 1 and name in shown]
        if own:
            yield f"{name}: {', '.join(own)}"


def _plain_number(estimate: Mapping[str, Any]) -> str:
    """Return a metric that is no share: mean and standard error to four figures."""
    error = "" if estimate["stderr"] is None else f" ± {estimate['stderr']:.2g}"
    return f"{estimate['mean']:.4g}{error}"


def _guesses(ways: Mapping[str, Mapping[str, float]]) -> str:
    """`'none' everywhere scores 4.0, …`: what is known without looking at a board."""
    names = {
        "none": "'none' everywhere scores",
        "every move": "every move",
        "commonest": "the commonest answer",
        "at random": "a random answer",
        "constant": "the best constant answer scores",
    }
    return ", ".join(f"{names.get(way, way)} {percent(scores['joint'])}" for way, scores in ways.items())


def print_scoreboard(board: Board, console: Console, notes: Sequence[str] = ()) -> None:
    """The table and its footer on `console`."""
    title = f"{heading(board)} (%)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    narrow = "difference" in board and console.width < FULL_WIDTH
    shown = [at for at, name in enumerate(columns(board)) if not (narrow and name in VOTES)]
    for at in shown:
        table.add_column(columns(board)[at], justify="right", no_wrap=True)
    for row in rows(board):
        style = {"task": "", "family": "bold", "overall": "bold"}[row.level]
        name = f"  {row.name}" if row.level == "task" else row.name
        if row.level == "overall":
            table.add_section()
        table.add_row(name, *(row.cells[at] for at in shown), style=style)
    console.print(table)
    narrowed = ["pass@k and maj@k are in scoreboard.md"] if narrow else []
    for line in [*footer(board), *narrowed, *notes]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(board: Board) -> str:
    """The same as a Markdown document."""
    head = columns(board)
    lines = [
        f"# {inert(heading(board))}",
        "",
        "Percent, ± one standard error over docs.",
        "",
        f"| | {' | '.join(head)} |",
        f"|---|{'---:|' * len(head)}",
    ]
    for row in rows(board):
        name = inert(row.name) if row.level == "task" else f"**{inert(row.name)}**"
        lines.append(f"| {name} | {' | '.join(row.cells)} |")
    lines += ["", *(f"- {inert(line)}" for line in footer(board))]
    return "\n".join(lines) + "\n"


def _looks_line(looks: Mapping[str, Any]) -> str:
    """Return how far a run until a verdict went, and what its means are."""
    verdicts = ", ".join(f"{family} {verdict}" for family, verdict in looks["families"].items())
    if looks["stopped_early"]:
        return (
            f"stopped early, after look {looks['taken']} of at most {looks['planned']} ({verdicts}): these are naive "
            "means of the answers asked; `spot-eval gate` gives bounds and estimates that allow for stopping"
        )
    return (
        f"looked at {looks['taken']} times while it ran ({verdicts}); `spot-eval gate` judges it by its looks' bounds"
    )
