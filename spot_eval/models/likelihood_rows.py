"""Log-likelihood requests as rows that a model reads at once: choices that branch off a context, shared prefixes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spot_eval.models.likelihood import LikelihoodRequest, Span

SHORTEST_PREFIX = 24  # tokens worth keeping keys and values for


LEAST_SAVED = 256  # tokens that a kept prefix must save, for it splits the batches


@dataclass(frozen=True)
class Row:
    """The texts of one doc, laid out for one forward pass; `request` is its number in the list asked for.

    `shared` are the tokens all inputs begin with, `branches` how each goes on, and each read is (branch, position of
    the first scored token's logits in its own input, the scored tokens, the read's place in the request).
    """

    request: int
    shared: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]
    reads: tuple[Read, ...]

    @property
    def first_read(self) -> int:
        """Return the first position whose logits are needed; a kept prefix must end before it."""
        return min(read.start for read in self.reads)

    @property
    def width(self) -> int:
        """Return the tokens in the row."""
        return len(self.shared) + sum(map(len, self.branches))


@dataclass(frozen=True)
class Read:
    """Scored tokens: `start` is the position, in the branch's whole input, of the logits for the first of them."""

    branch: int
    start: int
    tokens: tuple[int, ...]
    choice: int


def rows_of(number: int, request: LikelihoodRequest, *, branched: bool) -> Iterator[Row]:
    """Yield the rows of one request: all texts in one row, or a row per text (equal inputs share a row)."""
    spans = [(span, choice) for choice, one in enumerate(request.continuations) for span in one.spans]
    rolling = any(one.pair.context is None for one in request.continuations)
    if branched and not rolling:
        yield from joined(number, [span for span, _ in spans], [choice for _, choice in spans])
        return
    same: dict[tuple[int, ...], list[Row]] = {}
    for span, choice in spans:
        same.setdefault(span.ids[:-1], []).append(alone(number, span, choice))
    for ids, alike in same.items():
        yield Row(number, ids, (), tuple(read for row in alike for read in row.reads))


def alone(number: int, span: Span, choice: int) -> Row:
    """Return the row of one text."""
    read = Read(-1, len(span.ids) - 1 - span.scored, span.ids[len(span.ids) - span.scored :], choice)
    return Row(number, span.ids[:-1], (), (read,))


def joined(number: int, spans: Sequence[Span], choices: Sequence[int]) -> Iterator[Row]:
    """Yield one row: what the inputs share, then a branch for each different rest."""
    inputs = [span.ids[:-1] for span in spans]
    common = _common(inputs)
    rests = list(dict.fromkeys(ids[common:] for ids in inputs if len(ids) > common))
    reads = tuple(
        Read(
            rests.index(ids[common:]) if len(ids) > common else -1,
            len(ids) - span.scored,
            span.ids[len(span.ids) - span.scored :],
            choice,
        )
        for ids, span, choice in zip(inputs, spans, choices, strict=True)
    )
    yield Row(number, inputs[0][:common], tuple(rests), reads)


def _common(texts: Sequence[tuple[int, ...]]) -> int:
    """Return the number of tokens that all texts begin with."""
    low, high = min(texts), max(texts)
    for at, (a, b) in enumerate(zip(low, high, strict=False)):
        if a != b:
            return at
    return min(len(low), len(high))


def shared_prefixes(rows: Sequence[Row]) -> list[tuple[int, list[Row]]]:
    """Group rows by a beginning worth reading once: (its length in tokens, the rows).

    Rows that share little stand together under length 0. In sorted order, a row joins the group before it if that does
    not lessen the tokens saved, which are the length of the shared beginning for each row but the first.
    """
    groups: list[tuple[int, list[Row]]] = []
    alone: list[Row] = []

    def close(length: int, members: list[Row]) -> None:
        if length >= SHORTEST_PREFIX and (len(members) - 1) * length >= LEAST_SAVED:
            groups.append((length, members))
        else:
            alone.extend(members)

    length, members = 0, list[Row]()
    for row in sorted(rows, key=lambda row: row.shared):
        both = 0
        if members:
            both = min(length, _longest_prefix(row), _common([members[-1].shared, row.shared]))
            if both >= SHORTEST_PREFIX and len(members) * both >= (len(members) - 1) * length:
                length = both
                members.append(row)
                continue
            close(length, members)
        length, members = _longest_prefix(row), [row]
    if members:
        close(length, members)
    return [*groups, *([(0, alone)] if alone else [])]


def _longest_prefix(row: Row) -> int:
    """Return how many tokens a kept prefix may take: one shared token stays in the row, and so do all reads."""
    return min(row.first_read, len(row.shared) - 1)


@dataclass(frozen=True)
class _Tokens:
    ids: list[int]
    positions: list[int]
    segments: list[int]


def layout(row: Row, prefix: int) -> tuple[_Tokens, list[list[int]]]:
    """Return the row's tokens behind the kept prefix, and the columns in which each read finds its logits."""
    shared = len(row.shared)
    ids = list(row.shared[prefix:])
    positions = list(range(prefix, shared))
    segments = [0] * len(ids)
    begins = []
    for number, branch in enumerate(row.branches):
        begins.append(len(ids))
        ids += branch
        positions += range(shared, shared + len(branch))
        segments += [number + 1] * len(branch)
    columns = []
    for read in row.reads:
        at = range(read.start, read.start + len(read.tokens))
        columns.append([_column(position, shared, prefix, begins, read.branch) for position in at])
    return _Tokens(ids, positions, segments), columns


def _column(position: int, shared: int, prefix: int, begins: Sequence[int], branch: int) -> int:
    return position - prefix if position < shared else begins[branch] + position - shared
