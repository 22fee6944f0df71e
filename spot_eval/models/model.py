"""The model that a run evaluates: its identity, its prompts, and the engine that answers for it.

A run needs no more of a model than `Model` says. A checkpoint is one kind; what answers over the network, where no
weights can be seen, is another. Knows nothing of tasks, records or grading.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.models.adapter import NO_ADAPTER, base_of, locate_adapter
from spot_eval.models.adapter_fit import adapter_on, with_adapter
from spot_eval.models.base import CheckpointEngine, Engine, EngineFacts
from spot_eval.models.checkpoint import folder_of, is_adapter, locate, readable_name, shown_fingerprint, weight_files
from spot_eval.models.held import Held, Known
from spot_eval.models.likelihood import Continuation, Pair, PairEncoder
from spot_eval.models.prompts import ChatTokenizer, Prompt, read_template, template_name
from spot_eval.models.registry import check_engine, engine_facts, open_engine
from spot_eval.models.tensors import refuse_nan
from spot_eval.tasks.suite import Suite


class Model(Protocol):
    """The model of a run, before it is loaded."""

    @property
    def name(self) -> str:
        """Return the name for people: in the scoreboard's title and the run folder's name."""
        ...

    @property
    def facts(self) -> EngineFacts:
        """Return `EngineFacts`."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """Return a hash of all that decides its texts; None if that cannot be seen: then records are never shared."""
        ...

    @property
    def identity(self) -> str:
        """Return its entry in record keys: the fingerprint, or the name the user vouches for."""
        ...

    def config(self) -> dict[str, Any]:
        """Return its settings that decide results, for the manifest: `fingerprint` and `chat_template` at least."""
        ...

    def origin(self) -> dict[str, Any]:
        """Return its place, for the manifest's reader."""
        ...

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """The prompt of each conversation; a last assistant turn is left open for the model to go on with."""
        ...

    def encode(self, pairs: Sequence[Pair]) -> list[Continuation]:
        """Return texts to score, ready for the engine. Raises UserError if it gives no log-likelihoods."""
        ...

    def open(self) -> Engine:
        """Load it. Raises UserError if that fails."""
        ...


def find_model(options: RunOptions, suite: Suite, say: Callable[[str], None], held: Held | None = None) -> Model:
    """Return the model that the options name.

    Args:
        options: the command line, with the defaults filled in.
        suite: its `thinking` tells if the model may think.
        say: receives what a reader should know of the model.
        held: keeps the engine for the next run of the same base; without it, each run loads its own.

    Raises UserError if something is wrong with the model, its adapter or its engine's arguments.
    """
    entry = check_engine(options.engine)
    kind = options.engine.partition(":")[0]
    refuse_adapter_of_server(options)
    if entry.model:
        options = options if kind == "api" else with_base(options, download=False)
        return getattr(importlib.import_module(entry.module), entry.model)(options, suite, say)
    if "://" in options.model:
        raise UserError(
            f"--model {options.model}: the {options.engine} engine loads checkpoints; --engine api asks a URL"
        )
    if re.match(r"(localhost|[\w.-]+:\d+)(/|$)", options.model) and not Path(options.model).exists():
        raise UserError(f"--model {options.model}: is that a URL? Write it with its http:// or https://")
    if options.model_id:
        raise UserError("--model-id names what cannot be seen; a checkpoint is known by its content")
    options = with_base(options)
    return CheckpointModel(options, thinking=suite.thinking, say=say, held=held)


def refuse_adapter_of_server(options: RunOptions) -> None:
    """Raise UserError if the options put an adapter on what a server answers for."""
    if options.adapter and options.engine.partition(":")[0] == "api":
        raise UserError(
            f"--adapter {options.adapter}: a server loads its adapters itself (vllm serve --lora-modules NAME=FOLDER); "
            "give the adapter's NAME there: --engine-arg model=NAME"
        )


