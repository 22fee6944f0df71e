"""The miniature: a procedural world and a base model that makes systematic, partly right mistakes in it.

With it every step from checkpoint to scoreboard runs on two cores with no download. `world` has the items, `authors`
the wording and the habits, `oracle` and `teacher` the right answers, `mistakes` the names of the wrong ones; `build`
makes the base model from nothing, and `BASE` is one that was made so. Light: torch is loaded by `build` and `profile`.
"""

from __future__ import annotations

from pathlib import Path

from spot_eval.miniature.world import FAMILIES, SPLITS, VERSION, Item, items

__all__ = ["BASE", "FAMILIES", "SPLITS", "VERSION", "Item", "is_miniature", "items"]

BASE = Path(__file__).parent / "base"
"""The checkpoint that comes with the package: Qwen3, bf16, built by `build` with its default seed."""


def is_miniature(checkpoint: Path) -> bool:
    """Return True if `checkpoint` has the miniature's tokenizer, as its base and every model trained from it do."""
    file = checkpoint / "tokenizer.json"
    return file.is_file() and file.read_bytes() == (BASE / "tokenizer.json").read_bytes()
