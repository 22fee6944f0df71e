"""Schemas of the records and JSON files of a run: types, ranges and depth, checked when a file is read.

    RECORDS["Sample"].fault({"key": "9f…", …, "score": 7.5, …})     # "score: expected a number from 0 to 1 or null, …"
    DOCUMENTS["manifest"].fault(manifest)                           # None if nothing is wrong

A schema names the fields that readers rely on; further fields are those of a later version, and pass. Knows values;
nothing of files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_NESTED = 100
"""Levels of lists and objects in a JSON file. Python's own limit lies near 1,000, and ends in a RecursionError."""
LONGEST_NAME = 1000
MOST_REPEATS = 1_000_000
_LARGEST = 1e300  # a larger whole number is no float
_SHOWN = 60

Inside = Callable[[Any], str | None]


class _Absent:
    """The value of a field that a record lacks."""


_ABSENT = _Absent()


@dataclass(frozen=True)
class Kind:
    """The values a field may have: their types, and a check of those that have a range or parts.

    `inside` returns a fault, or None; it does not see null and absent fields.
    """

    wants: str
    types: frozenset[type]
    inside: Inside | None = None

    def fault(self, value: Any) -> str | None:
        """Return a phrase that says what is wrong with `value`, with its place; None if nothing is."""
        if type(value) not in self.types:
            if value is _ABSENT:
                return f": it is missing; expected {self.wants}"
            return f": expected {self.wants}, found {shown(value)}"
        if self.inside is None or value is None or value is _ABSENT:
            return None
        return self.inside(value)


