"""Read the files of OpenAI's batch format, which `vllm run-batch` reads and writes, too.

    requests   {"custom_id": "aime24/0/0", "method": "POST", "url": "/v1/chat/completions",
                "body": {"model": "org/name", "messages": […], "temperature": 0.7, …}}
    answers    {"id": "…", "custom_id": "aime24/0/0", "response": {"status_code": 200, "body":
                {"object": "chat.completion", "model": "…", "choices": […], "usage": {…}}}, "error": null}

A request of ours is named TASK/DOC_ID or TASK/DOC_ID/REPEAT. Requests of others are matched to docs by their prompts,
for which the file of requests is needed.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.records import SamplePlace
from spot_eval.interchange.doc_matching import AskedDocs
from spot_eval.interchange.inspect_logs import plain_messages
from spot_eval.tasks.data.rows import MissingData
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Suite, nearest

OUR_NAME = re.compile(r"(?P<task>.+?)/(?P<doc>\d{1,9})(?:/(?P<repeat>\d{1,9}))?")
SAMPLING = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "max_new_tokens": ("max_completion_tokens", "max_tokens"),
}
"""Our name of a setting to those a request may give it."""
MOST_ANSWERS = 10_000  # to one request


def lines_of(path: Path) -> Iterator[tuple[int, int, bytes, dict[str, Any]]]:
    """Yield (number from 1, offset, bytes, object) of each line of a file; blank lines are skipped.

    Raises UserError naming the file and line if it cannot be read, is not JSON, or has no custom_id.
    """
    try:
        with path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, offset, line, _parsed(line, f"{path}, line {number}")
                offset += len(line)
    except OSError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror or problem})") from problem


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{where}: broken JSON ({problem})") from problem
    if not isinstance(found, dict) or not isinstance(found.get("custom_id"), str):
        raise UserError(f"{where}: not a line of a batch (it has no custom_id)")
    return found


def first_line(path: Path) -> Mapping[str, Any]:
    """Return the first line of a file that may be of a batch; empty if it is not."""
    if not path.is_file() or path.suffix != ".jsonl":
        return {}
    try:
        return next(lines_of(path), (0, 0, b"", {}))[3]
    except UserError:
        return {}


def is_requests(line: Mapping[str, Any]) -> bool:
    """Return True if a line of a batch is a request."""
    return "body" in line and "response" not in line


def looks_like_batch(path: Path) -> bool:
    """Return True if the file's first line is a batch's request or answer."""
    line = first_line(path)
    return bool(line) and ("body" in line or "response" in line or "error" in line)


@dataclass
class _Settings:
    """The settings that the requests of a task state: each value once."""

    sampling: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    until: set[tuple[str, ...] | None] = field(default_factory=set)


class Requests:
    """The requests of a batch: where each belongs, and how it was asked. Bodies stay on the disk."""

    def __init__(self, paths: Sequence[Path], whole: Suite, loader: TaskLoader) -> None:
        self.whole, self.given = whole, bool(paths)
        self._loader, self._asked, self._absent = loader, list[AskedDocs](), list[str]()
        self._places: dict[str, SamplePlace] = {}
        self._bodies: dict[str, tuple[Path, int]] = {}
        self._settings: dict[str, _Settings] = defaultdict(_Settings)
        asked_again = Counter[tuple[str, int]]()
        for path in paths:
            for number, offset, _, line in lines_of(path):
                where, name, body = f"{path}, line {number}", line["custom_id"], line.get("body")
                if not isinstance(body, dict):
                    raise UserError(f"{where}: a request has no body")
                if name in self._bodies:
                    raise UserError(f"{where}: custom_id {name!r} is there twice; a batch needs each once")
                several = several_of(body, where)
                place = self._by_name(name, several) or self._by_prompt(name, body, asked_again, several, where)
                self._places[name], self._bodies[name] = place, (path, offset)
                self._note(place[0], body)

    def place(self, name: str, answers: int, where: str) -> SamplePlace:
        """Return task, doc_id and the repeat of the first answer to a request.

        Args:
            name: custom_id of the request.
            answers: number of answers to it, for requests that are not there.
            where: begins the message of an error.

        Raises UserError if no request has the name, or it names no task.
        """
        if self.given:
            if name not in self._places:
                raise UserError(f"{where}: none of the requests has the custom_id {name[:80]!r}")
            return self._places[name]
        place = self._by_name(name, max(answers, 1))
        if place is None:
            near = nearest(name.partition("/")[0], self.whole.tasks)
            raise UserError(
                f"{where}: custom_id {name[:80]!r} is not TASK/DOC_ID or TASK/DOC_ID/REPEAT with a task of suite "
                f"{self.whole.name}{near}; name the file of the requests, too, so that docs are found by their prompts"
            )
        return place

    def _by_name(self, name: str, several: int) -> SamplePlace | None:
        """Return the place that a custom_id of our form names; None for one of another form."""
        found = OUR_NAME.fullmatch(name)
        if found is None or found["task"] not in self.whole.tasks:
            return None
        return found["task"], int(found["doc"]), int(found["repeat"] or 0) * several

    def body(self, name: str) -> dict[str, Any]:
        """Return what was asked, read again from the disk; empty if the requests are not there."""
        if name not in self._bodies:
            return {}
        path, offset = self._bodies[name]
        with path.open("rb") as file:
            file.seek(offset)
            return _parsed(file.readline(), str(path))["body"]

    def settings(self, task: str) -> dict[str, Any]:
        """Return sampling and stop strings that all requests of a task agree on; None for the others."""
        if task not in self._settings:
            return {}
        noted = self._settings[task]
        (until,) = noted.until if len(noted.until) == 1 else {None}
        return {
            "sampling": {
                name: next(iter(found)) if len(found) == 1 else None for name, found in noted.sampling.items()
            },
            "until": None if until is None else list(until),
        }

    def differing(self) -> Iterator[tuple[str, str]]:
        """Yield (task, setting) for each setting in which the requests of a task differ."""
        for task, noted in self._settings.items():
            yield from ((task, name) for name, found in noted.sampling.items() if len(found) > 1)

    def _note(self, task: str, body: Mapping[str, Any]) -> None:
        noted = self._settings[task]
        for ours, theirs in SAMPLING.items():
            value = next((body[name] for name in theirs if body.get(name) is not None), None)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            noted.sampling[ours].add((0 if ours == "top_k" and value == -1 else value) if number else None)
        stop = body.get("stop")
        texts = [stop] if isinstance(stop, str) else stop
        fits = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        noted.until.add(tuple(texts) if fits and texts is not None else None if stop is not None else ())

    def _by_prompt(
        self, name: str, body: Mapping[str, Any], asked_again: Counter[tuple[str, int]], several: int, where: str
    ) -> SamplePlace:
        messages, prompt = asked_of(body)
        found = [(asked.task, doc) for asked in self._tasks() for doc in asked.asking(messages, prompt)]
        if len(found) != 1:
            named = " and ".join(f"doc {doc.doc_id} of {task}" for task, doc in found[:2])
            why = f"{named} ask this" if found else f"no doc of suite {self.whole.name} asks this word for word"
            why += f" (without data: {', '.join(self._absent)})" if self._absent and not found else ""
            raise UserError(
                f"{where}: custom_id {name[:80]!r} is not TASK/DOC_ID, and {why}; `spot-eval tasks docs --batch MODEL` "
                "writes requests whose answers can be told apart"
            )
        task, doc = found[0]
        repeat = asked_again[task, doc.doc_id]
        asked_again[task, doc.doc_id] += several
        return task, doc.doc_id, repeat

    def _tasks(self) -> list[AskedDocs]:
        if not self._asked:
            for task in self._loader.suite.tasks:
                try:
                    self._asked.append(AskedDocs(task, self._loader.load(task).docs))
                except MissingData:
                    self._absent.append(task)
        return self._asked


def several_of(body: Mapping[str, Any], where: str) -> int:
    """Return the number of answers that a request asks for."""
    several = body.get("n")
    if several is None:
        return 1
    if isinstance(several, bool) or not isinstance(several, int) or not 1 <= several <= MOST_ANSWERS:
        raise UserError(f"{where}: n is {several!r:.40}; expected a number of answers from 1 to {MOST_ANSWERS:,}")
    return several


def asked_of(body: Mapping[str, Any]) -> tuple[list[dict[str, str]] | None, str | None]:
    """Return (messages, None) or (None, prompt) of a request; a prompt of token ids is unknown."""
    messages, prompt = body.get("messages"), body.get("prompt")
    if isinstance(messages, list) and messages and all(isinstance(turn, dict) for turn in messages):
        return plain_messages(messages), None
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    return None, prompt if isinstance(prompt, str) else None
