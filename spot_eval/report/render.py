"""Render a report in the form that was asked for."""

from __future__ import annotations

from spot_eval.report.content import Story
from spot_eval.report.html import html
from spot_eval.report.markdown import model_card, pull_request


def render(story: Story, form: str, budget: int) -> str:
    """The story as `html`, `md` or `model-card`; `budget` is how many bytes the page's transcripts may take."""
    if form == "html":
        return html(story, budget)
    return pull_request(story) if form == "md" else model_card(story)
