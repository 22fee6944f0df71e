"""Engines by name. Each is loaded only when a run asks for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from spot_eval.checkpoint import ChatTokenizer
from spot_eval.engines.base import Completion, Emit, Engine, EngineFacts, Refusal, Request
from spot_eval.errors import UserError
from spot_eval.suite import nearest

__all__ = [
    "ENGINES",
    "Completion",
    "Emit",
    "Engine",
    "EngineFacts",
    "Refusal",
    "Request",
    "engine_facts",
    "open_engine",
]

ENGINES = {"hf": ("torch", "transformers"), "vllm": ("vllm", "transformers")}
"""Name to the modules of its extra, which has the engine's name."""


def engine_facts(
    name: str, path: Path, arguments: Mapping[str, str], *, trust_remote_code: bool = False
) -> EngineFacts:
    """What the engine called `name` would make of the checkpoint at `path`.

    `arguments` are the `--engine-arg K=V` of the command line. Raises UserError for an unknown engine or argument, and
    where the engine's extra is not installed.
    """
    check_engine(name)
    if name == "vllm":
        from spot_eval.engines import vllm

        return vllm.facts(path, vllm.VllmSettings.parse(arguments), trust_remote_code=trust_remote_code)
    from spot_eval.engines import hf

    return hf.facts(path, hf.HfSettings.parse(arguments))


def open_engine(
    name: str,
    path: Path,
    tokenizer: ChatTokenizer,
    arguments: Mapping[str, str],
    *,
    trust_remote_code: bool = False,
) -> Engine:
    """Loads the checkpoint at `path` into the engine called `name`; raises UserError as `engine_facts` does."""
    check_engine(name)
    if name == "vllm":
        from spot_eval.engines import vllm

        settings = vllm.VllmSettings.parse(arguments)
        return vllm.VllmEngine(path, tokenizer, settings, trust_remote_code=trust_remote_code)
    from spot_eval.engines import hf

    return hf.HfEngine(path, tokenizer, hf.HfSettings.parse(arguments), trust_remote_code=trust_remote_code)


def check_engine(name: str) -> None:
    """Raises UserError where no engine is called `name`, or what it needs is not installed."""
    if name not in ENGINES:
        raise UserError(f"there is no engine {name!r}{nearest(name, ENGINES)}")
    missing = [module for module in ENGINES[name] if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(
            f"the {name} engine needs {' and '.join(missing)}, not installed here; pip install 'spot-eval[{name}]'"
        )
