"""Any lm-eval task that names no grader of ours: its own filters, then its own `process_results`.

    doc: {"_task": {"include_path": ["my/tasks"], "name": "gsm8k"}, "row": {...}}

Score: the first metric of its `metric_list`, as the first filter gives it; beside it every metric that is a
number. The task is loaded once a process, with its data set, which lm-eval insists on.
"""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.graders.base import Grader, Verdict, after_thinking, no_answer, undecided
from spot_eval.graders.task_loading import load_task_of, place_of

_FALLBACK = "[invalid]"  # what lm-eval's regex filters say where nothing matched


@functools.cache
def _task(name: str, folders: tuple[str, ...], rows: str | None) -> Any:
    from lm_eval.tasks import TaskManager

    return load_task_of(TaskManager(include_defaults=False, include_path=list(folders)), name, rows)


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Run the task's own judgement on the answer after the thinking; an exception becomes "not judged"."""
    said = after_thinking(text)
    if said is None:
        return no_answer("the thinking never ended")
    try:
        task = _task(*place_of(doc["_task"]))
        answer = _filtered(task, doc["row"], said)
        found = task.process_results(doc["row"], [answer])
        headline = next(iter(task.aggregation()))
    except UserError:  # its files are not where they were: something for the user to fix
        raise
    except Exception as problem:  # noqa: BLE001 - foreign code on hostile text, inside a grading worker
        return undecided(f"{type(problem).__name__}: {problem}"[:200])
    metrics = {name: float(value) for name, value in found.items() if _is_number(value)}
    extracted = answer if isinstance(answer, str) else repr(answer)
    if headline not in metrics:
        return undecided(f"metric {headline} is {found.get(headline)!r}, not a number"[:200], extracted, **metrics)
    unparsed = answer == _FALLBACK and metrics[headline] == 0
    return Verdict(metrics[headline], None if unparsed else extracted, "", unparsed, metrics)


def _filtered(task: Any, row: Mapping[str, Any], text: str) -> Any:
    """The text as the task's first filter leaves it."""
    from lm_eval.api.instance import Instance

    request = Instance(request_type="generate_until", doc=dict(row), arguments=("", {}), idx=0)
    request.resps = [text]
    task._instances = [request]
    task.apply_filters()
    return next(iter(request.filtered_resps.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not math.isnan(value)


def perfect(row: Mapping[str, Any], gold: Any) -> str | None:
    """The bare gold (of several the first), which a task's filter may or may not read; None if it is no text."""
    del row
    first = gold[0] if isinstance(gold, list) and gold else gold
    return str(first) if isinstance(first, str | int | float) else None


GRADER = Grader("lm_eval", 2, judge, perfect=perfect)
