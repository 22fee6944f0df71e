"""The report as one HTML file: the values for its template, and the policy that makes it safe to open.

Text of models reaches the page in two ways only: escaped by the template, or as deflated base64 that the page's own
script sets as text. A content security policy lets nothing run but that script, and nothing load.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from spot_eval import __version__
from spot_eval.core.paths import folder
from spot_eval.display import format
from spot_eval.display.scoreboard import footer
from spot_eval.report import figures
from spot_eval.report.content import ReportContent
from spot_eval.report.curves import curves
from spot_eval.report.doc_table import columns, doc_rows, listed
from spot_eval.report.drift import drift
from spot_eval.report.lost import lost
from spot_eval.report.provenance import facts
from spot_eval.report.scoreboard_rows import board_rows
from spot_eval.report.transcripts import Texts, encode, pack

MOST_INDEX = 4_000_000
"""Bytes of the index of the docs: with the transcripts' own budget, a page stays under 15 MB."""
SCRIPTS = ("data.js", "text.js", "diff.js", "list.js", "doc.js", "main.js")  # in this order


def html(content: ReportContent, budget: int) -> str:
    """Return the page; its transcripts take at most `budget` bytes."""
    texts, index, left_out = _docs(content, budget)
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
        **_view(content, texts, left_out),
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        index=index,
        blocks=texts.blocks,
    )


def _docs(content: ReportContent, budget: int) -> tuple[Texts, str, int]:
    """Return the transcripts, the index of the docs, of MOST_INDEX bytes at most, and how many docs that leaves out."""
    every = doc_rows(content.sides)
    rows, share = listed(every), 1.0
    while True:
        texts = pack(content.sides, rows, budget)
        index = encode(columns(content.sides, rows, texts.questions, texts.place, content.labels))
        if len(index) <= MOST_INDEX or not rows:
            return texts, index, len(every) - len(rows)
        share *= 0.95 * MOST_INDEX / len(index)
        rows = listed(every, share)


def _policy(style: str, script: str) -> str:
    """Return a content security policy by which only the page's own script and style load and run."""
    return (
        f"default-src 'none'; script-src '{_sha256(script)}'; style-src '{_sha256(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _view(content: ReportContent, texts: Texts, left_out: int) -> dict[str, Any]:
    suite = content.candidate.config["suite"]
    changes = "".join(
        f", {name.replace('_', '-')} {value}" for name, value in content.candidate.config["changes"].items()
    )
    labels = content.labels
    against = labels[1] if content.bases else content.published[0].name if content.published else ""
    margins = _margins(content.gate)
    board = content.candidate.board
    return {
        "version": __version__,
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "title": f"{labels[0]}{f' against {against}' if against else ''}, {suite['name']}",
        "about": {"candidate": labels[0], "base": labels[1] if content.bases else "",
                  "suite": f"{suite['name']} v{suite['version']}{changes}"},
        "verdict": content.verdict,
        "warnings": _warnings(content),
        "bases": [{"heading": label, "paired": True} for label in labels[1:]]
        + [{"heading": one.name, "paired": False} for one in content.published],
        "board": board_rows(content),
        "notes": [
            *footer(board),
            *(f"{one.name}: {one.source} ({one.note}); for display only" for one in content.published),
        ],
        "changes": figures.forest(content.comparisons[0], content.alpha, margins, labels) if content.bases else None,
        "curves": curves(content.curves, margins) if content.curves else [],
        "lost": [lost(one) for one in content.lost if one["slices"]],
        "drift": drift(content.drift) if content.drift else None,
        "cards": [_card(content, task) for task in board["tasks"]],
        "embedded": _embedded(texts, left_out),
        "sides": labels,
        "facts": facts(content.sides),
    }  # fmt: skip


def _margins(gate: Mapping[str, Any] | None) -> dict[str, float] | None:
    return {name: family["margin"] for name, family in gate["families"].items()} if gate else None


def _warnings(content: ReportContent) -> list[str]:
    return [
        format.sentence(warning) for warning in [*content.warnings, *(content.gate["notes"] if content.gate else ())]
    ]


def _card(content: ReportContent, task: str) -> dict[str, Any]:
    """Return two histograms of a task: scores over docs, lengths over answers."""
    sides = [side for side in content.sides[:2] if task in side.samples_by_doc]
    labels = content.labels[: len(sides)]
    lengths = [
        [
            sample.output_tokens
            for docs in side.samples_by_doc[task].values()
            for sample in docs
            if sample.output_tokens is not None
        ]
        for side in sides
    ]
    entry = content.candidate.board["tasks"][task]
    return {
        "name": task,
        "note": f"{format.several(entry['docs'], 'doc')}, {format.several(entry['repeats'], 'repeat')}",
        "scores": figures.score_histogram([list(side.samples_by_doc[task].values()) for side in sides], labels),
        "tokens": figures.length_histogram(lengths, labels),
    }


def _embedded(texts: Texts, docs_left_out: int) -> str:
    """Return a sentence about the transcripts that the page holds, and those it leaves out."""
    parts = [f"{texts.whole:,} in full"]
    if texts.parts:
        parts.append(f"{texts.parts:,} as head and tail")
    if texts.left_out:
        parts.append(f"{texts.left_out:,} left out for size (their records are named)")
    if texts.absent:
        parts.append(f"{texts.absent:,} have no text")
    scores = "The scores of all docs are here."
    if docs_left_out:
        scores = (
            f"The {docs_left_out:,} docs that changed least are left out of this list; their scores count in every "
            "number above, and are in samples.jsonl."
        )
    return f"{scores} Transcripts: {', '.join(parts)}; {format.size(texts.size)} of this file." + (
        " A larger --budget takes in more." if texts.parts or texts.left_out else ""
    )
