"""The settings of the `vllm` engine: two of our own, and vLLM's, of which some are not the user's to set here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spot_eval.core.errors import UserError

STEP_TIMEOUT_S = 600.0  # vLLM's own limit of one step on its workers is 300
OURS = {
    "model": "the checkpoint is --model",
    "tokenizer": "prompts are made with the checkpoint's tokenizer",
    "skip_tokenizer_init": "vLLM needs its tokenizer for stop strings",
    "generation_config": "a suite says how to sample",
    "override_generation_config": "a suite says how to sample",
    "seed": "each request has a seed of its own, which --seed decides",
    "enable_lora": "--adapter names the adapters",
    "lora_modules": "--adapter names the adapters",
    "max_lora_rank": "it is read from the adapters",
    "max_loras": "one adapter is used at a time",
}
# They move work and memory about, and texts no further than another batch would.
UNDECIDING = {
    "async_scheduling", "block_size", "data_parallel_size", "disable_custom_all_reduce", "disable_log_stats",
    "distributed_executor_backend", "dtype", "enable_chunked_prefill", "enable_prefix_caching", "enforce_eager",
    "gpu_memory_utilization", "kv_cache_memory_bytes", "max_model_len", "max_num_batched_tokens", "max_num_seqs",
    "max_parallel_loading_workers", "pipeline_parallel_size", "step_timeout", "tensor_parallel_size",
    "trust_remote_code",
}  # fmt: skip


@dataclass(frozen=True)
class VllmSettings:
    """The `--engine-arg`s: two of our own, and vLLM's, which are checked where vLLM is."""

    arguments: Mapping[str, str] = field(default_factory=dict)
    processes: int | None = None
    step_timeout_s: float = STEP_TIMEOUT_S
    memory_share: float | None = None
    """Share of a GPU's memory where another engine sits beside this one; None leaves it to vLLM."""

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> VllmSettings:
        """Read the settings from `K=V` texts. Raises UserError for arguments that the user may not set here."""
        theirs = {name.replace("-", "_"): value for name, value in arguments.items()}
        processes = _number("data_parallel_size", theirs.pop("data_parallel_size", None), int)
        patience = _number("step_timeout", theirs.pop("step_timeout", None), float)
        for name, value in theirs.items():
            if name == "load_format" and value in {"pt", "npcache"}:
                raise UserError(f"--engine-arg {name}={value}: loads pickles, which can run code; use safetensors")
            if reason := OURS.get(name):
                raise UserError(f"--engine-arg {name}={value}: not to be set here; {reason}")
            if name.startswith("data_parallel"):
                raise UserError(
                    f"--engine-arg {name}={value}: spot-eval shares requests out among processes itself; "
                    "data_parallel_size=N says among how many"
                )
        return cls(theirs, None if processes is None else int(processes), patience or STEP_TIMEOUT_S)

    def identity(self) -> dict[str, Any]:
        """Return the settings that can decide a text."""
        deciding = {name: value for name, value in sorted(self.arguments.items()) if name not in UNDECIDING}
        return {"name": "vllm", **({"arguments": deciding} if deciding else {})}


def _number(name: str, text: str | None, kind: type[int] | type[float]) -> float | None:
    if text is None:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not value > 0:
        raise UserError(f"--engine-arg {name}={text}: expected a number above 0")
    return value
