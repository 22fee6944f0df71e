"""Find, read and check lm-eval's sample logs. Knows the format of 0.4.13, and older ones where they differ.

{"doc_id": 0, "doc": {…}, "target": "18", "arguments": {"gen_args_0": {"arg_0": "Question: …", …}},
 "resps": [["…"]], "filtered_resps": ["18"], "filter": "strict-match", "metrics": ["exact_match"],
 "doc_hash": "…", "prompt_hash": "…", "target_hash": "…", "exact_match": 1.0}
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.record_files import read_lines
from spot_eval.tasks.suite import nearest

FILE = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl$")
PREFERRED = ("score", "exact_match", "acc", "prompt_level_strict_acc", "acc_norm", "pass@1", "f1")


@dataclass(frozen=True)
class Log:
    """A task's log: lines of one filter, judged by one metric."""

    task: str
    path: Path
    lines: list[dict[str, Any]]
    filter: str
    metric: str


def find_logs(paths: Sequence[Path], results_file: Path | None) -> tuple[dict[str, Path], Path | None]:
    """Return task to its log, in files and folders, and the results file that belongs to them.

    Raises UserError if a log is missing, or a task or the results could be one of several files.
    """
    given: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob("samples_*.jsonl"))
            if not inside:
                raise UserError(f"{path} holds no samples_….jsonl; lm-eval writes them with --log_samples")
            given += inside
        elif path.is_file():
            given.append(path)
        else:
            raise UserError(f"{path} does not exist; name lm-eval's samples_….jsonl, or the folder they are in")
    found: dict[str, Path] = {}
    for path in given:
        name = FILE.search(path.name)
        task = name["task"] if name else path.stem.removeprefix("samples_")
        if task in found:
            raise UserError(f"task {task} has two logs, {found[task]} and {path}; name the one to take")
        found[task] = path
    if results_file:
        return found, results_file
    results = {file for path in found.values() for file in _results_beside(path)}
    if len(results) > 1:
        shown = ", ".join(sorted(map(str, results)))
        raise UserError(f"the logs have several results files ({shown}); name one with --results")
    return found, next(iter(results), None)


def _results_beside(log: Path) -> Iterable[Path]:
    """Return the results file of the log's date, or the only one there is."""
    name = FILE.search(log.name)
    if name and (same := log.parent / f"results_{name['date']}.json").is_file():
        return [same]
    beside = list(log.parent.glob("results*.json"))
    return beside if len(beside) == 1 else []


def read_log(
    task: str, path: Path, say: Callable[[str], None], *, metric: str | None = None, of_filter: str | None = None
) -> Log:
    """Return a log, checked, with the lines of one filter and the metric that counts.

    Args:
        task: name of the task.
        path: the file of samples that lm-eval wrote with --log_samples.
        say: receives the choice if the log has several filters or metrics.
        metric: the metric to take; None for the first that is a number per doc.
        of_filter: the filter to take; None for the first.

    Raises UserError for a line that is not an lm-eval sample, or that lacks filter or metric.
    """
    lines = list(read_lines(path))
    if not lines:
        raise UserError(f"{path} is empty")
    for number, line in enumerate(lines, start=1):
        if lacking := [name for name in ("doc_id", "doc", "target") if name not in line]:
            raise UserError(f"{path}, line {number}: not an lm-eval sample (it lacks {lacking[0]!r})")
        if type(line["doc_id"]) is not int or not 0 <= line["doc_id"] < 2**63:
            raise UserError(f"{path}, line {number}: doc_id {line['doc_id']!r} is not a whole number from 0")
    filters = list(dict.fromkeys(str(line.get("filter", "none")) for line in lines))
    chosen = of_filter or filters[0]
    if chosen not in filters:
        raise UserError(f"{path}: no line has the filter {chosen!r}{nearest(chosen, filters)}")
    lines = [line for line in lines if str(line.get("filter", "none")) == chosen]
    metrics = _metrics(lines)
    if not metrics:
        raise UserError(f"{path}: its samples have no metric that is a number for each doc")
    counted = metric or next((name for name in PREFERRED if name in metrics), metrics[0])
    if counted not in metrics:
        raise UserError(f"{path}: the samples have no metric {counted!r}{nearest(counted, metrics)}")
    others = [f"filters {', '.join(filters)}"] if len(filters) > 1 and not of_filter else []
    others += [_why_counted(counted, metrics)] if len(metrics) > 1 and not metric else []
    if others:
        say(f"{task}: {counted} of filter {chosen} is taken ({'; '.join(others)}: choose with --metric, --filter)")
    if missing := sum(not is_number(line.get(counted)) for line in lines):
        say(f"{task}: {missing} of {len(lines)} docs have no {counted} that is a number; they are not judged")
    seen = Counter(line["doc_id"] for line in lines)
    if doubles := [doc for doc, count in seen.items() if count > 1]:
        raise UserError(f"{path}: doc_id {doubles[0]} is there {seen[doubles[0]]} times; one file holds one run")
    for line in lines:
        value = line.get(counted)
        if is_number(value) and not 0 <= value <= 1:
            raise UserError(
                f"{path}: {counted} of doc {line['doc_id']} is {value}; only metrics between 0 and 1 can be compared "
                "(choose another with --metric)"
            )
    return Log(task, path, sorted(lines, key=lambda line: line["doc_id"]), chosen, counted)