def shown(value: Any) -> str:
    """Return the start of `value` as JSON."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _kind(wants: str, *types: type, inside: Callable[[Any], bool] | None = None) -> Kind:
    """Return a kind of plain values; `inside` says if a value of the right type is in its range."""
    if inside is None:
        return Kind(wants, frozenset(types))
    return Kind(
        wants,
        frozenset(types),
        lambda value: None if inside(value) else f": expected {wants}, found {shown(value)}",
    )


def _or_null(kind: Kind) -> Kind:
    return Kind(f"{kind.wants} or null", kind.types | {type(None)}, _renamed(kind))


def _renamed(kind: Kind) -> Inside | None:
    inside = kind.inside
    if inside is None:
        return None
    return lambda value: None if (fault := inside(value)) is None else fault.replace(
        f"expected {kind.wants},", f"expected {kind.wants} or null,"
    )  # fmt: skip


def _optional(kind: Kind) -> Kind:
    """Return the kind of a field that a record may lack."""
    return Kind(kind.wants, kind.types | {_Absent}, kind.inside)


def _list(item: Kind) -> Kind:
    def inside(values: list[Any]) -> str | None:
        for number, value in enumerate(values):
            if (fault := item.fault(value)) is not None:
                return f"[{number}]{fault}"
        return None

    return Kind("a list", frozenset({list}), inside)


def _map(item: Kind) -> Kind:
    """Return the kind of an object with any names."""

    def inside(values: dict[str, Any]) -> str | None:
        for name, value in values.items():
            if not 0 < len(name) <= LONGEST_NAME:
                return f": a name of {len(name)} characters, expected 1 to {LONGEST_NAME}"
            if (fault := item.fault(value)) is not None:
                return f".{name[:_SHOWN]}{fault}"
        return None

    return Kind("an object", frozenset({dict}), inside)


def _object(fields: Mapping[str, Kind], rule: Inside | None = None) -> Kind:
    """Return the kind of an object with these fields; `rule` looks at all of them together."""
    checks = tuple((name, kind.types, kind.inside, kind) for name, kind in fields.items())

    def inside(row: dict[str, Any]) -> str | None:
        # read for every record of a run: one loop, without a call for a field that has no range
        for name, types, check, kind in checks:
            value = row.get(name, _ABSENT)
            if type(value) not in types:
                return f".{name}{kind.fault(value)}"
            if check is not None and value is not None and value is not _ABSENT:
                fault = check(value)
                if fault is not None:
                    return f".{name}{fault}"
        return None if rule is None else rule(row)

    return Kind("an object", frozenset({dict}), inside)


ANY = Kind("a value", frozenset({str, int, float, bool, type(None), list, dict}))
TEXT = _kind("a string", str)
NAME = _kind(f"a name of 1 to {LONGEST_NAME} characters", str, inside=lambda text: 0 < len(text) <= LONGEST_NAME)
FLAG = _kind("true or false", bool)
WHOLE = _kind("a whole number", int)
COUNT = _kind("a whole number from 0", int, inside=lambda number: 0 <= number < _LARGEST)
REPEATS = _kind(
    f"a whole number from 1 to {MOST_REPEATS}", int, inside=lambda number: 1 <= number <= MOST_REPEATS
)  # fmt: skip
# a comparison is false for NaN
NUMBER = _kind("a finite number", int, float, inside=lambda number: abs(number) < _LARGEST)
NO_NAN = _kind("a number", int, float, inside=lambda number: not math.isnan(number))
SIZE = _kind("a finite number from 0", int, float, inside=lambda number: 0 <= number < _LARGEST)
FRACTION = _kind("a number from 0 to 1", int, float, inside=lambda number: 0 <= number <= 1)
OBJECT = _kind("an object", dict)


def _judged_or_not(row: Mapping[str, Any]) -> str | None:
    if row["not_judged"] is not (row["score"] is None):
        return ": not_judged is true for a score of null, and for no other"
    return None


def _texts_fit(scored: Mapping[str, Any]) -> str | None:
    contexts, texts = scored.get("contexts") or [""], scored.get("continuations", [])
    if len(contexts) not in (1, len(texts)):
        return f": {len(contexts)} contexts for {len(texts)} continuations"
    return None


_REQUEST = {"key": NAME, "task": NAME, "doc_id": COUNT, "doc_hash": NAME, "repeat": COUNT}
_COUNTED = _or_null(COUNT)
_MESSAGE = _object({"role": TEXT, "content": TEXT})
_GENERATION = _REQUEST | {
    "seed": _or_null(WHOLE),
    "text": TEXT,
    "finish_reason": _kind(
        "stop, length or unknown", str, inside=lambda reason: reason in {"stop", "length", "unknown"}
    ),
    "prompt_tokens": _COUNTED,
    "output_tokens": _COUNTED,
    "max_new_tokens": _COUNTED,
    "thinking_open": _optional(_or_null(TEXT)),
}  # fmt: skip
_CHOICE = _object({"logprob": NO_NAN, "tokens": _optional(_COUNTED), "greedy": _optional(_or_null(FLAG))})

RECORDS: Mapping[str, Kind] = {
    "Doc": _object({
        "task": NAME, "doc_id": COUNT, "doc_hash": NAME, "messages": _list(_MESSAGE), "gold": ANY, "row": OBJECT,
        "likelihood": _optional(_or_null(
            _object({"continuations": _optional(_list(TEXT)), "contexts": _optional(_or_null(_list(ANY)))}, _texts_fit)
        )),
    }),
    "Generation": _object(_GENERATION),
    "Likelihood": _object(_GENERATION | {
        "choices": _optional(_list(_CHOICE)), "cut": _optional(COUNT), "kind": _optional(TEXT),
    }),
    "Failure": _object(_REQUEST | {"reason": TEXT}),
    "Sample": _object(_REQUEST | {
        "score": _or_null(FRACTION), "extracted": _or_null(TEXT), "why": TEXT, "truncated": _or_null(FLAG),
        "unparsed": FLAG, "not_judged": FLAG, "prompt_tokens": _COUNTED, "output_tokens": _COUNTED,
        "text_hash": _optional(TEXT), "answer_group": _optional(_or_null(WHOLE)), "grader": _optional(TEXT),
        "metrics": _optional(_map(_or_null(NUMBER))), "weights": _optional(_map(SIZE)),
    }, _judged_or_not),
    "AnswerDrift": _object(_REQUEST | {
        "kind": TEXT, "tokens": COUNT, "kl": NO_NAN, "logprob": NO_NAN, "base_logprob": NO_NAN,
        "kl_tenths": _optional(_list(NO_NAN)), "tokens_tenths": _optional(_list(COUNT)),
        "most": _optional(_list(_kind("a list of three", list, inside=lambda token: len(token) == 3))),
    }),
    "VerdictChange": _object({
        "task": NAME, "doc_id": COUNT, "repeat": COUNT, "before": TEXT, "after": TEXT, "why": TEXT,
        "grader_before": TEXT, "grader_after": TEXT, "extracted_before": _or_null(TEXT),
        "extracted_after": _or_null(TEXT),
    }),
    "JudgedDoc": _object({
        "task": NAME, "doc_id": COUNT, "doc_hash": NAME, "scores": _list(_or_null(FRACTION)),
        "truncated": _list(_or_null(FLAG)), "unparsed": _list(FLAG), "output_tokens": _list(_COUNTED),
        "text_hashes": _list(TEXT), "cluster": _optional(_or_null(TEXT)),
    }, lambda row: None if len({len(row[name]) for name in
                               ("scores", "truncated", "unparsed", "output_tokens", "text_hashes")}) == 1
       else ": its lists differ in length"),
}  # fmt: skip
"""By the name of the record's class: a line of docs.jsonl, generations.jsonl, failures.jsonl, samples.jsonl, …"""

