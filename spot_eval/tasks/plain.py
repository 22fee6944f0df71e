"""Rows as JSON holds them, whatever types a data set gives."""

from __future__ import annotations

import json
from typing import Any


def plain(value: Any) -> Any:
    """Return `value` as JSON types; numbers of numpy and dates are converted."""
    return json.loads(
        json.dumps(_without_fill(value), default=lambda odd: odd.item() if hasattr(odd, "item") else str(odd))
    )


def _without_fill(value: Any, *, listed: bool = False) -> Any:
    """Without the nulls by which Arrow makes all objects of a list alike: they depend on the other rows."""
    if isinstance(value, dict):
        return {name: _without_fill(part) for name, part in value.items() if not (listed and part is None)}
    if isinstance(value, list):
        return [_without_fill(part, listed=True) for part in value]
    return value
