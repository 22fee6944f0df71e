"""Schemas of the records and JSON files of a run: the fields that readers rely on, checked when a file is read.

    RECORDS["Sample"].fault({"key": "9f…", …, "score": 7.5, …})     # "score: expected a number from 0 to 1 or null, …"
    DOCUMENTS["manifest"].fault(manifest)                           # None if nothing is wrong

Knows values; nothing of files. The kinds of values are made in `core.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spot_eval.core.kinds import (
    ANY,
    COUNT,
    FLAG,
    FRACTION,
    NAME,
    NO_NAN,
    NUMBER,
    OBJECT,
    REPEATS,
    SHOWN,
    SIZE,
    TEXT,
    WHOLE,
    Kind,
    list_of,
    map_of,
    object_of,
    optional,
    or_null,
    plain,
)


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
_COUNTED = or_null(COUNT)
_MESSAGE = object_of({"role": TEXT, "content": TEXT})
_GENERATION = _REQUEST | {
    "seed": or_null(WHOLE),
    "text": TEXT,
    "finish_reason": plain(
        "stop, length or unknown", str, inside=lambda reason: reason in {"stop", "length", "unknown"}
    ),
    "prompt_tokens": _COUNTED,
    "output_tokens": _COUNTED,
    "max_new_tokens": _COUNTED,
    "thinking_open": optional(or_null(TEXT)),
}  # fmt: skip
_CHOICE = object_of({"logprob": NO_NAN, "tokens": optional(_COUNTED), "greedy": optional(or_null(FLAG))})

RECORDS: Mapping[str, Kind] = {
    "Doc": object_of({
        "task": NAME, "doc_id": COUNT, "doc_hash": NAME, "messages": list_of(_MESSAGE), "gold": ANY, "row": OBJECT,
        "likelihood": optional(or_null(
            object_of(
                {"continuations": optional(list_of(TEXT)), "contexts": optional(or_null(list_of(ANY)))}, _texts_fit
            )
        )),
    }),
    "Generation": object_of(_GENERATION),
    "Likelihood": object_of(_GENERATION | {
        "choices": optional(list_of(_CHOICE)), "cut": optional(COUNT), "kind": optional(TEXT),
    }),
    "Failure": object_of(_REQUEST | {"reason": TEXT}),
    "Sample": object_of(_REQUEST | {
        "score": or_null(FRACTION), "extracted": or_null(TEXT), "why": TEXT, "truncated": or_null(FLAG),
        "unparsed": FLAG, "not_judged": FLAG, "prompt_tokens": _COUNTED, "output_tokens": _COUNTED,
        "text_hash": optional(TEXT), "answer_group": optional(or_null(WHOLE)), "grader": optional(TEXT),
        "metrics": optional(map_of(or_null(NUMBER))), "weights": optional(map_of(SIZE)),
    }, _judged_or_not),
    "AnswerDrift": object_of(_REQUEST | {
        "kind": TEXT, "tokens": COUNT, "kl": NO_NAN, "logprob": NO_NAN, "base_logprob": NO_NAN,
        "kl_tenths": optional(list_of(NO_NAN)), "tokens_tenths": optional(list_of(COUNT)),
        "most": optional(list_of(plain("a list of three", list, inside=lambda token: len(token) == 3))),
    }),
    "VerdictChange": object_of({
        "task": NAME, "doc_id": COUNT, "repeat": COUNT, "before": TEXT, "after": TEXT, "why": TEXT,
        "grader_before": TEXT, "grader_after": TEXT, "extracted_before": or_null(TEXT),
        "extracted_after": or_null(TEXT),
    }),
    "JudgedDoc": object_of({
        "task": NAME, "doc_id": COUNT, "doc_hash": NAME, "scores": list_of(or_null(FRACTION)),
        "truncated": list_of(or_null(FLAG)), "unparsed": list_of(FLAG), "output_tokens": list_of(_COUNTED),
        "text_hashes": list_of(TEXT), "cluster": optional(or_null(TEXT)),
    }, lambda row: None if len({len(row[name]) for name in
                               ("scores", "truncated", "unparsed", "output_tokens", "text_hashes")}) == 1
       else ": its lists differ in length"),
}  # fmt: skip
"""By the name of the record's class: a line of docs.jsonl, generations.jsonl, failures.jsonl, samples.jsonl, …"""

_SAMPLING = map_of(ANY)
_SUITE = object_of({
    "name": NAME, "version": WHOLE, "thinking": or_null(FLAG), "families": map_of(list_of(NAME)),
    "tasks": map_of(object_of({"family": NAME, "repeats": REPEATS, "sampling": _SAMPLING})),
}, lambda suite: next((f".tasks.{task[:SHOWN]}: its family {one['family']!r} does not list it"
                       for task, one in suite["tasks"].items()
                       if task not in suite["families"].get(one["family"], ())), None))  # fmt: skip
_DATA = object_of({"grader": NAME, "docs": optional(COUNT), "drawn": optional(or_null(OBJECT)),
                 "until": optional(or_null(ANY)), "task_version": optional(or_null(TEXT))})  # fmt: skip
