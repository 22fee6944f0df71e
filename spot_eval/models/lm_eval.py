"""Any model class of lm-eval as an engine: `--engine lm_eval:NAME`, its arguments as `--engine-arg K=V`.

    spot-eval run --model ckpt/ --engine lm_eval:hf --engine-arg batch_size=8
    spot-eval run --model gpt-x --model-id openai/gpt-x --engine lm_eval:openai-chat-completions

Such a class takes texts and gives texts. It has no seed for each request, tells neither how a text ended nor how many
tokens it has, and may let a checkpoint's own sampling defaults in: all of that is recorded as unknown, or said.
Requests are handed over in chunks; what is finished is on disk after each.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import file_name
from spot_eval.core.options import RunOptions
from spot_eval.models.adapter import NO_ADAPTER, Adapter
from spot_eval.models.adapter_fit import adapter_on, with_adapter
from spot_eval.models.base import EngineFacts
from spot_eval.models.checkpoint import (
    context_length,
    locate,
    read_config,
    readable_name,
    shown_fingerprint,
    weight_files,
)
from spot_eval.models.likelihood import (
    Continuation,
    Pair,
)
from spot_eval.models.lm_eval_class import CLASS_ERRORS, PREFIX, accepts, find_class, line, positive, takes, typed
from spot_eval.models.lm_eval_engine import LmEvalEngine
from spot_eval.models.prompts import (
    NO_TEMPLATE,
    ChatTokenizer,
    Prompt,
    chat_prompt,
    plain_prompt,
    read_template,
    template_name,
)
from spot_eval.models.settings import refuse_secrets
from spot_eval.models.tensors import refuse_nan
from spot_eval.tasks.suite import Suite

CHUNK = 64
ADAPTER_ARGUMENTS = ("peft", "lora_local_path")  # of lm-eval's classes hf and vllm
UNDECIDING = {"batch_size", "device", "max_batch_size", "max_retries", "num_concurrent", "timeout"}


class LmEvalModel:
    """A model that a class of lm-eval opens. Raises UserError if there is no such class, or nobody knows the model.

    A checkpoint in a folder here is known by its content, and its prompts are rendered as for every other engine;
    anything else is known by the name the user vouches for, and the class renders.
    """

    def __init__(self, options: RunOptions, suite: Suite, say: Callable[[str], None]) -> None:
        self._class_name = options.engine.partition(":")[2]
        self._class = find_class(self._class_name)
        refuse_secrets(options.engine_args)
        given = dict(options.engine_args)
        self._chunk = positive("chunk", given.pop("chunk", str(CHUNK)))
        self._arguments = typed(given)
        if not {"pretrained", "model"} & self._arguments.keys():
            self._arguments["pretrained"] = options.model
        self._template = read_template(options.chat_template)
        self._thinking = suite.thinking
        self._id = options.model_id
        self._folder = self._checkpoint(options)
        self._adapter = self._put_on(options, say)
        if options.trust_remote_code and takes(self._class, "trust_remote_code"):
            self._arguments.setdefault("trust_remote_code", True)
        if self._folder:
            self.name = readable_name(self._folder, str(self._folder))
            self._tokenizer = ChatTokenizer(
                self._folder,
                chat_template=self._template,
                thinking=suite.thinking,
                trust_remote_code=options.trust_remote_code,
            )
            if self._adapter:
                self.name = f"{self.name}+{self._adapter.name}"
        else:
            self.name = file_name(str(self._id))
            if takes(self._class, "enable_thinking"):
                self._arguments.setdefault("enable_thinking", suite.thinking)
        self.facts = EngineFacts(identity=self._identity(), dtype=None, context=self._context())
        say(
            f"lm-eval's class {self._class_name} has no seed for each request and does not tell how an answer ended: "
            "another run draws other samples, and what was truncated is not known"
        )

    @cached_property
    def fingerprint(self) -> str | None:
        """Hash of the folder and the adapter; None if there is no folder."""
        if not self._folder:
            return None
        return with_adapter(shown_fingerprint(self._folder, PREFIX, self._template), self._adapter)

    @property
    def identity(self) -> str:
        """The fingerprint, or the name that the user vouches for."""
        return self.fingerprint or f"id {self._id}"

    def config(self) -> dict[str, Any]:
        """Fingerprint or name, and who writes the prompts."""
        known = {} if self._folder else {"id": self._id}
        template = template_name(self._template, "checkpoint" if self._folder else "the class's")
        return {"fingerprint": self.fingerprint, **known, "chat_template": template}

    def origin(self) -> dict[str, Any]:
        """The folder, or what the class was told; and the adapter's folder."""
        path = self._folder or self._arguments.get("pretrained") or self._arguments.get("model")
        return {"path": str(path), **({"adapter": str(self._adapter.path)} if self._adapter else {})}

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """Render prompts by the checkpoint's tokenizer, or leave messages for the class to render."""
        if self._folder:
            return self._tokenizer.render_many(conversations)
        if self._template == NO_TEMPLATE:
            return [plain_prompt(messages) for messages in conversations]
        return [chat_prompt(messages, self._thinking) for messages in conversations]

    def encode(self, pairs: Sequence[Pair]) -> list[Continuation]:
        """Return the texts as they are: the class makes tokens of them."""
        return [Continuation(pair) for pair in pairs]

    def open(self) -> LmEvalEngine:
        """Have the class load its model. Raises UserError if it cannot, or if a weight is NaN."""
        if self._folder:
            refuse_nan(weight_files(self._folder), self._folder)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                model = self._class.create_from_arg_obj(self._arguments)
        except CLASS_ERRORS as problem:
            shown = ", ".join(f"{name}={value}" for name, value in self._arguments.items())
            raise UserError(f"{PREFIX}{self._class_name} cannot be opened with {shown}: {line(problem)}") from problem
        return LmEvalEngine(model, self._class_name, self._chunk)

    def _checkpoint(self, options: RunOptions) -> Path | None:
        """The folder that the class will load, if it is one here."""
        named = self._arguments.get("pretrained")
        if isinstance(named, str) and "://" in named:
            raise UserError(
                f"--model {named}: lm-eval's classes take a URL by --engine-arg base_url=URL, and the served name "
                "as --model; --engine api asks a URL too, with a seed for each request"
            )
        if isinstance(named, str) and (named == "miniature" or Path(named).expanduser().is_dir()):
            folder = locate(named)
            self._arguments["pretrained"] = str(folder)
            if options.model_id:
                raise UserError(f"--model-id names what cannot be seen; {folder} is known by its content")
            return folder
        if not options.model_id:
            raise UserError(
                f"{PREFIX}{self._class_name}: {named or self._arguments.get('model')} is no folder here, so nobody can "
                "see which model that is; say so with --model-id, such as org/name"
            )
        if self._template not in {None, NO_TEMPLATE}:
            raise UserError("--chat-template: the class applies its own to what is no folder here")
        return None

    def _put_on(self, options: RunOptions, say: Callable[[str], None]) -> Adapter | None:
        """Return the adapter, and tell the class of it under the name it has for it.

        One that `--engine-arg` names is taken as one that `--adapter` names: known by its content, and checked.
        """
        name = next((each for each in ADAPTER_ARGUMENTS if accepts(self._class, each)), None)
        told = next((self._arguments[each] for each in ADAPTER_ARGUMENTS if self._arguments.get(each)), None)
        if told is not None and options.adapter is not None:
            raise UserError(f"--adapter {options.adapter} and an adapter by --engine-arg: give one of the two")
        if told is None and options.adapter in {None, NO_ADAPTER}:
            return None
        if name is None:
            raise UserError(
                f"--adapter {options.adapter}: lm-eval's class {self._class_name} takes no adapters "
                f"(lm_eval:hf and lm_eval:vllm do)"
            )
        if not self._folder:
            if told is not None:
                return None  # neither can be seen; --model-id vouches for both
            raise UserError(f"--adapter {options.adapter}: its base must be a folder here to be known by its content")
        adapter = adapter_on(self._folder, replace(options, adapter=str(told or options.adapter)), say)
        assert adapter
        self._arguments[name] = str(adapter.path)
        return adapter

    def _identity(self) -> dict[str, Any]:
        left_out = UNDECIDING | ({"pretrained"} if self._folder else set())
        left_out |= set(ADAPTER_ARGUMENTS) if self._adapter else set()
        deciding = {name: value for name, value in sorted(self._arguments.items()) if name not in left_out}
        return {"name": f"{PREFIX}{self._class_name}", "arguments": deciding}

    def _context(self) -> int | None:
        for name in ("max_length", "max_model_len"):
            if isinstance(length := self._arguments.get(name), int):
                return length
        return context_length(read_config(self._folder)) if self._folder else None
