"""What a run evaluates: who it is, how it is prompted, and what answers for it.

A run needs no more of a model than `Model` says. A checkpoint is one kind; what answers over the network, where no
weights can be seen, is another. Knows nothing of tasks, records or grading.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.models.base import Engine, EngineFacts
from spot_eval.models.checkpoint import locate, readable_name, shown_fingerprint
from spot_eval.models.prompts import ChatTokenizer, Prompt, read_template, template_name
from spot_eval.models.registry import check_engine, engine_facts, open_engine
from spot_eval.tasks.suite import Suite


class Model(Protocol):
    """The model of a run, before it is loaded."""

    @property
    def name(self) -> str:
        """For people: in the scoreboard's title and the run folder's name."""
        ...

    @property
    def facts(self) -> EngineFacts:
        """See `EngineFacts`."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that decides its texts; None where that cannot be seen, and records are never shared."""
        ...

    @property
    def identity(self) -> str:
        """What record keys hold for it: the fingerprint, or the name the user vouches for."""
        ...

    def config(self) -> dict[str, Any]:
        """What of it decides results, for the manifest: `fingerprint` and `chat_template` at least."""
        ...

    def origin(self) -> dict[str, Any]:
        """Where it was found, for the manifest's reader."""
        ...

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """The prompt of each conversation; a last assistant turn is left open for the model to go on with."""
        ...

    def open(self) -> Engine:
        """Loads it. Raises UserError where that fails."""
        ...


def find_model(options: RunOptions, suite: Suite, say: Callable[[str], None]) -> Model:
    """The model that the command line names. Raises UserError for what is wrong with it or its engine's arguments."""
    entry = check_engine(options.engine)
    if entry.model:
        return getattr(importlib.import_module(entry.module), entry.model)(options, suite, say)
    if "://" in options.model:
        raise UserError(
            f"--model {options.model}: the {options.engine} engine loads checkpoints; --engine api asks a URL"
        )
    if re.match(r"(localhost|[\w.-]+:\d+)(/|$)", options.model) and not Path(options.model).exists():
        raise UserError(f"--model {options.model}: is that a URL? Write it with its http:// or https://")
    if options.model_id:
        raise UserError("--model-id names what cannot be seen; a checkpoint is known by its content")
    return CheckpointModel(options, thinking=suite.thinking)


class CheckpointModel:
    """A checkpoint, loaded by one of the engines for checkpoints."""

    def __init__(self, options: RunOptions, *, thinking: bool) -> None:
        self.path = locate(options.model)
        self.name = readable_name(self.path, options.model)
        self._options = options
        self.facts = engine_facts(
            options.engine, self.path, options.engine_args, trust_remote_code=options.trust_remote_code
        )
        self.template = read_template(options.chat_template)
        self.tokenizer = ChatTokenizer(
            self.path, chat_template=self.template, thinking=thinking, trust_remote_code=options.trust_remote_code
        )

    @cached_property
    def fingerprint(self) -> str:
        """Reads the whole checkpoint."""
        return shown_fingerprint(self.path, str(self.facts.dtype), self.template)

    @property
    def identity(self) -> str:
        """The fingerprint."""
        return self.fingerprint

    def config(self) -> dict[str, Any]:
        """Fingerprint, and the template in force."""
        return {"fingerprint": self.fingerprint, "chat_template": template_name(self.template)}

    def origin(self) -> dict[str, Any]:
        """Its folder."""
        return {"path": str(self.path)}

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """By the checkpoint's own tokenizer and template."""
        return self.tokenizer.render_many(conversations)

    def open(self) -> Engine:
        """Loads the weights."""
        return open_engine(
            self._options.engine,
            self.path,
            self.tokenizer,
            self._options.engine_args,
            trust_remote_code=self._options.trust_remote_code,
        )