def _why_counted(counted: str, metrics: Sequence[str]) -> str:
    reason = "the first of our order of preference" if counted in PREFERRED else "the first that the log names"
    return f"metrics {', '.join(metrics)}; {counted} is {reason}"


def _metrics(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the metrics that are a number per doc, in the order the lines name them.

    All lines are read: a number may be missing (null or NaN) on some, but not on all, and nothing else may stand there.
    """
    named = (line["metrics"] for line in lines if isinstance(line.get("metrics"), list))
    names = dict.fromkeys(str(name) for each in named for name in each)
    return [name for name in names if _is_metric([line.get(name) for line in lines])]


def _is_metric(values: Sequence[Any]) -> bool:
    """Return True if all values are numbers, NaN or missing, and at least one is a number."""
    return any(map(is_number, values)) and all(value is None or isinstance(value, int | float) for value in values)


def is_number(value: Any) -> TypeGuard[float]:
    """Return True if `value` is a number other than NaN."""
    return isinstance(value, int) or (isinstance(value, float) and not math.isnan(value))


def row_hash(line: Mapping[str, Any]) -> str:
    """Return lm-eval's hash of a doc's row, or ours if its version wrote none."""
    return str(line.get("doc_hash") or digest(line["doc"]))


def target_hash(line: Mapping[str, Any]) -> str:
    """Return lm-eval's hash of a doc's target, or ours if its version wrote none."""
    return str(line.get("target_hash") or digest(line["target"]))


def prompt_of(line: Mapping[str, Any]) -> str:
    """Return the context of the first request, wherever this version of lm-eval keeps it."""
    arguments = line.get("arguments")
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else None
    if isinstance(first, dict):
        return text_of(first.get("arg_0")) or ""
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], list) and arguments[0]:
        return text_of(arguments[0][0]) or ""
    return ""


def answer_of(line: Mapping[str, Any]) -> tuple[str | None, int]:
    """Return (the first text, the number of texts); the answer to a choice is its log-likelihoods."""
    resps = line.get("resps")
    if not isinstance(resps, list) or not resps:
        return None, 0
    first = resps[0]
    if isinstance(first, list) and first and isinstance(first[0], str):
        return first[0], len(first)
    if isinstance(first, str):
        return first, len(resps)
    return json.dumps(resps, ensure_ascii=False), 1


def extracted_of(line: Mapping[str, Any]) -> str | None:
    """Return the filter's result for the first answer, as text."""
    found = line.get("filtered_resps")
    while isinstance(found, list) and len(found) == 1:
        found = found[0]
    return None if found is None else text_of(found)


def text_of(value: Any) -> str | None:
    """Return `value` as text; as JSON if it is not a text."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
