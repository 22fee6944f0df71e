"""The records a run is made of, their keys, and how they lie in JSON Lines files.

    {"key": "9f…", "task": "aime24", "doc_id": 0, "doc_hash": "5b…", "repeat": 2, "seed": 1203211,
     "text": "…", "finish_reason": "stop", "prompt_tokens": 143, "output_tokens": 802}

A key names everything that decides a text, so two checkpoints, prompts or samplings never share a record. This module
knows nothing of directories, models or tasks.
"""

from __future__ import annotations

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from spot_eval.core.errors import UserError
from spot_eval.core.schemas import RECORDS, TooDeepError, parsed

T = TypeVar("T")

SamplePlace = tuple[str, int, int]
"""(task, doc_id, repeat): the position of a sample in its run."""


def digest(*parts: Any) -> str:
    """Return 128 bits of SHA-256, in hex, over the canonical JSON of `parts` (sorted keys, no blanks)."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def doc_hash(messages: list[Any], gold: Any, occurrence: int = 0) -> str:
    """Return the pairing key of a doc: equal in two runs exactly if messages and gold are equal.

    `occurrence` counts earlier docs of the task with the same messages and gold, so that doubles stay apart.
    """
    return digest("doc", messages, gold, *([occurrence] if occurrence else []))


def record_key(
    *, fingerprint: str, engine: Mapping[str, Any], run_seed: int, task: str, prompt: str, sampling: Mapping[str, Any],
    repeat: int, seed: int, occurrence: int = 0,
) -> str:  # fmt: skip
    """The identity of one generation: whatever could change its text is in here.

    `sampling` holds the token budget in force and the stop strings; `seed` is the request's own; `occurrence` counts
    earlier docs of the task with the same prompt.

    Args:
        fingerprint: identity of the model.
        engine: identity of the engine.
        run_seed: seed of the run.
        task: name of the task.
        prompt: the rendered prompt.
        sampling: sampling settings, the token budget in force and the stop strings.
        repeat: number of the repeat, from 0.
        seed: the request's own seed.
        occurrence: number of earlier docs of the task with the same prompt.
    """
    extra = [occurrence] if occurrence else []
    return digest("generation", fingerprint, dict(engine), run_seed, task, prompt, dict(sampling), repeat, seed, *extra)


def request_seed(run_seed: int, task: str, doc: str, repeat: int) -> int:
    """Return the sampling seed of a request, below 2**31.

    It does not depend on the model, so two checkpoints draw the same random numbers, nor on order or `--limit`.

    Args:
        run_seed: seed of the run.
        task: name of the task.
        doc: the doc's hash.
        repeat: number of the repeat.
    """
    return int(digest("seed", run_seed, task, doc, repeat)[:8], 16) & 0x7FFFFFFF


def cluster_of(row: Mapping[str, Any]) -> str | None:
    """Return the `cluster_id` of a doc's row, or None; a user's own task has its row one level down."""
    inner = row.get("row")
    cluster = row.get("cluster_id", inner.get("cluster_id") if isinstance(inner, dict) else None)
    return None if cluster is None else str(cluster)


@dataclass(frozen=True)
class Doc:
    """A row of a task as it is asked: a line of `docs.jsonl`. The grader reads `row`."""

    task: str
    doc_id: int
    doc_hash: str
    messages: list[dict[str, str]]
    gold: Any
    row: dict[str, Any]
    likelihood: dict[str, Any] | None = None
    """What is scored, if nothing is generated: see `tasks.likelihood`."""


@dataclass(frozen=True)
class Generation:
    """A finished request: a line of `generations.jsonl`. None for fields that imported generations do not record."""

    key: str
    task: str
    doc_id: int
    doc_hash: str
    repeat: int
    seed: int | None
    text: str
    finish_reason: str  # "stop" (the model ended its turn), "length" (the budget did), or "unknown"
    prompt_tokens: int | None  # None where the engine is not told
    output_tokens: int | None
    max_new_tokens: int | None  # the budget in force: the task's, or what the context left of it
    thinking_open: str | None = None
    """The mark of the thinking block that the prompt left open (`<think>`); "" if none, None if not recorded."""

    @property
    def judged_text(self) -> str:
        """The text as a grader reads it: with the thinking block that its prompt opened."""
        return f"{self.thinking_open or ''}{self.text}"

    @property
    def content(self) -> str:
        """Return what a verdict depends on, besides the mark of an open block: the text."""
        return self.text


@dataclass(frozen=True)
class Likelihood(Generation):
    """Log-likelihoods of the continuations of one doc: a line of `generations.jsonl` with `kind` "likelihood".

    `choices` holds one object per continuation, in the task's order: the summed natural `logprob`, the number of
    `tokens` (None if the engine does not report it), and `greedy`, true if every token was the most likely one. `text`
    is the most likely continuation, for a reader; `output_tokens` counts no generated token, so it is 0. `cut` is the
    largest number of tokens by which a context was shortened from the left to fit the model.
    """

    choices: list[dict[str, Any]] = field(default_factory=list)
    cut: int = 0
    kind: str = "likelihood"

    @property
    def judged_text(self) -> str:
        """Return the string a grader judges: the choices as JSON."""
        return self.content

    @property
    def content(self) -> str:
        """Return the choices as JSON."""
        return self.content_of(self.choices)

    @staticmethod
    def content_of(choices: list[dict[str, Any]]) -> str:
        """Return `choices` as JSON."""
        return json.dumps(choices, separators=(",", ":"), sort_keys=True)


def readable_scores(record: Mapping[str, Any], doc: Mapping[str, Any]) -> str | None:
    """Return the log-likelihoods of a raw record for a reader, a line per text; None if it was generated.

    `doc` is the raw record of its doc, which holds the texts.
    """
    choices = record.get("choices")
    if record.get("kind") != "likelihood" or not isinstance(choices, list):
        return None
    texts = (doc.get("likelihood") or {}).get("continuations") or []
    lines = []
    for number, one in enumerate(choices):
        count = "" if one.get("tokens") is None else f", {one['tokens']} tokens"
        greedy = ", greedy" if one.get("greedy") else ""
        shown = str(texts[number]).strip() if number < len(texts) else f"choice {number + 1}"
        lines.append(f"{one.get('logprob'):.3f}{count}{greedy}: {shown}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Failure:
    """A request that gave no text: a line of `failures.jsonl`. It is not judged, and tried again on resume."""

    key: str
    task: str
    doc_id: int
    doc_hash: str
    repeat: int
    reason: str


@dataclass(frozen=True)
class Sample:
    """A judged generation: a line of `samples.jsonl`.

    `score` is None where it could not be judged. `answer_group` numbers the answers of one doc that are the same
    answer (for majority votes), None where there is none or the task's answers cannot vote. `metrics` and `weights` are
    the verdict's.
    """

    key: str
    task: str
    doc_id: int
    doc_hash: str
    repeat: int
    score: float | None
    extracted: str | None
    why: str
    truncated: bool | None  # None where nobody knows how the text ended
    unparsed: bool
    not_judged: bool
    prompt_tokens: int | None
    output_tokens: int | None
    text_hash: str = ""  # of the text that was judged, so that no verdict outlives it
    answer_group: int | None = None
    grader: str = ""
    metrics: dict[str, float | None] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)


def to_line(record: Any) -> bytes:
    """Return a record as a line of UTF-8 JSON, newline included."""
    row = record if isinstance(record, dict) else asdict(record)
    try:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        text = json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode()
    return text + b"\n"


def generation_class(row: Mapping[str, Any]) -> type[Generation]:
    """Return the record class of a line of `generations.jsonl`."""
    return Likelihood if row.get("kind") == "likelihood" else Generation


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file, split on newlines only.

    Raises UserError naming file and line if a line is not an object, or is nested too deeply.
    """
    try:
        content = path.open("rb")
    except OSError as problem:
        raise UserError(
            f"{path} cannot be read ({problem.strerror}); the command that made it makes it again"
        ) from problem
    with content as lines:
        for number, line in enumerate(lines, start=1):
            yield _row(line, path, number)


