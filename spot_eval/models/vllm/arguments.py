"""From `--engine-arg K=V` to vLLM's configuration, and what it says of the run before a weight is loaded.

Runs in the engine process, where vLLM can be imported: names and values are judged by vLLM's own parser.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import ValidationError

from spot_eval.models.vllm.crash_cause import LONGEST
from spot_eval.tasks.suite import nearest

CPU_CACHE_BYTES = 4 << 30  # vLLM's own default is nearly all memory of the machine


class RefusedArgumentError(Exception):
    """An `--engine-arg` that vLLM does not take; the message is a sentence for the user."""


def engine_config(
    model: str,
    arguments: Mapping[str, str],
    *,
    trust_remote_code: bool,
    lora_rank: int = 0,
    memory_share: float | None = None,
) -> Any:
    """Return vLLM's configuration.

    Args:
        model: the checkpoint's folder.
        arguments: `--engine-arg K=V`, already without ours.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the LoRA adapters that will be used; 0 if there are none.
        memory_share: share of a GPU's memory that may be used, unless the arguments say it; None leaves it to vLLM.

    Raises RefusedArgumentError if vLLM refuses it.
    """
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.usage.usage_lib import UsageContext

    given = parsed(arguments) if arguments else {}
    ours: dict[str, Any] = {
        "model": model,
        "generation_config": "vllm",  # otherwise the sampling that a checkpoint recommends leaks into ours
        "trust_remote_code": trust_remote_code,
    }
    if lora_rank:
        ours |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": room_for(lora_rank)}
    if current_platform.is_cpu():
        ours |= {"dtype": "float32", "enforce_eager": True}
        # chunked prefill and seeds of their own together crash vLLM's CPU engine, at random
        ours["enable_chunked_prefill"] = False
        if "VLLM_CPU_KVCACHE_SPACE" not in os.environ and "gpu_memory_utilization" not in given:
            ours["kv_cache_memory_bytes"] = min(CPU_CACHE_BYTES, _free_memory() // 4)
    elif memory_share:
        ours["gpu_memory_utilization"] = memory_share
    try:
        return EngineArgs(**{**ours, **given}).create_engine_config(UsageContext.LLM_CLASS)
    except ValueError as problem:  # pydantic's among them
        raise RefusedArgumentError(f"vLLM refuses this configuration: {said_by(problem)}") from problem


def room_for(rank: int) -> int:
    """Return the smallest of the ranks vLLM can be set up for that is not below `rank`."""
    from typing import get_args

    from vllm.config.lora import MaxLoRARanks

    ranks = sorted(get_args(MaxLoRARanks))
    if rank > ranks[-1]:
        raise RefusedArgumentError(f"vLLM takes LoRA adapters up to rank {ranks[-1]}, not {rank}; use --engine hf")
    return next(each for each in ranks if each >= rank)


def parsed(arguments: Mapping[str, str]) -> dict[str, Any]:
    """The values of `arguments` as vLLM reads them on its own command line (JSON where it takes JSON)."""
    from vllm import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise RefusedArgumentError(message)

    parser = Parser(add_help=False)
    EngineArgs.add_cli_args(parser)
    known = {action.dest: action for action in parser._actions if action.option_strings}  # no public listing
    values = {}
    for name, text in arguments.items():
        action = known.get(name.replace("-", "_"))
        if action is None:
            raise RefusedArgumentError(f"--engine-arg {name}={text}: vLLM has no {name!r}{nearest(name, known)}")
        option = action.option_strings[0]
        if isinstance(action, argparse.BooleanOptionalAction):
            if text.lower() not in {"true", "false"}:
                raise RefusedArgumentError(f"--engine-arg {name}={text}: expected true or false")
            words = [option if text.lower() == "true" else action.option_strings[-1]]
        else:
            words = [f"{option}={text}"]
        try:
            values[action.dest] = getattr(parser.parse_args(words), action.dest)
        except RefusedArgumentError as problem:
            said = re.sub(r"^argument \S+: ", "", str(problem))
            said = re.sub(r"<function loads at \w+>", "JSON", said)
            raise RefusedArgumentError(f"--engine-arg {name}={text}: {said}") from problem
    return values


def said_by(problem: ValueError) -> str:
    """Return an error's message without pydantic's wrapping, and not at more length than a sentence bears."""
    if isinstance(problem, ValidationError):
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = ": ".join(filter(None, [where, first["msg"].removeprefix("Value error, ")]))
    else:
        said = " ".join(str(problem).split())
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"


def facts(config: Any) -> dict[str, Any]:
    """Return what the other side wants to know of a configuration; touches no device."""
    import vllm
    from vllm.platforms import current_platform

    return {
        "context": config.model_config.max_model_len,
        "dtype": str(config.model_config.dtype).removeprefix("torch."),
        "device": current_platform.get_device_name(),
        "devices_variable": current_platform.device_control_env_var,
        "devices": [] if current_platform.is_cpu() else _visible_devices(current_platform),
        "devices_an_engine": config.parallel_config.world_size,
        "across_nodes": config.parallel_config.distributed_executor_backend == "ray",
        "max_num_seqs": config.scheduler_config.max_num_seqs,
        "version": vllm.__version__,
    }


def _visible_devices(platform: Any) -> list[str]:
    named = os.environ.get(platform.device_control_env_var)
    if named:
        return [name.strip() for name in named.split(",")]
    return [str(number) for number in range(platform.device_count())]


def _free_memory() -> int:
    import psutil  # type: ignore[import-untyped]  # vLLM has it

    return int(psutil.virtual_memory().available)
