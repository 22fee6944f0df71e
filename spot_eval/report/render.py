"""Render a report in the form that was asked for."""

from __future__ import annotations

from spot_eval.report.content import ReportContent
from spot_eval.report.html import html
from spot_eval.report.markdown import model_card, pull_request


def render(content: ReportContent, form: str, budget: int) -> str:
    """The content as `html`, `md` or `model-card`; `budget` is how many bytes the page's transcripts may take."""
    if form == "html":
        return html(content, budget)
    return pull_request(content) if form == "md" else model_card(content)
