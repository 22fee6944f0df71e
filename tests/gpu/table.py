"""The kept results of the GPU line as the table of docs/gpu.md: `python -m tests.gpu.table`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spot_eval.core.files import read_json
from tests.gpu.__main__ import KEPT, PARTS

Part = Mapping[str, Any]


def _attention(part: Part) -> str:
    ways = part["ways"]
    return (
        f"{part['tokens']} tokens, forward and backward: {ways['flex']['ms']:.2f} ms with FlexAttention, "
        f"{ways['units']['ms']:.2f} ms unit by unit, {ways['dense']['ms']:.2f} ms with the dense mask; peak "
        f"{ways['flex']['peak_mb']:.0f} MB against {ways['dense']['peak_mb']:.0f} MB; {part['verdict']}"
    )


def _precision(part: Part) -> str:
    worst = part["worst"]
    return (
        f"largest relative difference from fp32 on the CPU over {len(part['objectives'])} objectives: loss "
        f"{worst['float32']['loss']:.1e} in fp32 and {worst['bfloat16']['loss']:.1e} in bf16, norm of the gradient "
        f"{worst['float32']['gradient_norm']:.1e} and {worst['bfloat16']['gradient_norm']:.1e}; {part['verdict']}"
    )


def _speed(part: Part) -> str:
    mfu = f", MFU {part['mfu']:.1%}" if "mfu" in part else ""
    return f"{part['pairs_per_second']:.2f} pairs/s, peak {part['peak_gb']:.1f} GB{mfu}"


WORDS: Mapping[str, Callable[[Part], str]] = {
    "attention": _attention,
    "precision": _precision,
    **dict.fromkeys((name for name in PARTS if name.startswith("train")), _speed),
}


def cell(part: Part | None) -> str:
    """Return a part's result in words; "not measured" where there is none."""
    if part is None or part["status"] == "skipped":
        return "not measured"
    if part["status"] != "done":
        reason = part["verdict"].partition(":")[0]
        return f"not measured ({part['status']}: {reason})"
    return WORDS.get(str(part.get("name")), lambda one: str(one["verdict"]))(part)


def table(kept: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table, one row per part."""
    lines = ["| part | card | result |", "|---|---|---|"]
    for name in PARTS:
        part = kept["parts"].get(name)
        done = part is not None and part["status"] == "done"
        card = part["machine"]["device"] if done else "-"
        lines.append(f"| {name} | {card} | {cell({**part, 'name': name} if part else None)} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(read_json(KEPT))))
