"""The `hf` engine: transformers on CPU or GPU, in continuous batches where the model's cache allows it.

Sampling is independent of batch and order: each row draws from a counter-based generator keyed by (its seed, step,
token), so another batch size, another order or `--limit` give the same texts wherever the logits are the same bits'
worth (fp32 on CPU: measured equal; bf16: logits differ between batch sizes, so only resuming is promised).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging as transformers_logging

from spot_eval.core.errors import UserError
from spot_eval.models.adapter import Adapter
from spot_eval.models.base import Emit, EngineFacts, Request
from spot_eval.models.checkpoint import context_length, read_config
from spot_eval.models.hf_adapter import put_on, take_off
from spot_eval.models.hf_continuous import ContinuousBatch, runs_continuously
from spot_eval.models.hf_endings import Endings
from spot_eval.models.hf_likelihood import HfScorer
from spot_eval.models.hf_memory import room_for_tokens
from spot_eval.models.hf_sampling import SAMPLER_VERSION
from spot_eval.models.hf_static import StaticBatches
from spot_eval.models.likelihood import LikelihoodRequest, ScoreEmit
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.quantization import check_quantization
from spot_eval.models.settings import EngineSettings
from spot_eval.models.thinking_count import ThinkingCount
from spot_eval.tasks.suite import Sampling

SMALL_MODEL = 10_000_000  # parameters below which a CPU gains from large batches


class HfSettings(EngineSettings):
    """The `--engine-arg`s of this engine."""

    engine: ClassVar[str] = "hf"

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    batch_size: int | None = Field(default=None, ge=1)
    token_budget: int | None = Field(default=None, ge=1)
    batches: Literal["continuous", "static"] = "continuous"
    max_model_len: int | None = Field(default=None, ge=2)
    attn_implementation: Literal["eager", "sdpa", "flash_attention_2", "flex_attention"] | None = None

    def resolved_device(self) -> str:
        """The device in force: a GPU where there is one."""
        if self.device != "auto":
            available = torch.cuda.is_available() if self.device.startswith("cuda") else True
            if not available:
                raise UserError(f"--engine-arg device={self.device}: torch sees no CUDA device; use device=cpu")
            return self.device
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"

    def resolved_dtype(self, path: Path) -> str:
        """The dtype in force: the checkpoint's own on a GPU, float32 on a CPU."""
        if self.dtype != "auto":
            return self.dtype
        if self.resolved_device() == "cpu":
            return "float32"
        config = read_config(path)
        named = (
            part.get(key) for part in (config, config.get("text_config") or {}) for key in ("dtype", "torch_dtype")
        )
        dtype = str(next(filter(None, named), "float32"))
        if dtype not in {"float32", "bfloat16", "float16"}:
            raise UserError(
                f"{path / 'config.json'}: dtype {dtype!r} is not run here; choose with --engine-arg dtype=…"
            )
        return dtype


def facts(path: Path, settings: HfSettings, *, trust_remote_code: bool = False, lora_rank: int = 0) -> EngineFacts:
    """Return what is known before loading; reads the checkpoint's config only. See `EngineFacts`.

    Args:
        path: the checkpoint's folder.
        settings: the engine's arguments.
        trust_remote_code: not used; nothing is run to know this.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none.

    Raises UserError if it is quantised, or an adapter is to be used, and the package for that is not installed.
    """
    del trust_remote_code  # nothing is run for it
    check_quantization(read_config(path), path / "config.json")
    if lora_rank and find_spec("peft") is None:
        raise UserError("--adapter needs peft, not installed here; pip install 'spot-eval[hf]'")
    return EngineFacts(
        identity={"name": "hf", "sampler": SAMPLER_VERSION, "attention": settings.attn_implementation or "default"},
        dtype=settings.resolved_dtype(path),
        context=settings.max_model_len or context_length(read_config(path)),
    )


