"""The records of a run: docs, generations, failures and samples.

    {"key": "9f…", "task": "aime24", "doc_id": 0, "doc_hash": "5b…", "repeat": 2, "seed": 1203211,
     "text": "…", "finish_reason": "stop", "prompt_tokens": 143, "output_tokens": 802}

Their keys are made by `core.keys`, and their files are read by `core.record_files`. This module knows nothing of
directories, models or tasks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SamplePlace = tuple[str, int, int]
"""(task, doc_id, repeat): the position of a sample in its run."""


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
    prompt_tokens: int | None  # None if the engine is not told
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


@dataclass(frozen=True, slots=True)  # a run of a million answers holds a million of them
class Sample:
    """A judged generation: a line of `samples.jsonl`.

    `score` is None if it could not be judged. `answer_group` numbers the answers of one doc that are the same
    answer (for majority votes), None if there is none or the task's answers cannot vote. `metrics` and `weights` are
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
    truncated: bool | None  # None if nobody knows how the text ended
    unparsed: bool
    not_judged: bool
    prompt_tokens: int | None
    output_tokens: int | None
    text_hash: str = ""  # of the text that was judged, so that no verdict outlives it
    answer_group: int | None = None
    grader: str = ""
    metrics: dict[str, float | None] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
