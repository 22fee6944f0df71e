"""The report as one HTML file: the view its template fills in, and what makes it safe to open.

What models wrote reaches the page in two ways only: escaped by the template, or as deflated base64 that the page's own
script sets as text. A content security policy lets nothing run but that script, and nothing load.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from spot_eval import __version__
from spot_eval.baseline import PublishedBaseline
from spot_eval.report import figures, verdict, words
from spot_eval.report.docs import columns, doc_rows
from spot_eval.report.facts import facts
from spot_eval.report.sides import Side
from spot_eval.report.texts import Texts, encode, pack
from spot_eval.resources import folder
from spot_eval.show import footer

SCRIPTS = ("data.js", "text.js", "diff.js", "list.js", "doc.js", "main.js")  # in this order


@dataclass(frozen=True)
class Story:
    """What a report tells: a run, its bases (the first is the one that counts), and what was concluded."""

    candidate: Side
    bases: Sequence[Side] = ()
    comparisons: Sequence[Mapping[str, Any]] = ()  # one a base, as in comparison.json
    published: Sequence[PublishedBaseline] = ()
    gate: Mapping[str, Any] | None = None  # as in gate.json, against the first base
    alpha: float = 0.05

    @property
    def sides(self) -> list[Side]:
        """All runs, the candidate first."""
        return [self.candidate, *self.bases]

    @property
    def labels(self) -> list[str]:
        """A name for each run that tells it from the others."""
        names = [side.judged.name for side in self.sides]
        names = [name if names.count(name) == 1 else side.path.resolve().name
                 for name, side in zip(names, self.sides, strict=True)]  # fmt: skip
        roles = ["candidate", *(f"base {number}" if number > 1 else "base" for number in range(1, len(names)))]
        return [name if names.count(name) == 1 else role for name, role in zip(names, roles, strict=True)]

    @property
    def warnings(self) -> list[str]:
        """What weakens the comparisons, each said once."""
        return list(dict.fromkeys(warning for one in self.comparisons for warning in one["warnings"]))

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict in words."""
        return verdict.gated(self.gate, self.comparisons[0]) if self.gate else verdict.alone(self.candidate.board)


