"""Tell which tool wrote the files that `spot-eval import` is given, by looking at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spot_eval.interchange.from_lighteval import looks_like_lighteval
from spot_eval.interchange.from_promptfoo import looks_like_promptfoo
from spot_eval.interchange.inspect_logs import looks_like_inspect

OPTIONS = {
    "inspect": frozenset[str](),
    "lighteval": frozenset({"results"}),
    "lm-eval": frozenset({"results", "filter"}),
    "promptfoo": frozenset({"filter"}),
}
"""Tool to the options of `import` that only some tools have a use for."""


def tool_of(files: Sequence[Path]) -> str:
    """Return the name of the tool, a key of OPTIONS; lm-eval, whose reader explains itself, if no other fits."""
    if any(map(looks_like_lighteval, files)):
        return "lighteval"
    if any(map(looks_like_promptfoo, files)):
        return "promptfoo"
    return "inspect" if looks_like_inspect(files) else "lm-eval"
