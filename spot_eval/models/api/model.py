"""A served model before any generation: whether it is there, what it takes, how much fits.

No weights can be seen over HTTP, so nothing is known of who answers but the name the user vouches for (`--model-id`).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from spot_eval.core.errors import UserError
from spot_eval.core.files import file_name
from spot_eval.core.options import RunOptions
from spot_eval.core.records import digest
from spot_eval.models.api.background import Background
from spot_eval.models.api.client import Client, ExhaustedError, RefusedError
from spot_eval.models.api.engine import ApiEngine
from spot_eval.models.api.settings import ApiSettings, base_url
from spot_eval.models.api.wire import OPTIONAL, Dialect, Form, Reply, asked, body, named_in, read_reply
from spot_eval.models.base import EngineFacts, Request
from spot_eval.models.checkpoint import DECIDING_SUFFIXES, read_config
from spot_eval.models.likelihood import Continuation, Pair, unable
from spot_eval.models.prompts import (
    NO_TEMPLATE,
    ChatTokenizer,
    Prompt,
    chat_prompt,
    plain_prompt,
    read_template,
    template_name,
)
from spot_eval.tasks.suite import Sampling, Suite, nearest

FIRST_CALL_RETRIES = 2  # nobody waits long to hear that a URL is wrong
FIRST_ANSWER_S = 300.0  # for a few tokens, behind whatever else the server has to do
TEMPLATE_ROOM = 4096  # tokens that no chat template writes around a conversation
CONTEXT_NAMES = ("max_model_len", "context_length", "context_window")
SHOWN_MODELS = 8
LONGEST_NAME = 200
PROBE = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=16)


class ServedModel:
    """The model behind a URL. Raises UserError where it is not there, or does not answer as asked."""

    fingerprint = None

    def __init__(self, options: RunOptions, suite: Suite, say: Callable[[str], None]) -> None:
        self.url = base_url(options.model)
        self.settings = ApiSettings.parse(options.engine_args)
        if not options.model_id:
            raise UserError(
                f"{self.url}: nobody can see from here which model that is; say so with --model-id, such as org/name"
            )
        self.id = options.model_id
        self.name = file_name(self.id)
        self._say = say
        self._template = read_template(options.chat_template)
        self._tokenizer = self._local_tokenizer(options, suite.thinking)
        self._budget = max(suite.sampling_of(task).max_new_tokens for task in suite.tasks)
        self._counts = True
        self.dialect = Dialect(
            model=self.settings.served_model or self.id,
            form=self._form(),
            thinking=suite.thinking,
            stop_ids=self._stop_ids(),
        )
        with Background() as background:
            context = background.run(self._meet())
        self.facts = EngineFacts(
            identity={"name": "api", "prompts": str(self.dialect.form), "not_taken": sorted(self.dialect.not_taken)},
            dtype=None,
            context=context,
        )

    @property
    def identity(self) -> str:
        """The name that the user vouches for."""
        return f"id {self.id}"

    def config(self) -> dict[str, Any]:
        """Names, and who writes the prompts: the server, or a tokenizer here."""
        found: dict[str, Any] = {
            "fingerprint": None,
            "id": self.id,
            "served_model": self.dialect.model,
            "chat_template": template_name(self._template, "checkpoint" if self._tokenizer else "served"),
        }
        return {**found, "tokenizer": self._tokenizer_hash()} if self._tokenizer else found

    def origin(self) -> dict[str, Any]:
        """Its URL."""
        return {"url": self.url}

    def open(self) -> ApiEngine:
        """Connects when the first request is sent."""
        return ApiEngine(self.url, self.settings, self.dialect)

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """By the tokenizer here, or as messages, with the server counting tokens where it matters and it can."""
        if self._tokenizer:
            return self._tokenizer.render_many(conversations)
        if self.dialect.form is Form.TEXT:
            prompts = [plain_prompt(messages) for messages in conversations]
        else:
            prompts = [chat_prompt(messages, self.dialect.thinking) for messages in conversations]
        if self.facts.context is None:
            return prompts
        with Background() as background:
            return background.run(self._counted(prompts, self.facts.context))

    def encode(self, pairs: Sequence[Pair]) -> list[Continuation]:
        """Return the pairs with their tokens. Raises UserError: a server's prompt log-probabilities are not read."""
        raise unable(self.url, "evaluate the checkpoint itself (--engine hf or vllm), or leave them out with --tasks")

    def _form(self) -> Form:
        if self._tokenizer:
            return Form.TOKEN_IDS
        if self._template == NO_TEMPLATE:
            return Form.TEXT
        if self._template is not None:
            raise UserError(
                "--chat-template: the server applies its own; with --engine-arg tokenizer=DIR prompts are rendered here"
            )
        return Form.CHAT

    def _local_tokenizer(self, options: RunOptions, thinking: bool) -> ChatTokenizer | None:
        if self.settings.tokenizer is None:
            return None
        self._folder = self.settings.tokenizer.expanduser()
        try:
            return ChatTokenizer(
                self._folder,
                chat_template=self._template,
                thinking=thinking,
                trust_remote_code=options.trust_remote_code,
            )
        except ImportError as problem:
            raise UserError(
                "--engine-arg tokenizer needs transformers, not installed here; pip install 'spot-eval[hf]'"
            ) from problem

    def _stop_ids(self) -> tuple[int, ...]:
        if not self._tokenizer:
            return ()
        configs = read_config(self._folder, "generation_config.json"), read_config(self._folder)
        return tuple(sorted(self._tokenizer.stop_ids(*configs)))

    def _tokenizer_hash(self) -> str:
        files = sorted(file for file in self._folder.glob("*") if file.suffix in DECIDING_SUFFIXES and file.is_file())
        return digest("tokenizer", {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})

    # ---- what is found out by asking

    async def _meet(self) -> int | None:
        """Settles the dialect; returns the context, None where nobody says."""
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
            return self.settings.max_model_len
        entry = listed.get(self.dialect.model, {})
        return next((value for name in CONTEXT_NAMES if isinstance(value := entry.get(name), int) and value > 1), None)

    async def _listed(self, client: Client) -> dict[str, dict[str, Any]]:
        """Served models by name; empty where the server does not list them."""
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
        """Asks for a few tokens until the server takes what it is sent, leaving out what it may refuse."""
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
        """The dialect without what the server's refusal names; None where it names nothing that can be left out."""
        if problem.status not in {400, 422}:
            return None
        if "max_completion_tokens" in problem.said and self.dialect.budget == "max_tokens":
            return replace(self.dialect, budget="max_completion_tokens")
        named = named_in(problem.said, set(OPTIONAL) - self.dialect.not_taken)
        return replace(self.dialect, not_taken=self.dialect.not_taken | named) if named else None

    async def _without_all(self, client: Client, problem: RefusedError) -> Dialect | None:
        """The same where the server does not say what it minds: all is left out, then put back piece by piece."""
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
        """What to do where no answer came, or none that says anything."""
        if problem.status not in {None, 200}:
            return UserError(f"{self.url} is there and cannot answer: {problem}; try again when it can")
        return UserError(
            f"{self.url} does not answer: {problem}; check that the server runs and that the URL is right, "
            f"http or https included{_proxy_hint(self.url)}"
        )

    def _explained(self, problem: RefusedError) -> UserError:
        """What to do about a refusal."""
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

    # ---- prompts the server renders

    async def _counted(self, prompts: list[Prompt], context: int) -> list[Prompt]:
        """The prompts with their tokens, for those that might not fit with the largest budget."""
        room = context - self._budget - TEMPLATE_ROOM
        # no tokenizer makes more tokens than there are bytes
        doubtful = [at for at, prompt in enumerate(prompts) if len(prompt.text.encode()) > room]
        if not doubtful or not self._counts:
            return prompts
        found = list(prompts)
        gate = asyncio.Semaphore(self.settings.in_flight)

        async def count(at: int) -> None:
            async with gate:
                if self._counts:
                    found[at] = replace(prompts[at], counted=await self._count(client, prompts[at]))

        async with Client(self.settings) as client:
            try:
                await asyncio.gather(*map(count, doubtful))
            except ExhaustedError as problem:
                raise UserError(f"{self.url} no longer answers: {problem}") from problem
        if not self._counts:
            self._say(
                f"{self.url} does not count tokens: whether a prompt fits its context of {context} will be seen when "
                "it is sent"
            )
        return found

    async def _count(self, client: Client, prompt: Prompt) -> int | None:
        """Tokens of a prompt by vLLM's and SGLang's own operation beside OpenAI's."""
        fields = {"model": self.dialect.model, **asked(prompt, self.dialect)}
        root = re.sub(r"/v1$", "", self.url)
        try:
            count = await client.call("POST", f"{root}/tokenize", fields, _count_in)
        except RefusedError:
            count = None
        self._counts = self._counts and count is not None
        return count


def _proxy_hint(url: str) -> str:
    """What to try where a proxy stands between; empty where none does."""
    parts = urlsplit(url)
    if parts.scheme not in getproxies() or proxy_bypass(parts.hostname or ""):
        return ""
    return f", or go past the proxy that the environment names: NO_PROXY={parts.hostname}"


def _count_in(payload: Any) -> int | None:
    count = payload.get("count") if isinstance(payload, dict) else None
    return count if isinstance(count, int) and count > 0 else None
