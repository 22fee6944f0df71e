"""The reference's log-probs of all answers, computed once and kept on disk.

They come from the same function, dtype and packing as the policy's, before the first step, so r is exactly 0 there;
with LoRA the adapters add nothing yet. The cache's name is a hash of all that they depend on. Knows no objective.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from trainer.batches.plan import Plan
from trainer.files import replacing, writing
from trainer.objectives import answer_sums
from trainer.training.engine import Engine


def default_cache() -> Path:
    """Return the folder of reference log-probs: under XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spot-eval" / "reference"


def reference_sums(
    engine: Engine, plan: Plan, weights: str, cache: Path, advance: Callable[[int], None] = lambda count: None
) -> Tensor:
    """fp64 [2, examples]: the sums of log-probs over each y+ and y-, from the cache or from the engine's policy.

    `weights`: a digest of the policy's weights as they are now. `advance` is told of steps done. A cache that cannot
    be read counts as none. Raises TrainError if the cache cannot be written.

    Args:
        engine: the engine, its policy still the reference.
        plan: the plan, whose examples are read.
        weights: digest of the policy's weights as they are now.
        cache: folder of the cache.
        advance: is told of steps done.
    """
    file = cache / f"{_name(engine, plan, weights)}.safetensors"
    processes = engine.processes
    kept = _read(file, len(plan.examples)) if processes.first else None
    if processes.of_first(kept is not None):
        advance(len(plan.steps))
        return processes.of_first(kept)
    sums = torch.zeros(2, len(plan.examples), dtype=torch.float64)
    with engine.looking():
        for step in range(len(plan.steps)):
            for number in range(engine.batches(plan, step)):
                batch, counts = engine.batch(plan, step, number)
                tokens = engine.policy(batch)
                if counts:
                    places = list(batch.pairs)
                    sums[:, places] = answer_sums(tokens, batch.pair, batch.side, len(places)).cpu()
            advance(1)
    sums = torch.tensor(processes.sums(sums.flatten().tolist()), dtype=torch.float64).view(2, -1)
    if processes.first:
        _write(file, sums)
    processes.wait()
    return sums


def _name(engine: Engine, plan: Plan, weights: str) -> str:
    device = engine.processes.device
    parts = (
        weights, plan.digest, engine.settings.dtype, engine.processes.count, str(engine.settings.lora), device.type,
        torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(), torch.__version__, engine.policy.scale, engine.policy.softcap,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _read(file: Path, examples: int) -> Tensor | None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with contextlib.suppress(OSError, SafetensorError, KeyError):
        sums = load_file(file)["sums"]
        if sums.shape == (2, examples) and sums.dtype == torch.float64 and bool(torch.isfinite(sums).all()):
            return sums
    return None


def _write(file: Path, sums: Tensor) -> None:
    from safetensors.torch import save_file

    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            save_file({"sums": sums.contiguous()}, temporary)