_SAMPLING = _map(ANY)
_SUITE = _object({
    "name": NAME, "version": WHOLE, "thinking": _or_null(FLAG), "families": _map(_list(NAME)),
    "tasks": _map(_object({"family": NAME, "repeats": REPEATS, "sampling": _SAMPLING})),
}, lambda suite: next((f".tasks.{task[:_SHOWN]}: its family {one['family']!r} does not list it"
                       for task, one in suite["tasks"].items()
                       if task not in suite["families"].get(one["family"], ())), None))  # fmt: skip
_DATA = _object({"grader": NAME, "docs": _optional(COUNT), "drawn": _optional(_or_null(OBJECT)),
                 "until": _optional(_or_null(ANY)), "task_version": _optional(_or_null(TEXT))})  # fmt: skip
_CONFIG = _object({
    "schema": WHOLE, "context": _optional(_or_null(COUNT)),
    "model": _object({"fingerprint": _optional(_or_null(TEXT)), "chat_template": _or_null(TEXT)}),
    "engine": OBJECT, "suite": _SUITE, "seed": _or_null(WHOLE), "changes": OBJECT, "data": _map(_DATA),
})  # fmt: skip


def _tasks_fit(manifest: Mapping[str, Any]) -> str | None:
    """Return a fault if suite, data and left_out do not name the same tasks."""
    config = manifest["config"]
    tasks, data = config["suite"]["tasks"].keys(), config["data"].keys()
    if odd := sorted((tasks - data - manifest["left_out"].keys()) | (data - tasks)):
        where = "data" if odd[0] in tasks else "suite.tasks"
        return f".config.{where}: it has no {odd[0][:_SHOWN]!r}"
    return None


BOUNDS = _optional(_or_null(Kind("two numbers", frozenset({list}), lambda values: (
    _list(NUMBER).fault(values) if len(values) == 2 else f": expected two numbers, found {len(values)}"
))))  # fmt: skip
_METRIC = _object({"mean": _or_null(NUMBER), "stderr": _or_null(SIZE), "bounds": BOUNDS})
_GROUP = _object({"mean": _or_null(FRACTION), "stderr": _or_null(SIZE), "bounds": BOUNDS,
                  "partial": _optional(FLAG), "missing": _optional(_list(NAME))})  # fmt: skip
