"""From a story to a file's text, in the form that was asked for."""

from __future__ import annotations

from spot_eval.report.brief import model_card, pull_request
from spot_eval.report.page import html
from spot_eval.report.story import Story


def render(story: Story, form: str, budget: int) -> str:
    """The story as `html`, `md` or `model-card`; `budget` is how many bytes the page's transcripts may take."""
    if form == "html":
        return html(story, budget)
    return pull_request(story) if form == "md" else model_card(story)
