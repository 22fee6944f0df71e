"""Find docs that share a stem (several questions on one passage) but declare no cluster.

    found = shared_stem(docs)
    found.groups         # [[0, 1, 2], [3, 4], …]: doc ids
    found.sentence       # "60 of 200 docs share a text with other docs …: give their rows a common `cluster_id` …"

Answers to questions on one passage go wrong together. Docs count as independent units unless their rows have a common
`cluster_id`, and a bound over docs that are not independent is too narrow (docs/statistics.md has the measured rate).
A search for equal sentences, so it finds copies, not paraphrases.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from spot_eval.core.records import Doc, cluster_of

STEM_WORDS = 20
"""Two docs share a stem if they have this many words in common, in whole sentences, …"""
STEM_SHARE = 0.5
"""… and these make up this share of the shorter one. Sentences that most docs have are the template, not counted."""
TEMPLATE_SHARE = 0.5
LEAST_LOSS = 0.05
"""Groups that cost less than this share of the independent units are not worth a word."""

_SENTENCES = re.compile(r"(?<=[.!?。])\s+|\n+")


@dataclass(frozen=True)
class SharedStem:
    """Groups of docs of one task that share a stem, at least two docs in each.

    `units` is the number of independent docs that would be as good, if the docs of a group go right or wrong together.
    """

    docs: int
    groups: Sequence[Sequence[Any]]
    units: float
    example: str

    @property
    def sentence(self) -> str:
        """Return a sentence that says what was found and how to declare it."""
        several = sum(map(len, self.groups))
        largest = max(self.groups, key=len)
        named = ", ".join(str(doc) for doc in largest[:3]) + (", …" if len(largest) > 3 else "")
        return (
            f"{several} of {self.docs} docs share a text with other docs (docs {named}: {self.example!r}). If answers "
            "on one text go wrong together, errors and bounds are too small: give the rows of each text a common "
            f"`cluster_id`. The {self.docs} docs may be worth {self.units:.0f} independent ones"
        )


def shared_stem(docs: Sequence[Doc]) -> SharedStem | None:
    """Return the groups of docs that share a stem, or None if there are too few to matter.

    A group whose rows all have one `cluster_id` is declared already and left out.
    """
    pieces = [_pieces(doc) for doc in docs]
    groups = [group for group in _groups(pieces) if not _is_declared([docs[at] for at in group])]
    if not groups:
        return None
    units = len(docs) ** 2 / (len(docs) - sum(map(len, groups)) + sum(len(group) ** 2 for group in groups))
    if units > len(docs) * (1 - LEAST_LOSS):
        return None
    first, second = max(groups, key=len)[:2]
    example = next(piece for piece in pieces[first] if piece in pieces[second])
    return SharedStem(
        len(docs),
        [[docs[at].doc_id for at in group] for group in groups],
        units,
        example if len(example) <= 60 else f"{example[:57]}...",
    )


def _pieces(doc: Doc) -> Counter[str]:
    """Return the sentences of what is asked, with their numbers of words."""
    text = next((turn["content"] for turn in reversed(doc.messages) if turn["role"] == "user"), "")
    found: Counter[str] = Counter()
    for piece in _SENTENCES.split(text):
        if words := piece.split():
            found[" ".join(words)] += len(words)
    return found


def _groups(pieces: Sequence[Mapping[str, int]]) -> list[list[int]]:
    """Return groups of positions, by chains of docs that share enough."""
    holders: dict[str, list[int]] = defaultdict(list)
    for at, of_doc in enumerate(pieces):
        for piece in of_doc:
            holders[piece].append(at)
    template = {piece for piece, of in holders.items() if len(of) > max(2, TEMPLATE_SHARE * len(pieces))}
    own = [sum(words for piece, words in of_doc.items() if piece not in template) for of_doc in pieces]
    common: Counter[tuple[int, int]] = Counter()
    for piece, of in holders.items():
        if piece not in template:
            for one, other in pairwise(of):  # neighbours are enough: groups are chains
                common[one, other] += min(pieces[one][piece], pieces[other][piece])
    parent = list(range(len(pieces)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for (one, other), words in common.items():
        if words >= max(STEM_WORDS, STEM_SHARE * min(own[one], own[other])):
            parent[root(other)] = root(one)
    members: dict[int, list[int]] = defaultdict(list)
    for at in range(len(pieces)):
        members[root(at)].append(at)
    return [group for group in members.values() if len(group) > 1]


def _is_declared(group: Sequence[Doc]) -> bool:
    clusters = {cluster_of(doc.row) for doc in group}
    return len(clusters) == 1 and None not in clusters
