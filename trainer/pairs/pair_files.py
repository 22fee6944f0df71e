"""Training pairs on disk: JSON Lines of `id prompt rejected chosen gold change_ratio source meta`.

    {"id": "dapo-17", "prompt": "What is 6 x 7?", "rejected": "It is 41.", "chosen": "It is 42.", "gold": "42",
     "change_ratio": 0.2, "source": "oracle", "meta": {}}

`prompt` is what the user says, or a list of chat messages; NAMES has the names others give. `rejected` (y-) is the
model's own wrong answer, `chosen` (y+) its correction; objectives that look at y+ alone do without `rejected`. The rest
is carried along. TRL's other forms are read as well: answers as turns, with the prompt inside both (implicit), and
`messages` that end with the answer. Knows nothing of tokens; sources.py reads the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import TrainError
from trainer.pairs.sources import read_rows

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Pair:
    """A line of a pairs file. `rejected` is empty if there is none."""

    id: str
    prompt: Messages
    chosen: str
    rejected: str = ""
    gold: str | None = None
    change_ratio: float | None = None
    source: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def read_pairs(path: Path, *, rejected: bool = True) -> list[Pair]:
    """Read all pairs of a file, in its order; with `rejected`, a line without y- is an error.

    Raises TrainError naming file, line and column where a line is no pair, a column is missing or of another type,
    an answer is empty, or y+ equals y-.
    """
    pairs = [_pair(row, where, number, rejected) for where, number, row in read_rows(path)]
    if not pairs:
        raise TrainError(f"{path} holds no pairs; expected one JSON object a line with prompt, rejected and chosen")
    return pairs


def _pair(row: dict[str, Any], where: str, number: int, rejected: bool) -> Pair:
    try:
        found = pair_row(row, number)
    except ValueError as problem:
        raise TrainError(f"{where}: {problem}") from problem
    pair = Pair(
        id=found["id"],
        prompt=found["prompt"],
        chosen=_answer(found, "chosen", row, where),
        rejected=_answer(found, "rejected", row, where) if rejected or found["rejected"] else "",
        gold=None if found["gold"] is None else str(found["gold"]),
        change_ratio=found["change_ratio"],
        source=found["source"],
        meta=found["meta"],
    )
    if rejected and pair.chosen == pair.rejected:
        raise TrainError(f"{where}: chosen and rejected are equal (pair {pair.id}); remove it, it teaches nothing")
    return pair


def _answer(found: dict[str, Any], column: str, row: dict[str, Any], where: str) -> str:
    text = found[column]
    if text is None:
        raise TrainError(f"{where}: no column {column!r} (it has {', '.join(sorted(map(str, row))) or 'nothing'})")
    if not text.strip():
        raise TrainError(f"{where}: {column!r} is empty (pair {found['id']}); remove the pair")
    return text


NAMES = {
    "id": ("id", "index", "uid"),
    "prompt": ("prompt", "messages", "question", "problem"),
    "rejected": ("rejected", "original_answer", "model_output"),
    "chosen": ("chosen", "gemini_corrected_answer", "corrected", "completion"),
    "gold": ("gold", "ground_truth", "answer", "solution"),
    "change_ratio": ("change_ratio",),
    "source": ("source", "data_source"),
    "meta": ("meta",),
}


def pair_row(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return `row` under our names, with `number` (from 1) as id if it has none. Raises ValueError without a prompt."""
    # the paper's repository keeps the question apart from the prompt that a template was put around
    names = {**NAMES, "prompt": ("question", *NAMES["prompt"])} if "gemini_corrected_answer" in row else NAMES
    found = {ours: _first(row, given) for ours, given in names.items()}
    found = _without_implicit_prompt(found)
    if not found["prompt"]:
        raise ValueError(f"no prompt (columns looked for: {', '.join(NAMES['prompt'])}; there are: {', '.join(row)})")
    prompt = _conversation(found["prompt"], "prompt")
    answers = {side: _text_of(found[side], side) for side in ("rejected", "chosen")}
    for text in (*(turn["content"] for turn in prompt), *filter(None, answers.values())):
        _refuse_half_characters(text)
    identity = found["id"] if found["id"] is not None else number
    return {**found, "id": str(identity), "prompt": prompt, **answers, "meta": _carried(found["meta"])}


def _refuse_half_characters(text: str) -> None:
    """Raise ValueError for a lone surrogate, which a JSON escape can carry and no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half a character (a lone surrogate); write it anew") from None


def _carried(meta: Any) -> dict[str, Any]:
    """`meta` as an object; tables without nested columns hold it as JSON text."""
    if isinstance(meta, str):
        try:
            meta = json.loads(meta)
        except (ValueError, RecursionError):
            meta = {"meta": meta}
    return dict(meta) if isinstance(meta, Mapping) else {}


def _without_implicit_prompt(found: dict[str, Any]) -> dict[str, Any]:
    """Part prompt and answers that stand in one conversation: the answer is the last turn, of the assistant.

    Raises ValueError if chosen and rejected differ in more than the last turn, so that no prompt is common to them.
    """
    sides = {side: found[side] for side in ("chosen", "rejected") if found[side] is not None}
    if found["prompt"] is None and sides and all(isinstance(turns, list) and turns for turns in sides.values()):
        prompts = [turns[:-1] for turns in sides.values()]
        if any(prompt != prompts[0] for prompt in prompts):
            raise ValueError("chosen and rejected differ before their last turn; only the last turn may be the answer")
        return {**found, "prompt": prompts[0]}
    turns = found["prompt"]
    whole = not sides and isinstance(turns, list) and len(turns) > 1 and isinstance(turns[-1], Mapping)
    if whole and turns[-1].get("role") == "assistant":
        return {**found, "prompt": turns[:-1], "chosen": turns[-1:]}
    return found


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _conversation(value: Any, column: str) -> list[dict[str, str]]:
    """A text as one user turn, or a list of turns."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    turns = value if isinstance(value, list) else []
    if not turns or not all(isinstance(turn, Mapping) and isinstance(turn.get("content"), str) for turn in turns):
        raise ValueError(f"column {column!r} is neither a text nor a list of turns: {json.dumps(value)[:60]}")
    return [{"role": str(turn.get("role", "user")), "content": turn["content"]} for turn in turns]


def _text_of(value: Any, column: str) -> str | None:
    """An answer's text; of a conversation, its last turn."""
    return value if value is None or isinstance(value, str) else _conversation(value, column)[-1]["content"]