def html(story: Story, budget: int) -> str:
    """The report; its transcripts take at most `budget` bytes."""
    rows = doc_rows(story.sides)
    texts = pack(story.sides, rows, budget)
    index = columns(story.sides, rows, texts.questions, texts.place, story.labels)
    place = folder("reports") / "html"
    style = (place / "report.css").read_text(encoding="utf-8")
    parts = [(place / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = f'"use strict";\n(() => {{\n{"".join(parts)}}})();\n'
    assert "</script" not in script.lower()
    assert "</style" not in style.lower()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(place),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(
        **_view(story, texts),
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        index=encode(index),
        blocks=texts.blocks,
    )


def _policy(style: str, script: str) -> str:
    """Nothing loads and nothing runs but what came with the page."""
    return (
        f"default-src 'none'; script-src '{_sha256(script)}'; style-src '{_sha256(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _view(story: Story, texts: Texts) -> dict[str, Any]:
    suite = story.candidate.config["suite"]
    changes = "".join(
        f", {name.replace('_', '-')} {value}" for name, value in story.candidate.config["changes"].items()
    )
    labels = story.labels
    against = labels[1] if story.bases else story.published[0].name if story.published else ""
    margins = _margins(story.gate)
    board = story.candidate.board
    return {
        "version": __version__,
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "title": f"{labels[0]}{f' against {against}' if against else ''}, {suite['name']}",
        "about": {"candidate": labels[0], "base": labels[1] if story.bases else "",
                  "suite": f"{suite['name']} v{suite['version']}{changes}"},
        "verdict": story.verdict,
        "warnings": _warnings(story),
        "bases": [{"heading": label, "paired": True} for label in labels[1:]]
        + [{"heading": one.name, "paired": False} for one in story.published],
        "board": _without_still_columns(list(_groups(story))),
        "notes": [
            *footer(board),
            *(f"{one.name}: {one.source} ({one.note}); for display only" for one in story.published),
        ],
        "changes": figures.forest(story.comparisons[0], story.alpha, margins) if story.comparisons else None,
        "cards": [_card(story, task) for task in board["tasks"]],
        "embedded": _embedded(texts),
        "sides": labels,
        "facts": facts(story.sides),
    }  # fmt: skip


def _margins(gate: Mapping[str, Any] | None) -> dict[str, float] | None:
    return {name: family["margin"] for name, family in gate["families"].items()} if gate else None


def _warnings(story: Story) -> list[str]:
    return [words.sentence(warning) for warning in [*story.warnings, *(story.gate["notes"] if story.gate else ())]]


def _groups(story: Story) -> Any:
    """The scoreboard's rows, a group a family, the whole at the end."""
    board = story.candidate.board
    for family, entry in board["families"].items():
        members = [name for name, task in board["tasks"].items() if task["family"] == family]
        absent = [name for name in entry.get("missing", []) if name in board["left_out"]]
        if members or absent:
            rows = [_row(story, "family", family), *(_row(story, "task", name) for name in members)]
            rows += [_left_out(story, name) for name in absent]
            yield {"level": "family", "rows": rows}
    yield {"level": "overall", "rows": [_row(story, "overall", "overall")]}


def _without_still_columns(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A count that changed nowhere needs no room for changes."""
    rows = [row for group in groups for row in group["rows"]]
    for at in range(len(rows[0]["counts"])):
        if not any(row["counts"][at]["change"] for row in rows):
            for row in rows:
                row["counts"][at] = {**row["counts"][at], "change": None}
    return list(groups)


def _entry(board: Mapping[str, Any], level: str, name: str) -> Mapping[str, Any]:
    """One entry of a scoreboard or a comparison; empty where it has none."""
    if level == "overall":
        return board["overall"]
    return board["families" if level == "family" else "tasks"].get(name) or {}


def _row(story: Story, level: str, name: str) -> dict[str, Any]:
    entry = _entry(story.candidate.board, level, name)
    title = words.family_title(name) if level == "family" else name
    against = _entry(story.bases[0].board, level, name) if story.bases else {}
    return {
        "level": level,
        "title": title,
        "score": words.score(entry["mean"], entry["stderr"]),
        "bar": figures.bar(title, entry["mean"], entry["stderr"], against.get("mean")),
        "bases": [
            *(_base_cell(at, side, one, level, name)
              for at, (side, one) in enumerate(zip(story.bases, story.comparisons, strict=True))),
            *(_published_cell(one, entry, level, name) for one in story.published),
        ],
        "counts": _counts(story, entry, name) if level == "task" else _no_counts(),
    }  # fmt: skip


def _no_counts() -> list[dict[str, str | None]]:
    return [{"text": "", "change": None}] * 5


def _left_out(story: Story, name: str) -> dict[str, Any]:
    empty = {"score": None, "difference": None, "tone": "", "flips": None}
    bases = [{**empty, "flips": {"lost": "", "gained": ""} if at == 0 else None} for at in range(len(story.bases))]
    return {"level": "task", "title": f"{name} (left out)", "score": None, "bar": None,
            "bases": bases + [empty] * len(story.published), "counts": _no_counts()}  # fmt: skip


def _base_cell(at: int, side: Side, comparison: Mapping[str, Any], level: str, name: str) -> dict[str, Any]:
    there, found = _entry(side.board, level, name), _entry(comparison, level, name)
    difference = words.difference(found["mean"], found["stderr"]) if found else None
    flips = None
    if at == 0:
        of = [found] if level == "task" and found else [
            task for task in comparison["tasks"].values() if level == "overall" or task["family"] == name
        ] if level != "task" else []  # fmt: skip
        flips = {how: f"{sum(task[how] for task in of):,}" if of else "" for how in ("lost", "gained")}
    return {
        "score": words.score(there.get("mean"), there.get("stderr")),
        "difference": difference,
        "tone": {"better": "good", "worse": "bad", "": ""}[figures.tone(found)] if found else "",
        "flips": flips,
    }


def _published_cell(one: PublishedBaseline, entry: Mapping[str, Any], level: str, name: str) -> dict[str, Any]:
    value = {"overall": one.overall, "family": one.families.get(name), "task": one.tasks.get(name)}[level]
    known = value is not None and entry["mean"] is not None
    return {
        "score": words.score(value),
        "difference": words.difference(entry["mean"] - value) if known else None,
        "tone": "",
        "flips": None,
    }


def _counts(story: Story, entry: Mapping[str, Any], name: str) -> list[dict[str, str | None]]:
    """Docs and repeats, flags and lengths, each with how it changed."""
    found = _entry(story.comparisons[0], "task", name) if story.comparisons else {}
    changes = found.get("changes")
    cells: list[dict[str, str | None]] = [{"text": f"{entry['docs']:,} × {entry['repeats']}", "change": None}]
    for flag in ("truncated", "unparsed", "not_judged"):
        mean = changes[flag]["mean"] if changes else None
        shown = words.points(mean) if mean and abs(mean) >= 0.0005 else ""
        cells.append({"text": words.share(entry[flag]), "change": shown if changes else None})
    tokens, mean = entry["output_tokens"], changes["output_tokens"]["mean"] if changes else None
    shown = words.with_minus(f"{mean:+,.0f}") if mean and abs(mean) >= 0.5 else ""
    cells.append({"text": "–" if tokens is None else f"{tokens:,.0f}", "change": shown if changes else None})
    return cells


def _card(story: Story, task: str) -> dict[str, Any]:
    """Two distributions of one task: scores over docs, lengths over answers."""
    sides = [side for side in story.sides[:2] if task in side.docs]
    labels = story.labels[: len(sides)]
    lengths = [
        [
            sample.output_tokens
            for docs in side.docs[task].values()
            for sample in docs
            if sample.output_tokens is not None
        ]
        for side in sides
    ]
    entry = story.candidate.board["tasks"][task]
    return {
        "name": task,
        "note": f"{words.several(entry['docs'], 'doc')}, {words.several(entry['repeats'], 'repeat')}",
        "scores": figures.score_histogram([list(side.docs[task].values()) for side in sides], labels),
        "tokens": figures.length_histogram(lengths, labels),
    }


def _embedded(texts: Texts) -> str:
    """What of the transcripts is here, and what is not."""
    parts = [f"{texts.whole:,} in full"]
    if texts.parts:
        parts.append(f"{texts.parts:,} as head and tail")
    if texts.left_out:
        parts.append(f"{texts.left_out:,} left out for size (their records are named)")
    if texts.absent:
        parts.append(f"{texts.absent:,} have no text")
    return (
        f"The scores of all docs are here. Transcripts: {', '.join(parts)}; {words.size(texts.size)} of this file."
        + (" A larger --budget takes in more." if texts.parts or texts.left_out else "")
    )
