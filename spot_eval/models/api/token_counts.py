"""Count the tokens of prompts that the server renders, by vLLM's and SGLang's own operation beside OpenAI's."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.progress import Say
from spot_eval.models.api.client import Client, ExhaustedError, RefusedError
from spot_eval.models.api.settings import ApiSettings
from spot_eval.models.api.wire import Dialect, asked
from spot_eval.models.prompts import Prompt

TEMPLATE_ROOM = 4096  # tokens that no chat template writes around a conversation


class TokenCounts:
    """Counts by a server. It stops asking, and says so once, if the server does not count.

    Args:
        url: base of the API, without a slash at its end.
        settings: the engine's arguments.
        dialect: the model's name and the optional fields that the server takes.
        say: receives the sentence that the server does not count.
    """

    def __init__(self, url: str, settings: ApiSettings, dialect: Dialect, say: Say) -> None:
        self._url, self._settings, self._dialect, self._say = url, settings, dialect, say
        self._counts = True

    async def counted(self, prompts: list[Prompt], context: int, budget: int) -> list[Prompt]:
        """Return the prompts, with token counts for those that might not fit.

        Args:
            prompts: prompts that the server renders.
            context: tokens that prompt and answer share.
            budget: the largest number of new tokens.
        """
        room = context - budget - TEMPLATE_ROOM
        # no tokenizer makes more tokens than there are bytes
        doubtful = [at for at, prompt in enumerate(prompts) if len(prompt.text.encode()) > room]
        if not doubtful or not self._counts:
            return prompts
        found = list(prompts)
        gate = asyncio.Semaphore(self._settings.in_flight)

        async def count(at: int) -> None:
            async with gate:
                if self._counts:
                    found[at] = replace(prompts[at], counted=await self._count(client, prompts[at]))

        async with Client(self._settings) as client:
            try:
                await asyncio.gather(*map(count, doubtful))
            except ExhaustedError as problem:
                raise UserError(f"{self._url} no longer answers: {problem}") from problem
        if not self._counts:
            self._say(
                f"{self._url} does not count tokens: whether a prompt fits its context of {context} will be seen when "
                "it is sent"
            )
        return found

    async def _count(self, client: Client, prompt: Prompt) -> int | None:
        """Return the tokens of a prompt; None if the server does not count."""
        fields = {"model": self._dialect.model, **asked(prompt, self._dialect)}
        root = re.sub(r"/v1$", "", self._url)
        try:
            count = await client.call("POST", f"{root}/tokenize", fields, _count_in)
        except RefusedError:
            count = None
        self._counts = self._counts and count is not None
        return count


def _count_in(payload: Any) -> int | None:
    count = payload.get("count") if isinstance(payload, dict) else None
    return count if isinstance(count, int) and count > 0 else None