_CONFIG = object_of({
    "schema": WHOLE, "context": optional(or_null(COUNT)),
    "model": object_of({"fingerprint": optional(or_null(TEXT)), "chat_template": or_null(TEXT)}),
    "engine": OBJECT, "suite": _SUITE, "seed": or_null(WHOLE), "changes": OBJECT, "data": map_of(_DATA),
})  # fmt: skip


def _tasks_fit(manifest: Mapping[str, Any]) -> str | None:
    """Return a fault if suite, data and left_out do not name the same tasks."""
    config = manifest["config"]
    tasks, data = config["suite"]["tasks"].keys(), config["data"].keys()
    if odd := sorted((tasks - data - manifest["left_out"].keys()) | (data - tasks)):
        where = "data" if odd[0] in tasks else "suite.tasks"
        return f".config.{where}: it has no {odd[0][:SHOWN]!r}"
    return None


BOUNDS = optional(or_null(Kind("two numbers", frozenset({list}), lambda values: (
    list_of(NUMBER).fault(values) if len(values) == 2 else f": expected two numbers, found {len(values)}"
))))  # fmt: skip
_METRIC = object_of({"mean": or_null(NUMBER), "stderr": or_null(SIZE), "bounds": BOUNDS})
_GROUP = object_of({"mean": or_null(FRACTION), "stderr": or_null(SIZE), "bounds": BOUNDS,
                  "partial": optional(FLAG), "missing": optional(list_of(NAME))})  # fmt: skip
_SHARES = map_of(or_null(FRACTION))
_TASK = object_of({
    "family": NAME, "mean": or_null(FRACTION), "stderr": or_null(SIZE),
    "bounds": BOUNDS, "docs": COUNT, "docs_judged": COUNT, "repeats": COUNT,
    "samples": COUNT, "avg_at_k": _SHARES, "pass_at_k": _SHARES, "maj_at_k": _SHARES,
    "truncated": or_null(FRACTION), "unparsed": FRACTION, "not_judged": FRACTION,
    "not_judged_reason": optional(TEXT), "output_tokens": or_null(SIZE), "metrics": map_of(_METRIC),
    "grader": optional(TEXT), "perplexities": optional(map_of(_METRIC)),
})  # fmt: skip

_COST = object_of({"wall_time_s": SIZE, "generations": COUNT, "output_tokens": COUNT, "sessions": COUNT,
                 "tokens_per_s": or_null(SIZE), "paid": optional(SIZE)})  # fmt: skip

DOCUMENTS: Mapping[str, Kind] = {
    "manifest": object_of({
        "created": optional(or_null(TEXT)), "config": _CONFIG, "left_out": map_of(TEXT),
        "model": object_of({"name": NAME, "path": optional(or_null(TEXT)), "dtype": optional(or_null(TEXT)),
                          "context": optional(or_null(COUNT))}),
        "versions": optional(map_of(TEXT)), "engine_args": optional(OBJECT),
        "shard": optional(or_null(object_of({"index": COUNT, "of": COUNT, "requests": COUNT}))),
        "data": optional(map_of(object_of({"origin": optional(or_null(TEXT)), "revision": optional(or_null(TEXT))}))),
    }, _tasks_fit),
    "scoreboard": object_of({
        "tasks": map_of(_TASK), "families": map_of(_GROUP), "overall": _GROUP, "left_out": map_of(TEXT),
        "suite": object_of({"name": NAME, "version": WHOLE}), "cost": _COST,
        "guessing": optional(map_of(map_of(map_of(FRACTION)))),
        "difference": optional(or_null(object_of({
            "baseline": TEXT, "kind": TEXT, "tasks": map_of(_METRIC), "families": map_of(_METRIC), "overall": _METRIC,
        }))),
    }),
    "seal": object_of({
        "sealed": or_null(TEXT), "changed": map_of(TEXT),
        "files": map_of(object_of({"bytes": COUNT, "sha256": optional(TEXT)})),
    }),
    "baseline": object_of({"manifest": OBJECT, "graders": optional(map_of(TEXT)), "cost": optional(_COST),
                         "looks": optional(or_null(list_of(OBJECT)))}),
    "plan": object_of({
        "base": object_of({"path": TEXT, "model": TEXT, "digest": TEXT}), "policy": OBJECT, "looks": COUNT,
        "tasks": map_of(object_of({"docs": list_of(COUNT), "repeats": list_of(COUNT), "fractions": list_of(FRACTION)})),
    }, lambda plan: next((f".tasks.{task[:SHOWN]}: its lists do not have one entry per look"
                          for task, one in plan["tasks"].items()
                          if any(len(values) != plan["looks"] for values in one.values())), None)),
    "look": object_of({
        "look": COUNT, "asked": list_of(NAME), "go_on": list_of(NAME), "output_tokens": optional(COUNT),
        "families": map_of(object_of({"verdict": TEXT})),
    }),
    "session": object_of({"seconds": SIZE, "generations": COUNT, "output_tokens": COUNT, "engine": optional(OBJECT),
                        "versions": optional(map_of(TEXT))}),
}  # fmt: skip
"""JSON files of a run, by kind."""
