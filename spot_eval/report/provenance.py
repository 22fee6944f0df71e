"""Provenance of the numbers: entries of the runs' manifests and sessions, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from spot_eval.core.paths import shown_path
from spot_eval.display import format
from spot_eval.display.format import clock
from spot_eval.runs.finished import FinishedRun

UNKNOWN = "not known"


def facts(sides: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """Return groups of rows. A row has one value per run; it `differs` if they are unequal in a way that may matter."""
    groups: list[tuple[str, dict[str, Callable[[FinishedRun], str]], bool]] = [
        ("Model", _MODEL, True),
        ("Suite and sampling", _SUITE, True),
        ("Run", _RUN, False),
    ]
    found: list[dict[str, Any]] = [
        {"title": title, "rows": [_row(name, [read(side) for side in sides], marked) for name, read in rows.items()]}
        for title, rows, marked in groups
    ]
    tasks = list(dict.fromkeys(task for side in sides for task in side.config["suite"]["tasks"]))
    found.append({"title": "Data", "rows": [_row(task, [_data(side, task) for side in sides], True) for task in tasks]})
    versions = list(dict.fromkeys(name for side in sides for name in side.manifest.get("versions") or {}))
    rows = [_row(name, [str((side.manifest.get("versions") or {}).get(name, UNKNOWN)) for side in sides], True)
            for name in versions]  # fmt: skip
    found.append({"title": "Versions", "rows": rows})
    for group in found:
        group["rows"] = [row for row in group["rows"] if any(value != UNKNOWN for value in row["cells"])]
    return [group for group in found if group["rows"]]


def _row(name: str, values: Sequence[str], marked: bool) -> dict[str, Any]:
    same = len(set(values)) == 1
    may_differ = name in _MAY_DIFFER
    return {"name": name, "cells": list(values), "shared": same, "differs": marked and not same and not may_differ}


_MAY_DIFFER = {"name", "path", "fingerprint"}  # two checkpoints always do


def _said(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return UNKNOWN
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {_said(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return shown_path(value) if isinstance(value, str) else str(value)


def _sampling(side: FinishedRun) -> str:
    """Return the sampling of all tasks as text, with exceptions of single tasks behind it."""
    tasks = side.config["suite"]["tasks"]
    shown = {task: _said(settings["sampling"]) for task, settings in tasks.items()}
    if len(set(shown.values())) == 1:
        return next(iter(shown.values()))
    common = {
        name: value
        for name, value in next(iter(tasks.values()))["sampling"].items()
        if all(settings["sampling"].get(name) == value for settings in tasks.values())
    }
    own = [
        f"{task}: {_said({n: v for n, v in settings['sampling'].items() if n not in common})}"
        for task, settings in tasks.items()
    ]
    return "\n".join([_said(common), *own] if common else own)


def _repeats(side: FinishedRun) -> str:
    repeats = {task: settings["repeats"] for task, settings in side.config["suite"]["tasks"].items()}
    if len(set(repeats.values())) == 1:
        return str(next(iter(repeats.values())))
    return ", ".join(f"{task} {count}" for task, count in repeats.items())


def _data(side: FinishedRun, task: str) -> str:
    settings = side.config["data"].get(task)
    if settings is None:
        return side.manifest.get("left_out", {}).get(task, UNKNOWN)
    origin = (side.manifest.get("data") or {}).get(task) or {}
    parts = [
        _said(origin.get("origin")),
        f"revision {origin['revision']}" if origin.get("revision") else "",
        f"content {settings['content_hash']}" if settings.get("content_hash") else "",
        f"grader {settings['grader']}" if settings.get("grader") else "",
    ]
    return ", ".join(part for part in parts if part)


def _cost(side: FinishedRun) -> str:
    cost = side.board["cost"]
    if not cost["generations"]:
        return UNKNOWN
    return (
        f"{format.several(cost['generations'], 'generation')}, {format.several(cost['output_tokens'], 'token')} in "
        f"{clock(cost['wall_time_s'])}"
    )


def _hardware(side: FinishedRun) -> str:
    shown = [_said(session.get("hardware")) for session in side.sessions]
    return "; ".join(dict.fromkeys(one for one in shown if one != UNKNOWN)) or UNKNOWN


_MODEL: dict[str, Callable[[FinishedRun], str]] = {
    "name": lambda side: side.name,
    "path": lambda side: _said(side.manifest["model"].get("path")),
    "fingerprint": lambda side: _said(side.config["model"].get("fingerprint")),
    "chat template": lambda side: _said(side.config["model"].get("chat_template")),
    "dtype": lambda side: _said(side.manifest["model"].get("dtype")),
    "context": lambda side: _said(side.config.get("context")),
    "engine": lambda side: _said(side.config.get("engine")),
}
_SUITE: dict[str, Callable[[FinishedRun], str]] = {
    "suite": lambda side: f"{side.config['suite']['name']} v{side.config['suite']['version']}",
    "changed by the command line": lambda side: _said(side.config["changes"]) if side.config["changes"] else "nothing",
    "sampling": _sampling,
    "repeats": _repeats,
    "thinking": lambda side: {True: "on", False: "off"}.get(side.config["suite"].get("thinking"), UNKNOWN),
    "seed": lambda side: _said(side.config.get("seed")),
}
_RUN: dict[str, Callable[[FinishedRun], str]] = {
    "files": lambda side: side.seal.sentence if side.seal else "not sealed",
    "records": lambda side: f"{side.path}{' (saved baseline: scores, no texts)' if side.saved else ''}",
    "created": lambda side: _said(side.manifest.get("created")),
    "cost": _cost,
    "hardware": _hardware,
}
