"""Rows of a procedural task, drawn from a seed by a generator of reasoning-gym; nobody can have trained on them.

    drawn = draw(Fresh(generator="shortest_path", seed=7, n=100))
    drawn.rows[0]   # {"generator": "shortest_path", "question": "…", "answer": "up right", "metadata": {…}, …}

The generator's own verifier judges answers (`graders.reasoning_gym`). It sees hostile text, so a generator is refused
if its module evaluates text as code; so is one that gives no answer of its own, whose verifier refuses its answer, or
that draws other rows from the same seed.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, NamedTuple

from spot_eval.core.errors import UserError
from spot_eval.graders.reasoning_gym import verify
from spot_eval.tasks.suite import Fresh, nearest

EVALUATES = {"eval", "exec", "compile", "parse_expr", "sympify", "S", "__import__"}
CONSTANTS = 20  # answers tried as the best constant one


class DrawnRows(NamedTuple):
    """Rows, and what must be known to draw them again; `guess` is the score of the best constant answer."""

    rows: list[dict[str, Any]]
    facts: dict[str, Any]


def draw(fresh: Fresh, seed: int | None = None) -> DrawnRows:
    """Draw the rows of a task.

    Args:
        fresh: generator, seed, number of rows and settings, as the suite has them.
        seed: another seed instead of the suite's (`--fresh`).

    Raises UserError if reasoning-gym is not installed, the generator is unknown or refused, or its settings are wrong.
    """
    version = check_generator(fresh.generator)
    used = fresh.seed if seed is None else seed
    rows = _rows(fresh, used)
    if _rows(fresh.model_copy(update={"n": min(3, fresh.n)}), used) != rows[: min(3, fresh.n)]:
        raise UserError(f"generator {fresh.generator!r} draws other rows from the same seed; take another")
    for number, row in enumerate(rows):
        if row["answer"] is None:
            raise UserError(f"generator {fresh.generator!r} gives no answer of its own (row {number}); take another")
        if verify(row, row["answer"]) < 1:
            raise UserError(
                f"generator {fresh.generator!r}: its verifier refuses its own answer (row {number}); take another"
            )
    facts = {
        "generator": f"reasoning-gym:{fresh.generator}",
        "version": version,
        "seed": used,
        "rows": len(rows),
        "fresh": used != fresh.seed,
        "guess": best_constant(rows),
    }
    return DrawnRows(rows, facts)


def check_generator(name: str) -> str:
    """Return reasoning-gym's version; raise UserError if there is no such generator, or it may not be used."""
    version = installed_version()
    if version is None:
        raise UserError("fresh tasks need reasoning-gym, not installed here; pip install 'spot-eval[fresh]'")
    from reasoning_gym.factory import DATASETS

    if name not in DATASETS:
        raise UserError(f"reasoning-gym has no generator {name!r}{nearest(name, sorted(DATASETS))}")
    if found := sorted(_evaluating(DATASETS[name][0])):
        raise UserError(
            f"generator {name!r} is not used: its module calls {found[0]}, and answers are hostile text; take another"
        )
    return version


def installed_version() -> str | None:
    """Return the version of reasoning-gym here, None if it is not installed."""
    try:
        return metadata.version("reasoning-gym")
    except metadata.PackageNotFoundError:
        return None


def best_constant(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the share of rows that the best constant answer solves: what a model scores that reads no question.

    Tried are the most frequent right answers of these very rows, so the figure is an upper end.
    """
    answers = [answer for answer, _ in Counter(str(row["answer"]) for row in rows).most_common(CONSTANTS)]
    with contextlib.redirect_stdout(io.StringIO()):  # some verifiers print what they think of an answer
        return max(sum(verify(row, answer) >= 1 for row in rows) / len(rows) for answer in answers)


def _rows(fresh: Fresh, seed: int) -> list[dict[str, Any]]:
    import reasoning_gym

    try:
        found = reasoning_gym.create_dataset(fresh.generator, seed=seed, size=fresh.n, **fresh.config)
        entries = [found[number] for number in range(fresh.n)]
    except (AssertionError, TypeError, ValueError, LookupError, ArithmeticError) as problem:
        reason = str(problem) or type(problem).__name__
        raise UserError(f"generator {fresh.generator!r} with {fresh.config}: {reason}") from problem
    # as JSON has it, which is what the verifier will see of it
    return [
        {
            "id": f"{fresh.generator}-{seed}-{number}",
            "generator": fresh.generator,
            "question": entry["question"],
            "answer": entry["answer"],
            "metadata": json.loads(json.dumps(entry["metadata"], default=str)),
            "config": fresh.config,
        }
        for number, entry in enumerate(entries)
    ]


def _evaluating(dataset: type) -> set[str]:
    """The calls in the modules of a data set's class by which text becomes code."""
    found = set()
    for part in dataset.__mro__:
        if not part.__module__.startswith("reasoning_gym."):
            continue
        for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(part) or part))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                if name in EVALUATES and not _is_regex(node.func):
                    found.add(str(name))
    return found


def _is_regex(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "re"
