"""Numbers and names as a reader sees them: percent, points, p values, titles. One place, so that all formats agree."""

from __future__ import annotations

import re
from typing import NamedTuple

from spot_eval.show import TITLES

MINUS = "−"


class Said(NamedTuple):
    """A number and its error, as text; they stand in columns of their own."""

    text: str
    error: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.error}".strip()


def score(mean: float | None, stderr: float | None = None) -> Said | None:
    """`45.5`, `± 3.5`: percent."""
    if mean is None:
        return None
    return Said(f"{100 * mean:.1f}", "" if stderr is None else f"± {100 * stderr:.1f}")


def difference(mean: float | None, stderr: float | None = None) -> Said | None:
    """`+2.1`, `± 0.8`: percentage points, with a sign unless it is zero."""
    if mean is None:
        return None
    return Said(points(mean), "" if stderr is None else f"± {100 * stderr:.1f}")


def share(value: float | None) -> str:
    """`0.3`: percent without an error; a dash where it is not known."""
    return "–" if value is None else f"{100 * value:.1f}"


def points(value: float) -> str:
    """`+2.1` or `−0.4`; a zero has no sign."""
    shown = f"{100 * abs(value):.1f}"
    if shown == "0.0":
        return shown
    return f"{'+' if value > 0 else MINUS}{shown}"


def p_value(p: float | None) -> str:
    """`p = .031`, `p < .001`; empty where there is none."""
    if p is None:
        return ""
    if p < 0.001:
        return "p < .001"
    return f"p = {p:.3f}".replace("0.", ".", 1) if p < 0.9995 else "p = 1"


def family_title(name: str) -> str:
    """`out-of-domain` for `ood`; a family of the user's own has its own name."""
    return TITLES.get(name, name)


def size(count: int) -> str:
    """Bytes for people: `812 kB`, `3.4 MB`."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def several(count: int, one: str, many: str = "") -> str:
    """`1 doc`, `3,021 docs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """`text` with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def with_minus(text: str) -> str:
    """`text` with true minus signs before its numbers, as wide as a plus."""
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, text)
