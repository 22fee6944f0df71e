"""The filter that keeps small edits (paper, step 3), and the figures a reader wants of a set of pairs.

A pair stays if 1 - LCS / max(length) on the policy's tokens is at most gamma. Takes the tokenizer as a function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tokens = Callable[[str], Sequence[int]]

BINS = 20  # of the histogram, from 0 to 1


@dataclass
class PairStats:
    """Counts and distributions over a set of pairs; lengths in tokens of the policy."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """What became of each row: "kept", or why it was not."""
    ratios: list[float] = field(default_factory=list)
    """Change ratios of all rows with two answers, those filtered out included."""
    rejected_tokens: list[int] = field(default_factory=list)
    chosen_tokens: list[int] = field(default_factory=list)

    def histogram(self) -> list[int]:
        """Return how many change ratios lie in each of BINS equal parts of 0 to 1; the last one includes 1."""
        counts = [0] * BINS
        for ratio in self.ratios:
            counts[min(BINS - 1, int(ratio * BINS))] += 1
        return counts

    @staticmethod
    def quantiles(values: Sequence[float]) -> dict[str, float]:
        """Least, quartiles and most; empty for no values."""
        ordered = sorted(values)
        marks = {"min": 0.0, "25%": 0.25, "median": 0.5, "75%": 0.75, "max": 1.0}
        return {name: ordered[round(at * (len(ordered) - 1))] for name, at in marks.items()} if ordered else {}


def small_edits(
    rows: Iterable[Mapping[str, Any]], tokens: Tokens, gamma: float, stats: PairStats | None = None
) -> Iterator[dict[str, Any]]:
    """The rows whose answers differ by a change ratio of at most `gamma`, with `change_ratio` filled in.

    Rows with one answer only (SFT's and RFT's data) have no ratio and pass. Raises ValueError for a gamma that is no
    fraction of 1.

    Args:
        rows: pairs.
        tokens: turns a text into tokens.
        gamma: largest change ratio, a fraction of 1.
        stats: is told of every ratio.
    """
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma is a change ratio, from 0 to 1; got {gamma}")
    stats = stats or PairStats()
    for row in rows:
        rejected, chosen = row.get("rejected"), row.get("chosen")
        sides = {"rejected": stats.rejected_tokens, "chosen": stats.chosen_tokens}
        ids = {side: tokens(row[side]) for side in sides if row.get(side)}
        for side, of_side in ids.items():
            sides[side].append(len(of_side))
        if not chosen:
            stats.outcomes["no chosen answer"] += 1
        elif not rejected:
            stats.outcomes["kept"] += 1
            yield dict(row)
        else:
            ratio = change_ratio(ids["rejected"], ids["chosen"])
            stats.ratios.append(ratio)
            reason = "equal answers" if ratio == 0 else f"change ratio above {gamma:g}" if ratio > gamma else "kept"
            stats.outcomes[reason] += 1
            if reason == "kept":
                yield {**row, "change_ratio": round(ratio, 6)}


def lcs_length(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The length of the longest common subsequence of `a` and `b`, exactly.

    Bit-parallel, a row of the dynamic programme in one integer (Hyyrö 2004, "Bit-parallel LCS-length computation
    revisited"): O(len(a) * len(b) / word) steps.
    """
    start, end = shared_ends(a, b)
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    places: dict[Hashable, int] = {}
    for at, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << at
    row = everything = (1 << len(a)) - 1  # a zero bit where the row's value rises by one
    for token in b:
        if matches := row & places.get(token, 0):
            row = (row + matches | row - matches) & everything
    return start + end + len(a) - row.bit_count()


def change_ratio(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """1 - LCS / max(len(a), len(b)), from 0 to 1; 0 for two empty sequences."""
    longest = max(len(a), len(b))
    return 1 - lcs_length(a, b) / longest if longest else 0.0


def shared_ends(a: Sequence[Hashable], b: Sequence[Hashable]) -> tuple[int, int]:
    """Return how many tokens `a` and `b` share at the beginning and, of what is left, at the end: in every such LCS."""
    shorter = min(len(a), len(b))
    start = next((at for at in range(shorter) if a[at] != b[at]), shorter)
    left = shorter - start
    end = next((at for at in range(left) if a[-1 - at] != b[-1 - at]), left)
    return start, end
