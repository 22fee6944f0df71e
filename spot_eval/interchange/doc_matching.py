"""Match a row of a generations file to the doc it answers. Reads no files and grades nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.records import Doc
from spot_eval.interchange.generations_file import GenerationRow

Prompt = Literal["asked", "other", "unknown"]
"""A row's prompt: the one that spot-eval asks, another, or not recorded."""
SEARCHED = 50  # prompts per task that are searched in all docs; one is enough to find that rows are shifted


class AskedDocs:
    """The docs of a task, to match rows to."""

    def __init__(self, task: str, docs: list[Doc]) -> None:
        self.task, self.docs = task, docs
        self._searches = SEARCHED
        self._by_hash = {doc.doc_hash: doc for doc in docs}
        self._by_messages: dict[str, list[Doc]] = defaultdict(list)
        self._by_prompt: dict[str, list[Doc]] = defaultdict(list)
        for doc in docs:
            self._by_messages[digest(doc.messages)].append(doc)
            self._by_prompt[question(doc)].append(doc)

    def find(self, row: GenerationRow, where: str) -> tuple[Doc, Prompt]:
        """Return the doc that `row` answers, and if its prompt is the one that spot-eval asks.

        `doc_id` and `doc_hash` decide. If the row has neither, its messages or prompt must be those of exactly one doc.
        Raises UserError, which begins with `where`, if the row matches no doc or several, or its columns disagree.
        """
        if row.doc_id is None and row.doc_hash is None:
            return self._by_what_was_asked(row, where), "asked"
        doc = self._named(row, where)
        if row.messages is None and row.prompt is None:
            return doc, "unknown" if row.doc_hash is None else "asked"
        column = "messages" if row.messages is not None else "prompt"
        if _asks(row, doc):
            return doc, "asked"
        if other := self._other_doc(row, doc):
            raise UserError(
                f"{where}, column {column}: this is the prompt of doc {other.doc_id} of {self.task}, "
                f"not of doc {doc.doc_id}; the answers would be judged by other docs' golds"
            )
        return doc, "other"

    def _named(self, row: GenerationRow, where: str) -> Doc:
        by_hash = None
        if row.doc_hash is not None:
            by_hash = self._by_hash.get(row.doc_hash)
            if by_hash is None:
                raise UserError(
                    f"{where}, column doc_hash: no doc of {self.task} has {row.doc_hash!r}: the prompts or "
                    "golds differ; remove the column if doc_id counts the same rows anyway"
                )
        if row.doc_id is None:
            assert by_hash is not None
            return by_hash
        if row.doc_id >= len(self.docs):
            raise UserError(
                f"{where}, column doc_id: {self.task} has docs 0 to {len(self.docs) - 1}, found {row.doc_id}"
            )
        doc = self.docs[row.doc_id]
        if by_hash is not None and by_hash != doc:
            raise UserError(
                f"{where}: doc_id is that of doc {row.doc_id} of {self.task}, doc_hash that of doc {by_hash.doc_id}; "
                "correct one of them"
            )
        return doc

    def _by_what_was_asked(self, row: GenerationRow, where: str) -> Doc:
        column = "messages" if row.messages is not None else "prompt"
        found = self._by_messages.get(digest(row.messages), []) if row.messages else self._same_prompt(row.prompt)
        if len(found) == 1:
            return found[0]
        if found:
            both = " and ".join(str(doc.doc_id) for doc in found[:2])
            raise UserError(f"{where}, column {column}: docs {both} of {self.task} ask this; add doc_id to choose one")
        raise UserError(
            f"{where}, column {column}: no doc of {self.task} asks this word for word (`spot-eval tasks docs` shows "
            "the prompts); add doc_id to name the doc"
        )

    def asking(self, messages: list[dict[str, str]] | None, prompt: str | None) -> list[Doc]:
        """Return the docs that ask exactly this, or whose question is the last turn of the user or the prompt."""
        if messages is None:
            return self._same_prompt(prompt) if prompt else []
        return self._by_messages.get(digest(messages), []) or self._same_prompt(last_question(messages))

    def _same_prompt(self, prompt: str | None) -> list[Doc]:
        return self._by_prompt.get(prompt or "", [])

    def _other_doc(self, row: GenerationRow, named: Doc) -> Doc | None:
        """Return the doc whose question the row's prompt contains, if it does not contain that of the named one."""
        self._searches -= 1
        if self._searches < 0:
            return None
        text = row.messages[-1]["content"] if row.messages else row.prompt or ""
        if question(named) and question(named) in text:
            return None
        return next((doc for doc in self.docs if question(doc) and question(doc) in text), None)


def question(doc: Doc) -> str:
    """Return the last turn of the user."""
    return last_question(doc.messages)


def last_question(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the last turn of the user; "" if there is none."""
    return next((turn["content"] for turn in reversed(messages) if turn["role"] == "user"), "")


def _asks(row: GenerationRow, doc: Doc) -> bool:
    """Return True if the row's prompt is the doc's: the same messages, or a text (such as a rendered one) with its
    question."""
    if row.messages is not None:
        return row.messages == doc.messages
    return question(doc) in (row.prompt or "")


def repeats_of(places: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    """Return task to its number of repeats, from (task, doc_id, repeat). Raises UserError if a repeat has no row."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for task, _, repeat in places:
        numbers[task].add(repeat)
    for task, found in numbers.items():
        absent = next((number for number in range(max(found)) if number not in found), None)
        if absent is not None:
            raise UserError(
                f"column repeat: {task} goes up to {max(found)}, but no row has {absent}; number the answers of a doc "
                "0, 1, 2, …"
            )
    return {task: len(found) for task, found in numbers.items()}
