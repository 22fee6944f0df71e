"""Render a report as HTML, Markdown or a section of a model card."""

from __future__ import annotations

from spot_eval.report.content import ReportContent
from spot_eval.report.html import html
from spot_eval.report.markdown import model_card, pull_request


def render(content: ReportContent, form: str, budget: int) -> str:
    """Return a report as `html`, `md` or `model-card`. `budget` is the most bytes of transcripts in the page."""
    if form == "html":
        return html(content, budget)
    return pull_request(content) if form == "md" else model_card(content)
