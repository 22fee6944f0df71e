"""Fill in the options of a run that depend on its model: suite and engine."""

from __future__ import annotations

from typing import Any

from spot_eval.core.options import RunOptions
from spot_eval.miniature import BASE


def run_options(
    model: str | None = None, *, suite: str | None = None, engine: str | None = None, **others: Any
) -> RunOptions:
    """Return the options of a run.

    Args:
        model: folder, hub id or URL; None for the embedded miniature.
        suite: name or file; None for `spot`, or `miniature` if there is no model.
        engine: name of the engine; None for the one that fits the model.
        others: the other fields of RunOptions.

    Raises UserError if a number is out of range.
    """
    place = model or str(BASE)
    return RunOptions(
        model=place, suite=suite or ("spot" if model else "miniature"), engine=engine or engine_for(place), **others
    )


def engine_for(model: str) -> str:
    """Return the engine a model is run with unless another is named: `api` for a URL, else `hf`."""
    return "api" if "://" in model else "hf"
