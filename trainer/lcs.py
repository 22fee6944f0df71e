"""How much of an answer was changed: 1 - LCS / max(length), the longest common subsequence taken exactly.

    change_ratio([1, 2, 3, 4], [1, 9, 3, 4])  # 0.25

0 for equal answers, 1 for such that share nothing. `difflib` is no substitute: its matching blocks are a heuristic.
Works on any hashable tokens; knows nothing of tokenizers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def lcs_length(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The length of the longest common subsequence of `a` and `b`, exactly.

    Bit-parallel, a row of the dynamic programme in one integer (Hyyrö 2004, "Bit-parallel LCS-length computation
    revisited"): O(len(a) * len(b) / word) steps.
    """
    start, end = _shared_ends(a, b)
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


def _shared_ends(a: Sequence[Hashable], b: Sequence[Hashable]) -> tuple[int, int]:
    """How many tokens `a` and `b` share at the beginning and, of what is left, at the end: in every such LCS."""
    shorter = min(len(a), len(b))
    start = next((at for at in range(shorter) if a[at] != b[at]), shorter)
    left = shorter - start
    end = next((at for at in range(left) if a[-1 - at] != b[-1 - at]), left)
    return start, end
