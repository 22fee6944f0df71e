"""Choose the transcripts of a report within a size budget.

The docs that changed most come first, and go in whole. Those that then no longer fit go in as head and tail. The rest
stays out, with the place of its record. All are counted. Texts are stored as blocks of deflated JSON in
base64: a third of their size, inflated by the browser when a doc is opened, and markup to no parser on the way.

    block: [{"messages": [{"role": "user", "content": "…"}], "gold": "42",
             "texts": [["candidate's", …], ["base's", …]]}, …]

A text is a string, null if the run keeps none, or {"head": "…", "tail": "…", "length": 51200}.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

from spot_eval.core.records import Doc, Generation, readable_scores
from spot_eval.report.doc_table import DocRow, most_telling_first
from spot_eval.runs.finished import FinishedRun
from spot_eval.runs.record_index import RecordFile, RecordPlace

BLOCK = 1 << 19  # bytes of records in a block, at most
WHOLE_SHARE = 0.85  # of the budget, where not all fits: the rest is for heads and tails
ENDS = (500, 500)  # characters of a head and a tail
LONGEST = 400_000  # characters of one transcript; a longer one goes in as these ends, whatever the budget
LONG_ENDS = (20_000, 20_000)
QUESTION = 160  # characters of a question that lists show

Text = str | dict[str, Any] | None


@dataclass
class Texts:
    """The blocks, each doc's place in them, and counts of transcripts that are whole, in part and left out."""

    blocks: list[str] = field(default_factory=list)
    place: dict[int, tuple[int, int]] = field(default_factory=dict)  # doc to (block, entry)
    questions: dict[int, str] = field(default_factory=dict)
    whole: int = 0
    parts: int = 0
    left_out: int = 0
    absent: int = 0  # the run keeps no text: a saved baseline, or a request that failed
    size: int = 0  # of the blocks, in bytes


