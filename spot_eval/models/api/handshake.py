"""Meet a served model before any generation: which fields it takes, and how long its context is.

dialect, context = asyncio.run(Handshake(url, settings, dialect, tokenizer, say).meet())
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from spot_eval.core.errors import UserError
from spot_eval.core.progress import Say
from spot_eval.models.api.client import Client, ExhaustedError, RefusedError
from spot_eval.models.api.settings import ApiSettings
from spot_eval.models.api.wire import OPTIONAL, Dialect, Form, Reply, body, named_in, read_reply
from spot_eval.models.base import Request
from spot_eval.models.prompts import ChatTokenizer, Prompt, chat_prompt
from spot_eval.tasks.suite import Sampling, nearest

FIRST_CALL_RETRIES = 2  # nobody waits long to hear that a URL is wrong
FIRST_ANSWER_S = 300.0  # for a few tokens, behind whatever else the server has to do
CONTEXT_NAMES = ("max_model_len", "context_length", "context_window")
SHOWN_MODELS = 8
LONGEST_NAME = 200
PROBE = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=16)


class Handshake:
    """The first questions to a server.

    Args:
        url: base of the API, without a slash at its end.
        settings: the engine's arguments.
        dialect: the model's name and every optional field; loses the fields that the server refuses.
        tokenizer: renders prompts here, if the server is sent token ids; None if it is sent messages.
        say: receives what a reader should know of the server.
    """

    def __init__(
        self, url: str, settings: ApiSettings, dialect: Dialect, tokenizer: ChatTokenizer | None, say: Say
    ) -> None:
        self.url, self.settings, self.dialect = url, settings, dialect
        self._tokenizer, self._say = tokenizer, say

    async def meet(self) -> tuple[Dialect, int | None]:
        """Return the dialect that the server takes, and its context, or None if the server does not state one.

        Raises UserError if it is not there, does not serve the model, or does not answer as asked.
        """
        async with Client(self.settings) as client:
            try:
                listed = await self._listed(client)
                self._refuse_unknown(listed)
                await self._settle(client)
            except ExhaustedError as problem:
                raise self._unanswered(problem) from problem
            except RefusedError as problem:
                raise self._explained(problem) from problem
        if self.settings.max_model_len:
            return self.dialect, self.settings.max_model_len
        entry = listed.get(self.dialect.model, {})
        stated = (value for name in CONTEXT_NAMES if isinstance(value := entry.get(name), int) and value > 1)
        return self.dialect, next(stated, None)

    async def _listed(self, client: Client) -> dict[str, dict[str, Any]]:
        """Return the served models by name; none if the server does not list them."""
        try:
            payload = await client.get(f"{self.url}/models", retries=FIRST_CALL_RETRIES)
        except RefusedError as problem:
            if problem.status in {404, 405, 501}:
                return {}
            raise
        data = payload.get("data") if isinstance(payload, dict) else None
        rows = data if isinstance(data, list) else []
        named = (row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))
        return {row["id"]: row for row in named if row["id"].isprintable() and len(row["id"]) <= LONGEST_NAME}

    def _refuse_unknown(self, listed: dict[str, dict[str, Any]]) -> None:
        name = self.dialect.model
        if not listed or name in listed:
            return
        some = list(listed)[:SHOWN_MODELS]
        more = f" and {len(listed) - len(some)} more" if len(listed) > len(some) else ""
        known = nearest(name, listed) if more else f"; there are: {', '.join(some)}"
        raise UserError(
            f"{self.url} serves no model {name!r}{known}{more}; "
            "the name it has there can be given by --engine-arg served_model=NAME"
        )

    async def _settle(self, client: Client) -> None:
        """Ask for a few tokens until the server takes the request, leaving out optional fields that it refuses."""
        while True:
            try:
                reply = await self._probe(client, self.dialect)
                break
            except RefusedError as problem:
                adapted = self._adapted(problem) or await self._without_all(client, problem)
                if adapted is None:
                    raise
                self.dialect = adapted
        if self.dialect.form is Form.TOKEN_IDS:
            sent = len(self._probe_request().prompt.token_ids)
            if reply.prompt_tokens not in {None, sent}:
                raise UserError(
                    f"{self.url}: {sent} token ids were sent and it read {reply.prompt_tokens} tokens, so it changes "
                    "prompts; leave --engine-arg tokenizer away and have it apply its own chat template"
                )
        if self.dialect.not_taken:
            listed = ", ".join(sorted(self.dialect.not_taken))
            thinking = "; thinking cannot be switched there" if "chat_template_kwargs" in self.dialect.not_taken else ""
            self._say(f"{self.url} does not take {listed}; left out, and recorded{thinking}")

    def _probe_request(self) -> Request:
        question = [{"role": "user", "content": "Say yes."}]
        if self._tokenizer:
            prompt = self._tokenizer.render(question)
        elif self.dialect.form is Form.TEXT:
            prompt = Prompt("Say yes.")
        else:
            prompt = chat_prompt(question, self.dialect.thinking)
        return Request("probe", prompt, PROBE, seed=1)

    async def _probe(self, client: Client, dialect: Dialect) -> Reply:
        request = self._probe_request()
        return await client.call(
            "POST",
            f"{self.url}/{dialect.form.path}",
            body(request, dialect),
            lambda payload: read_reply(payload, request, dialect.form),
            retries=FIRST_CALL_RETRIES,
            longest=FIRST_ANSWER_S,
        )

    def _adapted(self, problem: RefusedError) -> Dialect | None:
        """Return the dialect without the fields that a refusal names; None if it names no optional field."""
        if problem.status not in {400, 422}:
            return None
        if "max_completion_tokens" in problem.said and self.dialect.budget == "max_tokens":
            return replace(self.dialect, budget="max_completion_tokens")
        named = named_in(problem.said, set(OPTIONAL) - self.dialect.not_taken)
        return replace(self.dialect, not_taken=self.dialect.not_taken | named) if named else None

    async def _without_all(self, client: Client, problem: RefusedError) -> Dialect | None:
        """Return the dialect for a refusal that names no field: leave all out, then put each back that is taken."""
        left = [field for field in OPTIONAL if field not in self.dialect.not_taken]
        if problem.status not in {400, 422} or not left:
            return None
        dialect = replace(self.dialect, not_taken=frozenset(OPTIONAL))
        try:
            await self._probe(client, dialect)
        except RefusedError:
            return None
        for field in left:
            more = replace(dialect, not_taken=dialect.not_taken - {field})
            try:
                await self._probe(client, more)
            except RefusedError:
                continue
            dialect = more
        return dialect

    def _unanswered(self, problem: ExhaustedError) -> UserError:
        """Return the error for a server that did not answer, or not in a way that can be read."""
        if problem.status not in {None, 200}:
            return UserError(f"{self.url} is there and cannot answer: {problem}; try again when it can")
        return UserError(
            f"{self.url} does not answer: {problem}; check that the server runs and that the URL is right, "
            f"http or https included{_proxy_hint(self.url)}"
        )

    def _explained(self, problem: RefusedError) -> UserError:
        """Return the error for a refusal, with the way out."""
        if problem.status in {401, 403}:
            sent = "refuses the key in" if self.settings.key() else "wants a key:"
            return UserError(
                f"{self.url} {sent} {self.settings.key_env} ({problem}); set this environment variable, "
                "or name another with --engine-arg key_env=NAME"
            )
        if problem.status == 404:
            hint = (
                "a base URL mostly ends in /v1; the model is called what --engine-arg served_model or --model-id says"
            )
            return UserError(f"{self.url}/{self.dialect.form.path}: {problem}; {hint}")
        if 300 <= problem.status < 400:
            return UserError(f"{self.url} sends us elsewhere: {problem}; give the base of that address as --model")
        return UserError(f"{self.url} refuses to generate: {problem}")


def _proxy_hint(url: str) -> str:
    """Return a hint for a URL that goes through a proxy; empty if it does not."""
    parts = urlsplit(url)
    if parts.scheme not in getproxies() or proxy_bypass(parts.hostname or ""):
        return ""
    return f", or go past the proxy that the environment names: NO_PROXY={parts.hostname}"
