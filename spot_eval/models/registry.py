"""Engines by name. Each is loaded only when a run asks for it.

An engine that loads a checkpoint is three names in a module: settings with `parse`, a class, and a function `facts`.
Others bring a class of their own that is a `Model` (see spot_eval/models/model.py).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from spot_eval.core.errors import UserError
from spot_eval.models.base import CheckpointEngine, Completion, Emit, Engine, EngineFacts, Refusal, Request
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.tasks.suite import nearest

__all__ = [
    "ENGINES",
    "CheckpointEngine",
    "Completion",
    "Emit",
    "Engine",
    "EngineFacts",
    "Refusal",
    "Request",
    "engine_facts",
    "open_engine",
]


class Entry(NamedTuple):
    """The module of an engine, and the modules of its extra (which has the engine's name)."""

    module: str
    needs: tuple[str, ...] = ()
    settings: str = ""
    engine: str = ""
    model: str = ""
    """Instead of settings and engine, where it is no engine for checkpoints."""


ENGINES = {
    "hf": Entry("spot_eval.models.hf", ("torch", "transformers"), settings="HfSettings", engine="HfEngine"),
    "vllm": Entry(
        "spot_eval.models.vllm.engine", ("vllm", "transformers"), settings="VllmSettings", engine="VllmEngine"
    ),
    "api": Entry("spot_eval.models.api.model", model="ServedModel"),
    "lm_eval": Entry("spot_eval.models.lm_eval", model="LmEvalModel"),  # lm_eval:CLASS
}


def engine_facts(
    name: str, path: Path, arguments: Mapping[str, str], *, trust_remote_code: bool = False, lora_rank: int = 0
) -> EngineFacts:
    """Return the facts of the checkpoint at `path` in the engine called `name`.

    Args:
        name: the engine's name.
        path: the checkpoint's folder.
        arguments: the `--engine-arg K=V` of the command line.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.

    Raises UserError for an unknown engine or argument, and if the engine's extra is not installed.
    """
    module, _, settings = _load(name, arguments)
    return module.facts(path, settings, trust_remote_code=trust_remote_code, lora_rank=lora_rank)


def open_engine(
    name: str,
    path: Path,
    tokenizer: ChatTokenizer,
    arguments: Mapping[str, str],
    *,
    trust_remote_code: bool = False,
    lora_rank: int = 0,
) -> CheckpointEngine:
    """Load the checkpoint at `path` into the engine called `name`; arguments and errors as of `engine_facts`.

    Args:
        name: the engine's name.
        path: the checkpoint's folder.
        tokenizer: renders prompts and decodes texts.
        arguments: the `--engine-arg K=V` of the command line.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.
    """
    module, engine, settings = _load(name, arguments)
    return getattr(module, engine)(path, tokenizer, settings, trust_remote_code=trust_remote_code, lora_rank=lora_rank)


def check_engine(name: str) -> Entry:
    """The entry of the engine called `name`.

    Raises UserError if there is none, or what it needs is not installed.
    """
    kind = name.partition(":")[0] if name.startswith("lm_eval:") else name
    if kind not in ENGINES:
        raise UserError(f"there is no engine {name!r}{nearest(name, ENGINES)}")
    missing = [module for module in ENGINES[kind].needs if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(
            f"the {name} engine needs {' and '.join(missing)}, not installed here; pip install 'spot-eval[{name}]'"
        )
    return ENGINES[kind]


def _load(name: str, arguments: Mapping[str, str]) -> tuple[Any, str, Any]:
    """Return the module of the engine called `name`, the name of its class, and its settings."""
    on_cluster = "cluster" in arguments
    entry = ENGINES.get(name) if on_cluster else None  # what the engine needs is needed on the nodes
    entry = entry or check_engine(name)
    if entry.model:
        raise UserError(f"the {name} engine loads no checkpoints")
    module = importlib.import_module(entry.module)
    settings = getattr(module, entry.settings)
    if not on_cluster:
        return module, entry.engine, settings.parse(arguments)
    if importlib.util.find_spec("ray") is None:
        raise UserError("--engine-arg cluster=ray needs ray, not installed here; pip install 'spot-eval[ray]'")
    cluster = importlib.import_module("spot_eval.models.cluster.engine")
    return cluster, "ClusterEngine", cluster.ClusterSettings.parse(name, arguments, settings)