def with_base(options: RunOptions, *, download: bool = True) -> RunOptions:
    """Return the options with the base of `--model LORA` in its place, read from adapter_config.json.

    A hub id may name an adapter too: `download` fetches it to see.
    """
    path = Path(options.model).expanduser()
    if download and options.adapter is None and options.model != "miniature" and not path.is_dir():
        path = folder_of(options.model)
    if not path.is_dir() or not is_adapter(path):
        return options
    if options.adapter is not None:
        raise UserError(
            f"--model {options.model} is an adapter itself; give its base as --model, and both as --adapter"
        )
    return replace(options, model=base_of(path), adapter=options.model, adapters=(options.model,))


class CheckpointModel:
    """A checkpoint, perhaps with an adapter on it, loaded by one of the engines for checkpoints.

    Args:
        options: the command line, with the defaults filled in.
        thinking: True if the chat template is asked to let the model think.
        say: receives what a reader should know of the adapter.
        held: keeps the engine for the next run of the same base; without it, each run loads its own.

    Raises UserError if checkpoint, adapter, chat template or the engine's arguments are not usable.
    """

    def __init__(
        self, options: RunOptions, *, thinking: bool, say: Callable[[str], None], held: Held | None = None
    ) -> None:
        self.path = locate(options.model)
        self.name = readable_name(self.path, options.model)
        self._options = options
        self._held = held
        self.adapter = adapter_on(self.path, options, say)
        if self.adapter:
            self.name = f"{self.name}+{self.adapter.name}"
        # one engine serves all adapters of the command, so it must have room for the largest
        self._lora_rank = max((locate_adapter(each).rank for each in options.adapters if each != NO_ADAPTER), default=0)
        self._key = (options.engine, self.path.resolve(), tuple(sorted(options.engine_args.items())),
                     options.trust_remote_code, self._lora_rank, options.chat_template)  # fmt: skip
        self.facts = self._once("facts", self._ask_facts)
        self.template = read_template(options.chat_template)
        self.tokenizer = ChatTokenizer(
            self.path, chat_template=self.template, thinking=thinking, trust_remote_code=options.trust_remote_code
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the whole checkpoint, and of the adapter if there is one; without one, that of the bare base."""
        base = self._once("fingerprint", lambda: shown_fingerprint(self.path, str(self.facts.dtype), self.template))
        return with_adapter(base, self.adapter)

    @property
    def identity(self) -> str:
        """The fingerprint."""
        return self.fingerprint

    def config(self) -> dict[str, Any]:
        """Return the fingerprint, and the template in force."""
        return {"fingerprint": self.fingerprint, "chat_template": template_name(self.template)}

    def origin(self) -> dict[str, Any]:
        """Return its folder, and that of the adapter."""
        return {"path": str(self.path), **({"adapter": str(self.adapter.path)} if self.adapter else {})}

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """Render prompts by the checkpoint's own tokenizer and template."""
        return self.tokenizer.render_many(conversations)

    def encode(self, pairs: Sequence[Pair]) -> list[Continuation]:
        """Encode texts to score by the checkpoint's own tokenizer, for its context."""
        return PairEncoder(self.tokenizer.tokenizer, self.facts.context, self.facts.score_room).encode(pairs)

    def open(self) -> Engine:
        """Load the weights, or take the engine that is held for them. Raises UserError if a weight is NaN."""
        if self._held:
            return self._held.open(self._key, self._load, self.adapter)
        engine = self._load()
        try:
            if self.adapter:
                engine.use(self.adapter)
        except BaseException:
            engine.close()
            raise
        return engine

    def _once(self, name: str, find: Callable[[], Known]) -> Known:
        """Return `find()`, or what it returned for an earlier run of the same base."""
        return self._held.once((name, self._key), find) if self._held else find()

    def _ask_facts(self) -> EngineFacts:
        options = self._options
        return engine_facts(
            options.engine,
            self.path,
            options.engine_args,
            trust_remote_code=options.trust_remote_code,
            lora_rank=self._lora_rank,
        )

    def _load(self) -> CheckpointEngine:
        refuse_nan(weight_files(self.path), self.path)
        return open_engine(
            self._options.engine,
            self.path,
            self.tokenizer,
            self._options.engine_args,
            trust_remote_code=self._options.trust_remote_code,
            lora_rank=self._lora_rank,
        )
