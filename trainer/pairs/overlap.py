"""Do training pairs ask what a benchmark asks? Shared word n-grams say so.

    index = NGramIndex(13)
    index.add("math500", "17", "How many positive integers less than …")
    index.hits("… how many positive integers less than …")   # {("math500", "17"): 0.8}: the share of the doc's n-grams

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
BenchmarkDoc = tuple[str, str]


class NGramIndex:
    """The n-grams of several benchmarks' docs. Raises ValueError for an n below 2."""

    def __init__(self, n: int = 13) -> None:
        if n < 2:
            raise ValueError(f"n-grams of {n} words say nothing; n is at least 2")
        self.n = n
        self.too_short = Counter[str]()
        """Docs of so few words that nothing can be said of them, by benchmark."""
        self._sizes: dict[BenchmarkDoc, int] = {}
        self._where: dict[Gram, list[BenchmarkDoc]] = defaultdict(list)
        self._lengths: set[int] = set()
        self._docs = Counter[str]()

    def add(self, benchmark: str, doc: str, text: str) -> None:
        """Add a doc of a benchmark."""
        words = words_of(text)
        if len(words) < FEWEST_WORDS:
            self.too_short[benchmark] += 1
            return
        length = min(self.n, len(words))
        grams = set(_grams(words, length))
        self._lengths.add(length)
        self._docs[benchmark] += 1
        self._sizes[benchmark, doc] = len(grams)
        for gram in grams:
            self._where[gram].append((benchmark, doc))

    def hits(self, text: str) -> dict[BenchmarkDoc, float]:
        """Return the docs that share n-grams with `text`, by (benchmark, doc), and the share of their n-grams in it."""
        words = words_of(text)
        found = Counter[BenchmarkDoc]()
        for length in self._lengths:
            for gram in set(_grams(words, length)) & self._where.keys():
                by_benchmark = Counter(benchmark for benchmark, _ in self._where[gram])
                found.update(
                    (benchmark, doc)
                    for benchmark, doc in self._where[gram]
                    if by_benchmark[benchmark] < max(COMMON_AT_LEAST, COMMON * self._docs[benchmark])
                )
        return {place: count / self._sizes[place] for place, count in found.items()}


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, numbers among them, marks left out."""
    return WORD.findall(text.lower())


def _grams(words: list[str], length: int) -> Iterator[Gram]:
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))
