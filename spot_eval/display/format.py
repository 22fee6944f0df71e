"""Numbers and names as a reader sees them, on a screen, on the page and in Markdown: one place, so that all agree.

percent(0.312, 0.06)   # "31.2 ± 6.0"
signed(-0.012)         # "-1.2", points
p_value(0.031)         # ".031"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

MINUS = "−"
EXACT = "in brackets: exact 95 % bound, used if all docs of a task score the same"
TITLES = {"in_domain": "in-domain", "ood": "out-of-domain", "general": "general"}


class NumberText(NamedTuple):
    """A number and its error as text; the page sets them in columns of their own."""

    text: str
    error: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.error}".strip()


def score(mean: float | None, stderr: float | None = None, bounds: Sequence[float] | None = None) -> NumberText | None:
    """Return `45.5`, `± 3.5`: percent; `100.0`, `(≥98.5)` if there are exact bounds instead of a standard error."""
    if mean is None:
        return None
    return NumberText(f"{100 * mean:.1f}", _error(stderr, bounds))


def has_bounds(board: Mapping[str, Any]) -> bool:
    """Return True if a score of the board has exact bounds instead of a standard error."""
    difference = board.get("difference") or {"tasks": {}}
    entries = [*board["tasks"].values(), *board.get("families", {}).values(), board.get("overall", {})]
    entries += difference["tasks"].values()
    metrics = [found for task in board["tasks"].values() for found in task.get("metrics", {}).values()]
    return any(one.get("bounds") for one in [*entries, *metrics])


def _error(stderr: float | None, bounds: Sequence[float] | None) -> str:
    """Return the error of a score: one standard error, or the bounds of a task whose docs all score the same."""
    if bounds is None:
        return "" if stderr is None else f"± {100 * stderr:.1f}"
    low, high = (100 * one for one in bounds)
    if high >= 100:
        return f"(≥{low:.1f})"
    return f"(≤{high:.1f})" if low <= 0 else f"({low:.1f}–{high:.1f})"


def difference(
    mean: float | None, stderr: float | None = None, bounds: Sequence[float] | None = None
) -> NumberText | None:
    """Return `+2.1`, `± 0.8`; `0.0`, `(±1.5)` if there are exact bounds: points, with a sign unless it is zero."""
    if mean is None:
        return None
    return NumberText(points(mean), with_minus(_error_of_difference(stderr, bounds)))


def _error_of_difference(stderr: float | None, bounds: Sequence[float] | None) -> str:
    """Return one standard error; or, of docs that all differ alike, the exact bounds in brackets."""
    if not bounds:
        return "" if stderr is None else f"± {100 * stderr:.1f}"
    low, high = bounds
    if abs(low + high) < 1e-9:
        return f"(±{100 * high:.1f})"
    if high >= 1:
        return f"(≥{100 * low:+.1f})"
    return f"(≤{100 * high:+.1f})" if low <= -1 else f"({100 * low:+.1f} to {100 * high:+.1f})"


def share(value: float | None) -> str:
    """Return a share in percent without an error, as `0.3`; a dash if it is not known."""
    return "–" if value is None else f"{100 * value:.1f}"


def points(value: float) -> str:
    """Return a difference in points, as `+2.1` or `−0.4`; a zero has no sign."""
    shown = f"{100 * abs(value):.1f}"
    if shown == "0.0":
        return shown
    return f"{'+' if value > 0 else MINUS}{shown}"


def family_title(name: str) -> str:
    """Return `out-of-domain` for `ood`; a family of the user's own keeps its name."""
    return TITLES.get(name, name)


def family_named(name: str) -> str:
    """Return `family out-of-domain` for `ood`, as sentences name a family."""
    return f"family {family_title(name)}"


def size(count: int) -> str:
    """Return a number of bytes for people: `812 kB`, `3.4 MB`, `1.2 GB`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{max(1, round(count / 1e3))} kB"


def several(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 doc`, `3,021 docs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """Return `text` with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def with_minus(text: str) -> str:
    """Return `text` with true minus signs before its numbers, as wide as a plus."""
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, text)


def safe(text: str) -> str:
    """Return a name on one line, for a table on a `Terminal`, which reads no markup."""
    return " ".join(plain(text).split())


def signed(value: float | None, stderr: float | None = None, bounds: Sequence[float] | None = None) -> str:
    """Return `+1.2 ± 0.4` in points; `+0.0 (±1.5)` if there are exact bounds instead of a standard error."""
    if value is None:
        return "-"
    return f"{100 * value:+.1f} {_error_of_difference(stderr, bounds)}".rstrip()


def kl(one: Mapping[str, Any] | None) -> str:
    """Return a KL per token in thousandths of a nat, as `14.4 ± 2.2`."""
    if one is None or one["mean"] is None:
        return "-"
    return f"{1000 * one['mean']:.3g}" + ("" if one["stderr"] is None else f" ± {1000 * one['stderr']:.2g}")


def p_value(p: float) -> str:
    """Return a p value as `.031`, `<.001` or `1`: three digits, and never a zero."""
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def p_phrase(p: float | None) -> str:
    """Return `p = .031` or `p < .001`; empty if there is no p value."""
    if p is None:
        return ""
    return "p < .001" if p < 0.001 else f"p = {p_value(p)}"


def percent(value: float | None, stderr: float | None = None, bounds: Sequence[float] | None = None) -> str:
    """Return `31.2 ± 6.0` in percent, `100.0 (≥98.5)` with exact bounds, or a dash if there is no value."""
    return str(score(value, stderr, bounds) or "-")


def clock(seconds: float) -> str:
    """Return a duration as `4.0 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


_MARKUP = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'"))


def inert(text: str) -> str:
    """Return `text` on one line, of which nothing acts as Markdown or HTML, links a page or calls a person."""
    text = plain(text)
    for markup, harmless in _MARKUP:
        text = text.replace(markup, harmless)
    text = re.sub(r"([\[\]*]|(?<!\w)_|_(?!\w))", r"\\\1", text)
    text = text.replace("@", "@\u200b").replace("://", ":\u200b//")
    return " ".join(text.split())


_STEERING = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # control characters, surrogates
    r"|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"  # direction, line ends
    r"|[\U000e0000-\U000e007f]"  # tags, which nobody sees
)


def csv_cell(value: Any) -> Any:
    """Return `value` so that a spreadsheet takes text for text: a quote goes before what would begin a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def plain(text: str) -> str:
    """Return `text` with a question mark for each character that could steer a terminal, turn the direction of what
    stands beside it, hide, or break an XML file."""
    return _STEERING.sub("?", text)