_SHARES = _map(_or_null(FRACTION))
_TASK = _object({
    "family": NAME, "mean": _or_null(FRACTION), "stderr": _or_null(SIZE),
    "bounds": BOUNDS, "docs": COUNT, "docs_judged": COUNT, "repeats": COUNT,
    "samples": COUNT, "avg_at_k": _SHARES, "pass_at_k": _SHARES, "maj_at_k": _SHARES,
    "truncated": _or_null(FRACTION), "unparsed": FRACTION, "not_judged": FRACTION,
    "not_judged_reason": _optional(TEXT), "output_tokens": _or_null(SIZE), "metrics": _map(_METRIC),
    "grader": _optional(TEXT), "perplexities": _optional(_map(_METRIC)),
})  # fmt: skip

_COST = _object({"wall_time_s": SIZE, "generations": COUNT, "output_tokens": COUNT, "sessions": COUNT,
                 "tokens_per_s": _or_null(SIZE), "paid": _optional(SIZE)})  # fmt: skip

DOCUMENTS: Mapping[str, Kind] = {
    "manifest": _object({
        "created": _optional(_or_null(TEXT)), "config": _CONFIG, "left_out": _map(TEXT),
        "model": _object({"name": NAME, "path": _optional(_or_null(TEXT)), "dtype": _optional(_or_null(TEXT)),
                          "context": _optional(_or_null(COUNT))}),
        "versions": _optional(_map(TEXT)), "engine_args": _optional(OBJECT),
        "shard": _optional(_or_null(_object({"index": COUNT, "of": COUNT, "requests": COUNT}))),
        "data": _optional(_map(_object({"origin": _optional(_or_null(TEXT)), "revision": _optional(_or_null(TEXT))}))),
    }, _tasks_fit),
    "scoreboard": _object({
        "tasks": _map(_TASK), "families": _map(_GROUP), "overall": _GROUP, "left_out": _map(TEXT),
        "suite": _object({"name": NAME, "version": WHOLE}), "cost": _COST,
        "guessing": _optional(_map(_map(_map(FRACTION)))),
        "difference": _optional(_or_null(_object({
            "baseline": TEXT, "kind": TEXT, "tasks": _map(_METRIC), "families": _map(_METRIC), "overall": _METRIC,
        }))),
    }),
    "seal": _object({
        "sealed": _or_null(TEXT), "changed": _map(TEXT),
        "files": _map(_object({"bytes": COUNT, "sha256": _optional(TEXT)})),
    }),
    "baseline": _object({"manifest": OBJECT, "graders": _optional(_map(TEXT)), "cost": _optional(_COST),
                         "looks": _optional(_or_null(_list(OBJECT)))}),
    "plan": _object({
        "base": _object({"path": TEXT, "model": TEXT, "digest": TEXT}), "policy": OBJECT, "looks": COUNT,
        "tasks": _map(_object({"docs": _list(COUNT), "repeats": _list(COUNT), "fractions": _list(FRACTION)})),
    }, lambda plan: next((f".tasks.{task[:_SHOWN]}: its lists do not have one entry per look"
                          for task, one in plan["tasks"].items()
                          if any(len(values) != plan["looks"] for values in one.values())), None)),
    "look": _object({
        "look": COUNT, "asked": _list(NAME), "go_on": _list(NAME), "output_tokens": _optional(COUNT),
        "families": _map(_object({"verdict": TEXT})),
    }),
    "session": _object({"seconds": SIZE, "generations": COUNT, "output_tokens": COUNT, "engine": _optional(OBJECT),
                        "versions": _optional(_map(TEXT))}),
}  # fmt: skip
"""JSON files of a run, by kind."""


class TooDeepError(ValueError):
    """JSON nested deeper than `MOST_NESTED`."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MOST_NESTED} levels")


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises TooDeepError, or ValueError if it is not JSON."""
    try:
        value = json.loads(text)
    except RecursionError as problem:
        raise TooDeepError from problem
    if _too_deep(text, value):
        raise TooDeepError
    return value


def _too_deep(text: str | bytes, value: Any) -> bool:
    openings = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if openings <= MOST_NESTED:
        return False
    level = [value]
    for _ in range(MOST_NESTED):
        level = [
            part
            for one in level
            for part in (one.values() if type(one) is dict else one)
            if type(part) is dict or type(part) is list
        ]
        if not level:
            return False
    return True