def _row(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = parsed(str(line.removeprefix(BOM_UTF8), "utf-8", "surrogatepass"))
    except TooDeepError as problem:
        raise UserError(f"{path}, line {number}: {problem}; take the line out") from problem
    except ValueError as problem:
        raise UserError(
            f"{path}, line {number}: not JSON ({problem}); take the line out, and the same command makes it again"
        ) from problem
    if not isinstance(row, dict):
        raise UserError(f"{path}, line {number}: expected an object, found {type(row).__name__}")
    return row


def read_records(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the records of one kind in a JSON Lines file; fields of later versions are ignored.

    A line of log-likelihoods is read as `Likelihood` if `kind` is `Generation`. Raises UserError naming file and line
    if a field is missing or has a value it cannot have (core.schemas), or if a record is there twice.
    """
    for row in checked_rows(path, kind):
        yield _record(generation_class(row) if kind is Generation else kind, row)


def _record(of: type[Any], row: Mapping[str, Any]) -> Any:
    """Return a record of the fields in `row`, which are checked: the rest have their defaults.

    A frozen dataclass sets each field by a call, which takes as long as the JSON; and the names of the class's own
    fields are shared by all records, those of a row are not.
    """
    names = of.__dataclass_fields__
    if not row.keys() >= names.keys():
        return of(**{name: row[name] for name in names if name in row})
    record = object.__new__(of)
    values = record.__dict__
    for name in names:
        values[name] = row[name]
    return record


def checked_rows(path: Path, kind: type[Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of one kind as plain objects, checked as by `read_records`."""
    identity = IDENTITIES.get(kind.__name__)
    lines: dict[Any, int] = {}
    for number, row in enumerate(read_lines(path), start=1):
        _check(row, kind, path, number)
        if identity is not None:
            name = identity(row)
            if lines.setdefault(name, number) != number:
                raise UserError(
                    f"{path}, line {number}: the record of line {lines[name]} is there a second time; take one of "
                    "them out"
                )
        yield row


def checked_row(line: bytes, kind: type[Any], path: Path, number: int) -> dict[str, Any]:
    """Return the record on one line of a file, checked as by `read_records`.

    Args:
        line: the line.
        kind: the class of the record.
        path: the file, for the message.
        number: the line's number, for the message.
    """
    row = _row(line, path, number)
    _check(row, kind, path, number)
    return row


def _check(row: dict[str, Any], kind: type[Any], path: Path, number: int) -> None:
    of = generation_class(row) if kind is Generation else kind
    if (fault := RECORDS[of.__name__].fault(row)) is not None:
        raise UserError(
            f"{path}, line {number}: not a record as this version writes it; {fault.lstrip('.: ')}. "
            "Restore the file, or make it again"
        )


IDENTITIES: Mapping[str, Callable[[Any], Any]] = {
    "Doc": itemgetter("task", "doc_hash"),
    "Generation": itemgetter("key"),
    "Sample": itemgetter("task", "doc_id", "repeat"),
    "JudgedDoc": itemgetter("task", "doc_hash"),
}
"""By the name of a record's class, the fields that no two lines of a file have in common."""
