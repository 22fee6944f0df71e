"""Count answers that come with thinking although the suite has it off, so that an engine can tell the user.

Chat templates of reasoning models may open a thinking block whatever they are told; such a run is not the run that was
asked for, and a small token budget cuts most of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from spot_eval.core.thinking import has_thinking
from spot_eval.models.base import Completion, Emit, Refusal, Request


class ThinkingCount:
    """Counts answers with thinking, and prompts that leave a thinking block open."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.answers = self.opened = 0

    def counted(self, requests: Sequence[Request], emit: Emit) -> Emit:
        """Return `emit`, which also counts."""
        opened = {request.key: request.prompt.thinking_open or "" for request in requests}

        def counting(result: Completion | Refusal) -> None:
            if isinstance(result, Completion):
                mark = opened.get(result.key, "")
                self.opened += bool(mark)
                self.answers += bool(mark) or has_thinking(result.text)
            emit(result)

        return counting

    def remarks(self) -> list[str]:
        """Return what a user should know: nothing if the suite has thinking on, or if no answer came with it."""
        if self.wanted or not self.answers:
            return []
        came = f"{self.answers} answers came with thinking, though the suite has it switched off"
        if not self.opened:
            return [came]
        return [
            f"{came}: the chat template opens a thinking block itself ({self.opened} prompts end in one); "
            "a block that the token budget cuts holds no answer. --chat-template FILE gives another template, "
            "`thinking: true` in the suite expects it"
        ]
