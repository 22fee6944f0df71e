"""Tell which tool wrote the files that `spot-eval import` is given, by looking at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spot_eval.interchange.batch_files import looks_like_batch
from spot_eval.interchange.from_lighteval import looks_like_lighteval
from spot_eval.interchange.from_promptfoo import looks_like_promptfoo
from spot_eval.interchange.inspect_logs import looks_like_inspect

_SCORED = frozenset({"family", "metric"})
OPTIONS = {
    "batch": frozenset({"data-dir", "data"}),
    "inspect": _SCORED,
    "lighteval": _SCORED | {"results"},
    "lm-eval": _SCORED | {"results", "filter"},
    "promptfoo": _SCORED | {"filter"},
}
"""Tool to the options of `import` that only some tools have a use for."""


def tool_of(files: Sequence[Path]) -> str:
    """Return the name of the tool, a key of OPTIONS; lm-eval, whose reader explains itself, if no other fits."""
    if any(map(looks_like_lighteval, files)):
        return "lighteval"
    if any(map(looks_like_promptfoo, files)):
        return "promptfoo"
    if any(map(looks_like_batch, files)):
        return "batch"
    return "inspect" if looks_like_inspect(files) else "lm-eval"
