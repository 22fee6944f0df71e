"""Read generations made elsewhere: a JSON Lines file with one generation per line, gzip or not.

    {"task": "aime24", "doc_id": 0, "repeat": 1, "text": "…", "finish_reason": "stop", "output_tokens": 802}

docs/generations.md lists the columns. Knows columns and their types; nothing of docs, suites or grading. Reads a line
at a time.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.core.thinking import opened_by

TEXT = ("text", "response", "completion", "output", "generation")
"""Spellings of the column that holds the answer, one of which a line must have."""
WHICH_DOC = ("doc_id", "doc_hash", "messages", "prompt")
FINISH_REASONS = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_length"), "length"),
}
"""Spellings of how an answer ended, in lower case: the model ended it, or its budget did."""
REPORT_EVERY = 256  # lines
PLAIN_MARK = "<think>"


@dataclass(frozen=True)
class GenerationRow:
    """A line of the file, checked; None for columns it lacks. At least one of WHICH_DOC is there.

    `text` is None if the line records that there was no answer (`null`).
    """

    line: int
    task: str
    text: str | None
    doc_id: int | None
    doc_hash: str | None
    messages: list[dict[str, str]] | None
    prompt: str | None
    repeat: int
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    model: str | None
    thinking_open: str | None = None
    """The mark of the thinking block that the prompt left open; "" if none, None if the line does not say."""
    file: Path | None = None
    """The file of the line, if the answers come in several."""
    absence: str | None = None
    """Why there is no text, if that is recorded."""


class Answers(Protocol):
    """Answers made elsewhere: rows, and the settings they were asked with as far as these are recorded."""

    @property
    def path(self) -> Path:
        """Return the file to name in messages; the first of several."""

    def size(self) -> int:
        """Return the number of bytes to read. Raises UserError if a file is missing."""

    def rows(
        self, *, read: Callable[[bytes], None] | None = None, behind: Callable[[int], None] | None = None
    ) -> Iterator[GenerationRow]:
        """Yield the rows, the same ones each time; the arguments are those of `read_rows`."""

    def settings(self, task: str) -> Mapping[str, Any]:
        """Return the recorded settings of a task: `sampling` and `until`, or neither."""


@dataclass(frozen=True)
class AnswerFile:
    """A file of generations, which records no settings."""

    path: Path

    def size(self) -> int:
        """Return the size of the file."""
        return size(self.path)

    def rows(
        self, *, read: Callable[[bytes], None] | None = None, behind: Callable[[int], None] | None = None
    ) -> Iterator[GenerationRow]:
        """Yield the rows of the file."""
        return read_rows(self.path, read=read, behind=behind)

    def settings(self, task: str) -> Mapping[str, Any]:
        """Return no settings."""
        del task
        return {}


def read_rows(
    path: Path, *, read: Callable[[bytes], None] | None = None, behind: Callable[[int], None] | None = None
) -> Iterator[GenerationRow]:
    """Yield the rows of the file at `path`; blank lines are skipped.

    Args:
        path: the file.
        read: receives the bytes of every line.
        behind: receives the number of bytes read so far, now and then.

    Raises UserError naming file, line and column.
    """
    try:
        with path.open("rb") as raw:
            lines = gzip.GzipFile(fileobj=raw) if raw.read(2) == b"\x1f\x8b" else raw
            raw.seek(0)
            for number, line in enumerate(lines, start=1):
                if read:
                    read(line)
                if behind and number % REPORT_EVERY == 0:
                    behind(raw.tell())
                if line.strip():
                    yield _row(_parsed(line, f"{path}, line {number}"), number, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as problem:
        reason = (problem.strerror if isinstance(problem, OSError) else None) or problem
        raise UserError(f"{path}: cannot be read ({reason})") from problem


def size(path: Path) -> int:
    """Return the size of the file in bytes. Raises UserError if there is none."""
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "there is no such file"
        raise UserError(f"{path}: {kind}; give a .jsonl file of generations, or a run directory")
    return os.stat(path).st_size


def _parsed(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        values = json.loads(line.decode("utf-8-sig", "surrogatepass"))
    except UnicodeDecodeError as problem:
        raise UserError(f"{where}: not UTF-8 ({problem.reason}); save the file in UTF-8") from problem
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{where}: broken JSON ({problem})") from problem
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected an object, found {_shown(values)}")
    return values


def _row(values: Mapping[str, Any], number: int, where: str) -> GenerationRow:
    if "task" not in values:
        batch = "; the answers of a batch are read by `spot-eval import`" if "custom_id" in values else ""
        raise UserError(f"{where}: there is no column task{batch}")
    if all(values.get(name) is None for name in WHICH_DOC):
        raise UserError(f"{where}: no column names the doc it answers ({', '.join(WHICH_DOC)})")
    spelled = [name for name in TEXT if name in values]
    if len(spelled) != 1:
        found = f"both {spelled[0]} and {spelled[1]} could be it" if spelled else f"expected one of {', '.join(TEXT)}"
        raise UserError(f"{where}: no single column holds the answer ({found})")
    text = values[spelled[0]]
    if text is not None and not isinstance(text, str):
        raise UserError(f"{where}, column {spelled[0]}: expected a string, found {_shown(text)}; one answer per line")
    return GenerationRow(
        line=number,
        task=_string(values, "task", where) or _refuse(values, "task", where, "the name of a task"),
        text=text,
        doc_id=_whole(values, "doc_id", where),
        doc_hash=_string(values, "doc_hash", where),
        messages=_messages(values, where),
        prompt=_string(values, "prompt", where),
        repeat=_whole(values, "repeat", where) or 0,
        finish_reason=_finish_reason(values, where),
        prompt_tokens=_whole(values, "prompt_tokens", where),
        output_tokens=_whole(values, "output_tokens", where),
        model=_string(values, "model", where),
        thinking_open=_thinking_open(values, where),
    )


def _thinking_open(values: Mapping[str, Any], where: str) -> str | None:
    """Return the open thinking mark by the column (true, false or the mark itself), else by the rendered prompt."""
    said = values.get("thinking_open")
    if isinstance(said, bool):
        return PLAIN_MARK if said else ""
    if said is not None:
        if not isinstance(said, str) or (said and opened_by(said) != said):
            _refuse(values, "thinking_open", where, "true, false, or the mark of a thinking block such as <think>")
        return said
    last = (values.get("messages") or [{}])[-1]
    prompt = values.get("prompt")
    started = prompt if isinstance(prompt, str) else last.get("content", "") if last.get("role") == "assistant" else ""
    return opened_by(started.rstrip().rpartition("\n")[2]) or None


def _string(values: Mapping[str, Any], name: str, where: str) -> str | None:
    value = values.get(name)
    return value if value is None or isinstance(value, str) else _refuse(values, name, where, "a string")


def _whole(values: Mapping[str, Any], name: str, where: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if type(value) is int and 0 <= value < 2**63:
        return value
    return _refuse(values, name, where, "a whole number from 0")


def _messages(values: Mapping[str, Any], where: str) -> list[dict[str, str]] | None:
    turns = values.get("messages")
    if turns is None:
        return None
    wanted = "a list of objects with role and content, both strings"
    if not isinstance(turns, list) or not turns:
        return _refuse(values, "messages", where, wanted)
    for turn in turns:
        if not isinstance(turn, dict) or not all(isinstance(turn.get(name), str) for name in ("role", "content")):
            return _refuse({"messages": turn}, "messages", where, wanted)
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def _finish_reason(values: Mapping[str, Any], where: str) -> str | None:
    said = _string(values, "finish_reason", where)
    if said is None:
        return None
    known = FINISH_REASONS.get(said.lower())
    return known or _refuse(values, "finish_reason", where, f"{', '.join(FINISH_REASONS)}, or null where unknown")


def _refuse(values: Mapping[str, Any], name: str, where: str, wanted: str) -> Any:
    raise UserError(f"{where}, column {name}: expected {wanted}, found {_shown(values.get(name))}")


def _shown(value: Any) -> str:
    """Return a value of the user's, short and on one line."""
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
