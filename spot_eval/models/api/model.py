"""A model behind a URL: its identity, its prompts, its engine.

Its weights cannot be seen over HTTP, so its only identity is the name the user gives (`--model-id`). `handshake` finds
out what the server takes, `token_counts` counts the tokens of prompts that the server renders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import file_name
from spot_eval.core.keys import digest
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.models.api.background import Background
from spot_eval.models.api.client import Client, ExhaustedError, RefusedError
from spot_eval.models.api.engine import ApiEngine
from spot_eval.models.api.handshake import Handshake
from spot_eval.models.api.scoring import ROOM, read_score, score_body
from spot_eval.models.api.settings import ApiSettings, base_url
from spot_eval.models.api.token_counts import TokenCounts
from spot_eval.models.api.wire import Dialect, Form
from spot_eval.models.base import EngineFacts
from spot_eval.models.checkpoint import DECIDING_SUFFIXES, read_config
from spot_eval.models.likelihood import Continuation, Pair, PairEncoder, Span, unable
from spot_eval.models.prompts import (
    NO_TEMPLATE,
    ChatTokenizer,
    Prompt,
    chat_prompt,
    plain_prompt,
    read_template,
    template_name,
)
from spot_eval.tasks.suite import Suite


class ServedModel:
    """The model behind a URL. Raises UserError if it is not there, or does not answer as asked."""

    fingerprint = None

    def __init__(self, options: RunOptions, suite: Suite, say: Say) -> None:
        self.url = base_url(options.model)
        self.settings = ApiSettings.parse(options.engine_args)
        if not options.model_id:
            raise UserError(
                f"{self.url}: nobody can see from here which model that is; say so with --model-id, such as org/name"
            )
        self.id = options.model_id
        self.name = file_name(self.id)
        self._template = read_template(options.chat_template)
        self._tokenizer = self._local_tokenizer(options, suite.thinking)
        self._budget = max(suite.sampling_of(task).max_new_tokens for task in suite.tasks)
        widest = Dialect(
            model=self.settings.served_model or self.id,
            form=self._form(),
            thinking=suite.thinking,
            stop_ids=self._stop_ids(),
        )
        with Background() as background:
            handshake = Handshake(self.url, self.settings, widest, self._tokenizer, say)
            self.dialect, context = background.run(handshake.meet())
        self._scores = False  # not yet known to tell log-probs of a prompt
        self._token_counts = TokenCounts(self.url, self.settings, self.dialect, say)
        self.facts = EngineFacts(
            identity={"name": "api", "prompts": str(self.dialect.form), "not_taken": sorted(self.dialect.not_taken)},
            dtype=None,
            context=context,
            score_room=ROOM,
        )

    @property
    def identity(self) -> str:
        """The name that the user vouches for."""
        return f"id {self.id}"

    def config(self) -> dict[str, Any]:
        """Return the model's name, and who renders the prompts: the server, or a tokenizer here."""
        found: dict[str, Any] = {
            "fingerprint": None,
            "id": self.id,
            "served_model": self.dialect.model,
            "chat_template": template_name(self._template, "checkpoint" if self._tokenizer else "served"),
        }
        return {**found, "tokenizer": self._tokenizer_hash()} if self._tokenizer else found

    def origin(self) -> dict[str, Any]:
        """Return the URL."""
        return {"url": self.url}

    def open(self) -> ApiEngine:
        """Return the engine, which connects when the first request is sent."""
        return ApiEngine(self.url, self.settings, self.dialect)

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """Render prompts by the tokenizer here; without one, send messages and let the server count tokens."""
        if self._tokenizer:
            return self._tokenizer.render_many(conversations)
        if self.dialect.form is Form.TEXT:
            prompts = [plain_prompt(messages) for messages in conversations]
        else:
            prompts = [chat_prompt(messages, self.dialect.thinking) for messages in conversations]
        if self.facts.context is None:
            return prompts
        with Background() as background:
            return background.run(self._token_counts.counted(prompts, self.facts.context, self._budget))

    def encode(self, pairs: Sequence[Pair]) -> list[Continuation]:
        """Return the pairs with their tokens. Raises UserError if the server does not tell log-probs of a prompt."""
        if self._tokenizer is None:
            raise UserError(
                f"{self.url}: likelihood tasks need the model's tokenizer here, so that context and continuation meet "
                "where they should; give its folder by --engine-arg tokenizer=DIR"
            )
        if not self._scores:
            with Background() as background:
                background.run(self._ask_for_scores())
            self._scores = True
        return PairEncoder(self._tokenizer.tokenizer, self.facts.context, self.facts.score_room).encode(pairs)

    async def _ask_for_scores(self) -> None:
        """Try two tokens before any are paid for. Raises UserError if their log-probs do not come back."""
        assert self._tokenizer is not None
        span = Span(self._tokenizer.render([{"role": "user", "content": "Say yes."}]).token_ids[:8], 1)
        async with Client(self.settings) as client:
            try:
                await client.call(
                    "POST", f"{self.url}/{Form.TOKEN_IDS.path}", score_body(span, self.dialect),
                    lambda payload: read_score(payload, span), retries=0,
                )  # fmt: skip
            except (RefusedError, ExhaustedError) as problem:
                raise unable(
                    f"{self.url} ({problem})",
                    "serve the checkpoint with vLLM, evaluate it here (--engine hf), or leave them out with --tasks",
                ) from problem

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
