"""Log-likelihoods, judged by the task's own `process_results` of lm-eval: acc, acc_norm, mc2, perplexity.

    doc: {"_task": {"include_path": ["tasks"], "name": "mmlu"}, "row": {...}, "choices": 4, "gold": [1]}
    text: '[{"greedy":true,"logprob":-0.2,"tokens":1}, …]'

Score: the first of the task's metrics that is a fraction of 1. A task that has none, such as a perplexity, scores
its text's probability per byte (the geometric mean): also a fraction of 1, and larger is better. Perplexities are
recorded in nats, with what they count (words, bytes, targets) as weights, because their mean is taken in nats; the
scoreboard shows them as perplexities.
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.graders.base import Grader, Verdict, undecided
from spot_eval.graders.task_loading import load_task_of, place_of

LN2 = math.log(2)
_loaded: dict[tuple[str, tuple[str, ...], str | None], Any] = {}


def load_task(name: str, folders: tuple[str, ...], rows: str | None, row: Mapping[str, Any]) -> Any:
    """Return lm-eval's task, loaded once per process.

    Args:
        name: name of the task.
        folders: folders of task files.
        rows: a file of rows instead of the task's own; None for its own.
        row: the only row of a task of ours, which then needs no data set; the first call decides.
    """
    key = (name, folders, rows)
    if key not in _loaded:
        from lm_eval.tasks import TaskManager

        manager = TaskManager(include_defaults=False, include_path=list(folders), metadata={"judged_row": row})
        _loaded[key] = load_task_of(manager, name, rows)
    return _loaded[key]


def judge(doc: Mapping[str, Any], text: str) -> Verdict:
    """Judge the log-likelihoods of one doc; an exception becomes "not judged"."""
    try:
        choices = json.loads(text)
        pairs = [(float(one["logprob"]), bool(one["greedy"])) for one in choices]
    except (ValueError, TypeError, KeyError):
        return undecided("these are no log-likelihoods: the record was made by another kind of task")
    if any(math.isnan(logprob) for logprob, _ in pairs):
        return undecided("the model gave NaN as a log-likelihood")
    try:
        task = load_task(*place_of(doc["_task"]), doc["row"])
        rolling = task.OUTPUT_TYPE == "loglikelihood_rolling"
        found = task.process_results(doc["row"], [logprob for logprob, _ in pairs] if rolling else pairs)
        order = list(task.aggregation())
        size = len(str(task.doc_to_target(doc["row"])).encode()) if task.OUTPUT_TYPE != "multiple_choice" else 0
    except UserError:
        raise
    except Exception as problem:  # noqa: BLE001 - a task's own code, inside a grading worker
        return undecided(f"{type(problem).__name__}: {problem}"[:200])
    metrics, weights = _metrics(found)
    scores = [metrics[name] for name in order if name in metrics and name not in weights]
    fractions = [score for score in scores if 0 <= score <= 1]
    if fractions:
        score = fractions[0]
    elif size and len(pairs) == 1:
        score = math.exp(min(0.0, pairs[0][0] / size))
    else:
        return Verdict(None, why=f"none of its metrics ({', '.join(order)}) is a fraction of 1", metrics=metrics)
    best = max(range(len(pairs)), key=lambda at: pairs[at][0])
    extracted = None if size else f"choice {best + 1}"
    return Verdict(score, extracted, metrics=metrics, weights=weights)


def _metrics(found: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Return (metrics, weights): numbers as they are, perplexities in nats per unit with the number of units."""
    metrics: dict[str, float] = {}
    weights: dict[str, float] = {}
    for name, value in found.items():
        if name == "perplexity" and _is_number(value):
            metrics["nats_per_target"], weights["nats_per_target"] = -float(value), 1.0
        elif name in {"word_perplexity", "byte_perplexity", "bits_per_byte"} and value[1]:
            total, units = -float(value[0]), float(value[1])
            shown = {"word_perplexity": "nats_per_word", "byte_perplexity": "nats_per_byte"}.get(name, name)
            metrics[shown] = total / units / (LN2 if name == "bits_per_byte" else 1.0)
            weights[shown] = units
        elif _is_number(value):
            metrics[name] = float(value)
    return metrics, weights


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not math.isnan(value)


def perfect(row: Mapping[str, Any], gold: Any) -> str | None:
    """Return log-likelihoods by which the right choices take all probability; the target's own for other tasks."""
    del gold
    right = set(row.get("gold", ()))
    choices = [
        {"greedy": at in right or not right, "logprob": 0.0 if at in right or not right else -1000.0, "tokens": 1}
        for at in range(row["choices"])
    ]
    return json.dumps(choices, separators=(",", ":"), sort_keys=True)


GRADER = Grader("likelihood", 1, judge, perfect=perfect)