def pack(sides: Sequence[FinishedRun], rows: Sequence[DocRow], budget: int) -> Texts:
    """Return the transcripts of `rows` in at most `budget` bytes of blocks."""
    order = most_telling_first(rows)
    with ExitStack() as files:
        reader = _Reader(sides, files)
        texts, block = Texts(), max(1 << 12, min(BLOCK, budget // 8))
        if rest := _fill(texts, order, rows, reader, limit=budget, block=block, ends=None):
            texts = Texts()  # not all fits: begin anew, with room for heads and tails
            rest = _fill(texts, order, rows, reader, limit=int(WHOLE_SHARE * budget), block=block, ends=None)
            rest = _fill(texts, rest, rows, reader, limit=budget, block=block, ends=ENDS)
        for at in rest:
            entry = reader.entry(rows[at], ENDS)
            texts.questions[at] = question(entry["messages"])
            kept = [text is not None for of_run in entry["texts"] for text in of_run]
            texts.left_out += sum(kept)
            texts.absent += len(kept) - sum(kept)
    return texts


def question(messages: Sequence[dict[str, str]]) -> str:
    """Return the last turn of the user on one line, as lists show it."""
    said = [str(message.get("content", "")) for message in messages if message.get("role") == "user"]
    line = " ".join(said[-1][: 4 * QUESTION].split()) if said else ""
    return line if len(line) <= QUESTION else line[: QUESTION - 1] + "…"


def cut(text: str, ends: tuple[int, int]) -> Text:
    """Return `text`, or its head and tail with its length if it is longer than both."""
    head, tail = ends
    if len(text) <= head + tail:
        return text
    return {"head": text[:head], "tail": text[len(text) - tail :], "length": len(text)}


def _fill(
    texts: Texts,
    order: Sequence[int],
    rows: Sequence[DocRow],
    reader: _Reader,
    *,
    limit: int,
    block: int,
    ends: tuple[int, int] | None,
) -> list[int]:
    """Add blocks up to `limit` bytes; return the docs that did not fit."""
    done = 0
    for docs in _groups(order, rows, reader, block, ends):
        entries = [reader.entry(rows[at], ends) for at in docs]
        packed = encode(entries)
        if texts.size + len(packed) > limit:
            break
        for entry_number, (at, entry) in enumerate(zip(docs, entries, strict=True)):
            texts.place[at] = (len(texts.blocks), entry_number)
            texts.questions[at] = question(entry["messages"])
            for text in (text for of_run in entry["texts"] for text in of_run):
                texts.whole += isinstance(text, str)
                texts.parts += isinstance(text, dict)
                texts.absent += text is None
        texts.blocks.append(packed)
        texts.size += len(packed)
        done += len(docs)
    return list(order[done:])


def _groups(
    order: Sequence[int], rows: Sequence[DocRow], reader: _Reader, block: int, ends: tuple[int, int] | None
) -> Iterator[list[int]]:
    """Yield docs in order, in groups whose records are about `block` bytes long."""
    group: list[int] = []
    size = 0
    for at in order:
        weight = reader.weight(rows[at], ends)
        if group and size + weight > block:
            yield group
            group, size = [], 0
        group.append(at)
        size += weight
    if group:
        yield group


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(value: Any) -> str:
    """Return any JSON value as deflated base64 (RFC 1951, RFC 4648)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # what UTF-8 cannot carry, JSON's own escape does
    plain = _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text).encode()
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(plain) + packer.flush()).decode()


class _Reader:
    """Read docs and generations of all sides, one at a time."""

    def __init__(self, sides: Sequence[FinishedRun], files: ExitStack) -> None:
        self.sides = sides
        self._docs = [files.enter_context(closing(RecordFile(side.path / "docs.jsonl", Doc))) for side in sides]
        self._texts = [
            files.enter_context(closing(RecordFile(side.path / "generations.jsonl", Generation))) for side in sides
        ]

    def entry(self, row: DocRow, ends: tuple[int, int] | None) -> dict[str, Any]:
        """Return the browser's entry of a doc. Texts are whole if `ends` is None and they are not too long."""
        doc = self._doc(row) or {}
        return {
            "messages": [
                {"role": str(message.get("role", "")), "content": str(message.get("content", ""))}
                for message in doc.get("messages") or []
                if isinstance(message, dict)
            ],
            "gold": _readable(doc.get("gold")),
            "texts": [self._of_run(run, row, ends, doc) for run in range(len(self.sides))],
        }

    def weight(self, row: DocRow, ends: tuple[int, int] | None) -> int:
        """Return about how many bytes the doc's entry has before it is deflated."""
        longest = LONGEST if ends is None else sum(ends) + 200
        return 200 + sum(
            min(place.length, longest) for run in range(len(self.sides)) for place in self._places(run, row)
        )

    def _places(self, run: int, row: DocRow) -> Iterator[RecordPlace]:
        side = self.sides[run]
        for sample in row.samples[run] or ():
            if place := side.generation_index.get((sample.key,)):
                yield place

    def _doc(self, row: DocRow) -> dict[str, Any] | None:
        for side, file in zip(self.sides, self._docs, strict=True):
            if found := file.read(side.doc_index.get((row.task, row.doc_hash))):
                return found
        return None

    def _of_run(self, run: int, row: DocRow, ends: tuple[int, int] | None, doc: dict[str, Any]) -> list[Text]:
        side, file = self.sides[run], self._texts[run]
        texts: list[Text] = []
        for sample in row.samples[run] or ():
            record = side.judged_record(sample, file)
            text = (readable_scores(record, doc) or record.get("text")) if record else None
            if not isinstance(text, str):
                texts.append(None)
            elif ends is None:
                texts.append(text if len(text) <= LONGEST else cut(text, LONG_ENDS))
            else:
                texts.append(cut(text, ends))
        return texts


def _readable(gold: Any) -> str:
    return gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)
