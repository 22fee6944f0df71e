"""FlexAttention compiled against a dense mask and against one call per unit: results, gradients, time and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tests.gpu.models import made_up_pairs
from tests.gpu.part import Given, run_part
from trainer.batches.packing import Kind, Unit, lay_out
from trainer.model.attention import Trees, attend

HEADS, KV_HEADS, HEAD_DIM = 16, 8, 128
ROUNDS = 7
WORSE = 2.0
"""How many times the dense mask's own distance from fp32 may be that of the other two, in bf16."""


def dense_mask(units: tuple[Unit, ...], device: str) -> Tensor:
    """Return bool [length, length]: the keys that each query of the row sees."""
    length = units[-1].end
    seen = torch.zeros(length, length, dtype=torch.bool, device=device)
    for unit in units:
        own = slice(unit.start, unit.end)
        seen[own, own] = torch.ones(unit.end - unit.start, unit.end - unit.start, device=device).tril().bool()
        seen[own, unit.trunk_start : unit.trunk_start + unit.trunk_length] = True
    return seen


def ways(units: tuple[Unit, ...], device: str) -> dict[str, Callable[..., Tensor]]:
    """Return functions of (query, key, value): [1, heads, length, head_dim] in, [1, length, heads, head_dim] out."""
    mask = dense_mask(units, device)
    module = torch.nn.Module()

    def dense(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True).transpose(
            1, 2
        )

    def ours(flex: bool) -> Callable[..., Tensor]:
        trees = Trees(units, torch.device(device), flex=flex)
        return lambda query, key, value: attend(module, query, key, value, None, trees=trees)[0]

    found = {"dense": dense, "units": ours(False)}
    return found | {"flex": ours(True)} if device == "cuda" else found  # on a CPU it has no backward pass


def once(way: Callable[..., Tensor], parts: tuple[Tensor, ...], weight: Tensor) -> list[Tensor]:
    """Return the output and the gradients of query, key and value for the loss sum(output * weight)."""
    inputs = [each.detach().requires_grad_() for each in parts]
    output = way(*inputs)
    (output * weight).sum().backward()
    return [output.detach(), *(each.grad for each in inputs if each.grad is not None)]


def distance(found: list[Tensor], exact: list[Tensor]) -> float:
    """Return the largest relative distance (Frobenius) of output and gradients."""
    return max(float((a.float() - b.float()).norm() / b.float().norm()) for a, b in zip(found, exact, strict=True))


def measure(given: Given) -> dict[str, Any]:
    """Return distances from fp32, milliseconds of forward and backward, and peak memory, for each of the three."""
    cuda = given.device == "cuda"
    count, answer = (2, (40, 60)) if given.tiny else (8, (500, 1000))
    pairs = made_up_pairs(count, vocabulary=1000, prompt=(20, 200), answer=answer, seed="attention")
    units = lay_out(pairs, tuple(range(count)), Kind.SHARED).units
    length = units[-1].end
    torch.manual_seed(0)
    shapes = [(1, heads, length, HEAD_DIM) for heads in (HEADS, KV_HEADS, KV_HEADS)]
    whole = tuple(torch.randn(shape, device=given.device) for shape in shapes)
    weight = torch.randn(1, length, HEADS, HEAD_DIM, device=given.device)
    functions = ways(units, given.device)
    exact = once(functions["dense"], whole, weight)
    half, half_weight = tuple(each.bfloat16() for each in whole), weight.bfloat16()
    rows: dict[str, dict[str, float]] = {}
    for name, way in functions.items():
        started = time.perf_counter()
        apart = distance(once(way, half, half_weight), exact)
        first = time.perf_counter() - started
        if cuda:
            torch.cuda.reset_peak_memory_stats()
            idle = torch.cuda.memory_allocated()
        taken = []
        for _ in range(ROUNDS):
            if cuda:
                torch.cuda.synchronize()
            started = time.perf_counter()
            once(way, half, half_weight)
            if cuda:
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - started)
        rows[name] = {
            "distance": apart,
            "first_s": round(first, 2),
            "ms": round(1000 * statistics.median(taken), 3),
            **({"peak_mb": round((torch.cuda.max_memory_allocated() - idle) / 1e6, 1)} if cuda else {}),
        }
    fine = all(rows[name]["distance"] <= WORSE * rows["dense"]["distance"] for name in rows)
    return {"verdict": "equal within rounding" if fine else "differs from the dense mask", "fine": fine,
            "tokens": length, "trees": count, "units": len(units), "ways": rows,
            **({f"flex_over_{name}": round(rows[name]["ms"] / rows["flex"]["ms"], 2) for name in ("dense", "units")}
               if "flex" in rows else {})}  # fmt: skip


if __name__ == "__main__":
    run_part(measure)
