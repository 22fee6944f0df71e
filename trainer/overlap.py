"""Do training pairs ask what a benchmark asks? Shared word n-grams say so.

    index = NGramIndex(13)
    index.add("math500/17", "How many positive integers less than …")
    index.hits("… how many positive integers less than …")   # {"math500/17": 0.8}: the share of the doc's n-grams

Words are compared without case and punctuation. N-grams that many docs of a benchmark have in common are its wording
(how to answer, say) and not its content: they do not count. A doc shorter than n words counts as one n-gram of its own
length.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

WORD = re.compile(r"[^\W_]+")
FEWEST_WORDS = 4  # a doc of fewer words is found everywhere
COMMON = 0.05  # of a benchmark's docs, and at least
COMMON_AT_LEAST = 4  # docs: an n-gram that this many share is the benchmark's wording

Gram = tuple[str, ...]


class NGramIndex:
    """The n-grams of one benchmark's docs. Raises ValueError for an n below 2."""

    def __init__(self, n: int = 13) -> None:
        if n < 2:
            raise ValueError(f"n-grams of {n} words say nothing; n is at least 2")
        self.n = n
        self.too_short = 0
        """Docs of so few words that nothing can be said of them."""
        self._docs: dict[str, set[Gram]] = {}
        self._where: dict[Gram, list[str]] = defaultdict(list)

    def add(self, doc: str, text: str) -> None:
        """One doc of the benchmark, under a name."""
        words = words_of(text)
        if len(words) < FEWEST_WORDS:
            self.too_short += 1
            return
        grams = set(_grams(words, min(self.n, len(words))))
        self._docs[doc] = grams
        for gram in grams:
            self._where[gram].append(doc)

    def hits(self, text: str) -> dict[str, float]:
        """The docs that share n-grams with `text`, and which share of each one's own n-grams that is."""
        words = words_of(text)
        limit = max(COMMON_AT_LEAST, COMMON * len(self._docs))
        lengths = {len(gram) for gram in self._where}
        found = Counter[str]()
        for gram in {gram for length in lengths for gram in _grams(words, length)}:
            docs = self._where.get(gram, ())
            if len(docs) < limit:
                found.update(docs)
        return {doc: count / len(self._docs[doc]) for doc, count in found.items()}


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, numbers among them, marks left out."""
    return WORD.findall(text.lower())


def _grams(words: list[str], length: int) -> Iterator[Gram]:
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))