class HfEngine:
    """A causal language model of transformers, ready to answer.

    Args:
        path: the checkpoint's folder.
        tokenizer: the checkpoint's; it decodes answers and names the stop tokens.
        settings: the engine's arguments.
        trust_remote_code: allow Python code that comes with the checkpoint.
        lora_rank: largest rank of the adapters that will be put on it; 0 if there are none. Not used: peft takes any.

    Raises UserError if the checkpoint cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        tokenizer: ChatTokenizer,
        settings: HfSettings,
        *,
        trust_remote_code: bool = False,
        lora_rank: int = 0,
    ) -> None:
        del lora_rank  # peft takes any
        if not sys.stderr.isatty():
            transformers_logging.disable_progress_bar()
        self.tokenizer = tokenizer
        self.thinking = ThinkingCount(wanted=tokenizer.thinking)
        self.device = settings.resolved_device()
        self.dtype = settings.resolved_dtype(path)
        config = read_config(path)
        options: dict[str, Any] = {}
        if settings.attn_implementation:
            options["attn_implementation"] = settings.attn_implementation
        if quantized := check_quantization(config, path / "config.json"):
            options["device_map"] = self.device  # packed weights cannot be moved once they are loaded
            logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns at every matrix of every step
        try:
            model, info = AutoModelForCausalLM.from_pretrained(
                path,
                dtype=getattr(torch, self.dtype),
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                output_loading_info=True,
                **options,
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError, SafetensorError) as problem:
            first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            raise UserError(f"{path}: transformers cannot load this checkpoint ({first})") from problem
        # transformers would go on with random weights in their place
        if absent := sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"], *info["error_msgs"]])):
            raise UserError(
                f"{path}: {len(absent)} weights are missing or of another shape, {absent[0]} first; "
                "copy the checkpoint again"
            )
        self.model = (model if quantized else model.to(self.device)).eval()
        self._modules = dict(self.model.named_modules(remove_duplicate=False))
        roomy = self.device != "cpu" or model.num_parameters() < SMALL_MODEL
        self.batch_size = settings.batch_size or (64 if roomy else 16)
        self.continuous = settings.batches == "continuous" and runs_continuously(model)
        self.token_budget = settings.token_budget or room_for_tokens(model.config, model.dtype, self.device)
        self.stop_ids = tokenizer.stop_ids(read_config(path, "generation_config.json"), config)
        # otherwise the sampling that a checkpoint recommends leaks into ours
        self.model.generation_config = GenerationConfig()

    def description(self) -> dict[str, Any]:
        """Return batch, device and precision for the session's file, and remarks for the user."""
        remarks = [*self.thinking.remarks(), *self.tokenizer.stop_remarks(self.stop_ids)]
        name = torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else self.device
        return {
            "batch_size": self.batch_size,
            **({"token_budget": self.token_budget} if self.continuous else {"batches": "static"}),
            "device": name,
            "dtype": self.dtype,
            "threads": torch.get_num_threads(),
            "with_thinking": self.thinking.answers,
            **({"remarks": remarks} if remarks else {}),
        }

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answer all requests; see `Engine.generate`."""
        emit = self.thinking.counted(requests, emit)
        for (sampling, until), group in groupby(requests, key=lambda request: (_draw(request.sampling), request.until)):
            endings = Endings(self.stop_ids, until, self.tokenizer.decode, emit)
            if self.continuous:
                ContinuousBatch(
                    self.model, self.device, most_rows=self.batch_size, token_budget=self.token_budget,
                    sampling=sampling, endings=endings,
                ).answer(list(group))  # fmt: skip
            else:
                StaticBatches(
                    self.model, self.device, most_rows=self.batch_size, sampling=sampling, endings=endings
                ).answer(list(group))

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests; see `ScoringEngine.score`."""
        HfScorer(self.model, self.device, self.batch_size).score(requests, emit)

    def use(self, adapter: Adapter | None) -> None:
        """Put `adapter` on the base, in place of the one before; None leaves the bare base. Nothing is merged.

        Raises UserError if peft cannot load it, or would load only a part of it.
        """
        take_off(self.model, self._modules)
        if adapter is not None:
            put_on(self.model, adapter, self.device)

    def close(self) -> None:
        """Free the weights."""
        del self.model, self._modules
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()


def _draw(sampling: Sampling) -> tuple[float, float, int]:
    return (sampling.temperature, sampling.top_p, sampling.top_k)
