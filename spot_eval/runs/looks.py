"""Looks of a run that stops at a verdict: their plan, the decision of each look, and the samples it saw.

`looks.jsonl` is in the run directory. It has one JSON object per line, and is only appended to:

    {"kind": "plan", "schema": 1, "base": {"path", "model", "digest"}, "policy": {…, "source"}, "spending": "power",
     "looks": 5, "tasks": {"aime24": {"docs": [30, …], "repeats": [3, 6, 10, 13, 16], "fractions": [0.32, …, 1.0]}}}
    {"kind": "look", "look": 1, "asked": [tasks], "go_on": [tasks], "families": {name: {"verdict", "mean", …}},
     "output_tokens": of the run so far}
    {"kind": "whole"}            the run went on to the full protocol after its looks

A look sees the first `docs` docs of a task (in an order drawn from their hashes) and the first `repeats` samples of
each, so that it can be taken again from the samples at any time. Knows files and counts; nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import JsonLog, check_document
from spot_eval.core.keys import digest
from spot_eval.core.record_files import read_lines

LOOKS_FILE = "looks.jsonl"
SCHEMA = 1

Clusters = Mapping[str, str | None]
"""doc_hash to the cluster the doc belongs to, None if it stands alone."""


@dataclass(frozen=True)
class TaskLooks:
    """The docs and repeats of a task at each look; `fractions` are of the information that the whole task will have."""

    docs: tuple[int, ...]
    repeats: tuple[int, ...]
    fractions: tuple[float, ...]


@dataclass(frozen=True)
class Looks:
    """The plan and the decisions so far; `lines` are the looks taken."""

    head: Mapping[str, Any]
    lines: tuple[Mapping[str, Any], ...] = ()
    whole: bool = False

    def as_lines(self) -> list[dict[str, Any]]:
        """Return the lines of the file."""
        return [dict(self.head), *map(dict, self.lines), *([{"kind": "whole"}] if self.whole else [])]

    @property
    def planned(self) -> int:
        """The largest number of looks."""
        return int(self.head["looks"])

    @property
    def taken(self) -> int:
        """The number of looks taken."""
        return len(self.lines)

    @property
    def tasks(self) -> dict[str, TaskLooks]:
        """The plan of each task."""
        return {
            task: TaskLooks(tuple(plan["docs"]), tuple(plan["repeats"]), tuple(plan["fractions"]))
            for task, plan in self.head["tasks"].items()
        }

    @property
    def open_tasks(self) -> list[str]:
        """The tasks that the next wave asks; none once everything is decided."""
        if not self.lines:
            return list(self.head["tasks"])
        return list(self.lines[-1]["go_on"]) if self.taken < self.planned else []

    @property
    def ended(self) -> bool:
        """True if no further look will be taken."""
        return bool(self.lines) and not self.open_tasks

    @property
    def stopped_early(self) -> bool:
        """True if some of the protocol was left unasked."""
        return self.ended and not self.whole and any(look < self.planned for look in self.last_looks().values())

    def about(self) -> dict[str, Any]:
        """Return the scoreboard's entry about the looks: their number, and the last one of each task."""
        verdicts = {name: one["verdict"] for line in self.lines for name, one in line["families"].items()}
        return {
            "taken": self.taken,
            "planned": self.planned,
            "stopped_early": self.stopped_early,
            "base": self.head["base"]["model"],
            "families": verdicts,
            "tasks": self.last_looks(),
        }

    def last_looks(self) -> dict[str, int]:
        """Return the last look (1 is the first) for which each task was asked; 0 for none."""
        if self.whole:
            return dict.fromkeys(self.head["tasks"], self.planned)
        last = dict.fromkeys(self.head["tasks"], 0)
        for line in self.lines:
            last.update(dict.fromkeys(line["asked"], int(line["look"])))
        return last

    def asked(self, docs: Mapping[str, Clusters], upto: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """Return task to doc_hash to repeats asked, once each task has had its `upto` looks."""
        found: dict[str, dict[str, int]] = {}
        for task, plan in self.tasks.items():
            look = upto.get(task, 0)
            order = in_drawn_order(docs.get(task, {})) if look else []
            found[task] = dict.fromkeys(order[: plan.docs[look - 1]], plan.repeats[look - 1])
        return found


def in_drawn_order(docs: Clusters) -> list[str]:
    """Return the doc hashes in a random order that depends on nothing but the hashes; clusters stay together."""
    return sorted(docs, key=lambda hashed: (digest("wave", docs[hashed] or hashed), hashed))


def read_looks(run: Path) -> Looks | None:
    """Return the looks of the run at `run`; None if it was never looked at. Raises UserError if the file is broken."""
    path = run / LOOKS_FILE
    if not path.is_file():
        return None
    return looks_of(list(read_lines(path)), path)


def looks_of(lines: Sequence[Mapping[str, Any]], path: Path) -> Looks | None:
    """Return the looks that `lines` of the file at `path` describe; None if there is no line."""
    if not lines:
        return None
    head = lines[0]
    if head.get("kind") != "plan" or head.get("schema") != SCHEMA:
        raise UserError(f"{path} does not begin with a plan of schema {SCHEMA}, which this version reads")
    check_document(head, path, "plan")
    taken = tuple(line for line in lines[1:] if line.get("kind") == "look")
    for line in taken:
        check_document(line, path, "look")
        known = {*line["asked"], *line["go_on"]} <= head["tasks"].keys()
        if not known or not 1 <= line["look"] <= head["looks"]:
            raise UserError(f"{path}: look {line['look']} is not one of its plan")
    return Looks(head, taken, any(line.get("kind") == "whole" for line in lines))


class LooksLog:
    """The file of a run's looks, opened for appending."""

    def __init__(self, run: Path) -> None:
        self._log = JsonLog(run / LOOKS_FILE)
        self._log.repair()
        self.run = run

    def read(self) -> Looks | None:
        """Return the content of the file."""
        return read_looks(self.run)

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a line and sync it to disk."""
        self._log.append(dict(record))
        self._log.close()
