"""Two small runs that differ in known ways, and a page that remembers what a report must never do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spot_eval.report.content import load_content
from spot_eval.report.render import render

BUDGET = 20_000_000
PATIENCE_MS = 30_000  # a machine may be busy; a page that works takes a tenth of a second


def candidate_answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
    """Twice wrong in sums/0; truncated in sums/2; unparsed in orders/3; not judged in orders/4."""
    wrong = {"text": "First I think of a number. It is \\boxed{7}.", "score": 0.0, "extracted": "7"}
    match task, doc_id:
        case "sums", 0 if repeat < 2:
            return wrong
        case "sums", 2:
            return {"text": "It goes on and on", "score": 0.0, "extracted": None, "truncated": True, "unparsed": True,
                    "why": "no boxed answer"}  # fmt: skip
        case "orders", 3:
            return {"text": "I would rather not say.", "score": 0.0, "extracted": None, "unparsed": True}
        case "orders", 4:
            return {"text": None, "score": None, "extracted": None, "why": "the engine gave up"}
    return {}


def base_answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
    if (task, doc_id) == ("sums", 1) and repeat == 1:
        return {"text": "A zebra counts as one. It is \\boxed{9}.", "score": 0.0, "extracted": "9"}
    if (task, doc_id) == ("sums", 2):
        return candidate_answer(task, doc_id, repeat)
    return {}


def write_report(path: Path, candidate: Path, *bases: Path, budget: int = BUDGET) -> Path:
    path.write_text(render(load_content(candidate, list(map(str, bases))), "html", budget), encoding="utf-8")
    return path


class Page:
    """A page that remembers what a report must never do."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.tab = context.new_page()
        self.tab.set_default_timeout(PATIENCE_MS)
        self.tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("dialog", self._dialog)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, path: Path, anchor: str = "") -> Any:
        """Opens the report, waits until its docs are there; returns playwright's page."""
        self.tab.goto(path.as_uri() + anchor)
        self.tab.wait_for_selector("#doc *")
        return self.tab

    def assert_quiet(self, path: Path) -> None:
        """Nothing was said on the console, asked of the network or the reader."""
        assert not self.errors
        assert not self.dialogs
        assert {url.partition("#")[0] for url in self.requests} == {path.as_uri()}
