"""Find and read Inspect's logs: `.json` as they are, `.eval` (a compressed archive) by Inspect's own reader.

{"version": 2, "status": "success", "eval": {"task": "aime", "model": "openai/x", "config": {"epochs": 4}, …},
 "samples": [{"id": 1, "epoch": 1, "input": "…", "target": "204", "output": {…}, "scores": {"match": {"value": "C"}}}]}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.kinds import MOST_REPEATS

VERSIONS = (2,)
WORDS = {"c": 1.0, "p": 0.5, "i": 0.0, "n": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
"""Values that Inspect's metrics count so: correct, partial, incorrect, no answer."""


def looks_like_inspect(paths: Sequence[Path]) -> bool:
    """Return True if the files, or those in the folders, are Inspect's and not lm-eval's."""
    for path in paths:
        if path.suffix == ".eval":
            return True
        if path.is_dir() and not any(path.rglob("samples_*.jsonl")):
            return any(path.rglob("*.eval")) or any(_is_log(file) for file in sorted(path.rglob("*.json"))[:20])
        if path.is_file() and path.suffix == ".json":
            return _is_log(path)
    return False


def _is_log(path: Path) -> bool:
    try:
        found = read_json(path)
    except UserError:
        return False
    return isinstance(found.get("eval"), dict) and "status" in found


def find_logs(paths: Sequence[Path]) -> list[Path]:
    """Return the logs among files and folders. Raises UserError if there is none, or a path is missing."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [*path.rglob("*.eval"), *(file for file in path.rglob("*.json") if _is_log(file))]
            if not inside:
                raise UserError(f"{path} holds no logs of Inspect (.eval or .json)")
            found += sorted(inside)
        elif path.is_file():
            found.append(path)
        else:
            raise UserError(f"{path} does not exist; name Inspect's logs, or the folder they are in")
    return found


def read_log(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return (header, samples) of a log. Raises UserError if it is none, or of a version that is not known."""
    log = _unpacked(path) if path.suffix == ".eval" else read_json(path)
    if not isinstance(log.get("eval"), dict):
        raise UserError(f"{path} is not a log of Inspect: it has no `eval`")
    if log.get("version") not in VERSIONS:
        raise UserError(f"{path}: logs of Inspect are read in version 2, and this is version {log.get('version')!r}")
    samples = log.pop("samples", None) or []
    if not isinstance(samples, list):
        raise UserError(f"{path}: expected a list of samples, found {type(samples).__name__}")
    for place in HEADER:
        _refuse_other_than_objects(log, place, str(path))
    for number, sample in enumerate(samples, start=1):
        epoch = sample.get("epoch") if isinstance(sample, dict) else None
        if type(epoch) is not int or not 1 <= epoch <= MOST_REPEATS or sample.get("id") is None:
            raise UserError(f"{path}, sample {number}: it has no id, or no epoch from 1")
        for place in SAMPLE:
            _refuse_other_than_objects(sample, place, f"{path}, sample {number}")
        choices = (sample.get("output") or {}).get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(choice, Mapping) for choice in choices):
            raise UserError(f"{path}, sample {number}: output.choices is not a list of objects")
    return log, samples


HEADER = (
    "eval.dataset",
    "eval.config",
    "eval.packages",
    "eval.model_generate_config",
    "plan.config",
    "results.headline",
)
SAMPLE = ("output.usage", "scores", "metadata")
"""Places in a log that hold an object, or nothing."""


def _refuse_other_than_objects(value: Any, place: str, where: str) -> None:
    """Raise UserError if a part of the dotted `place` in `value` is neither an object nor null nor missing."""
    for name in place.split("."):
        value = value.get(name)
        if value is None:
            return
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: expected an object at {name} ({place}), found {type(value).__name__}")


def _unpacked(path: Path) -> dict[str, Any]:
    if find_spec("inspect_ai") is None:
        raise UserError(
            f"{path}: .eval files are unpacked by inspect_ai, which is not installed here; pip install inspect_ai, or "
            "convert it (`inspect log convert --to json`)"
        )
    from inspect_ai.log import read_eval_log

    try:
        log: dict[str, Any] = json.loads(read_eval_log(str(path), resolve_attachments=True).model_dump_json())
    except Exception as problem:
        first = str(problem).strip().splitlines()[0][:200] if str(problem).strip() else type(problem).__name__
        raise UserError(f"{path} cannot be read by inspect_ai ({first})") from problem
    return log


def plain_messages(given: Any) -> list[dict[str, str]]:
    """Return a sample's input, a text or messages, as messages of plain text."""
    if not isinstance(given, list):
        return [{"role": "user", "content": str(given)}]
    return [
        {"role": str(one.get("role", "user")), "content": _text_of(one.get("content"))}
        if isinstance(one, Mapping)
        else {"role": "user", "content": str(one)}
        for one in given
    ]


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(
            str(part.get("text") or f"[{part.get('type')}]") for part in content if isinstance(part, Mapping)
        )
    return str(content if content is not None else "")


def score_of(value: Any, inside: str, where: str) -> float | None:
    """Return a scorer's value as a fraction of 1; None if there is none.

    Args:
        value: a letter or word as Inspect's metrics read them, a number, or a mapping of such values.
        inside: the name of the value in a mapping; "" if it is none.
        where: begins the message of an error.

    Raises UserError if it is neither, or lies outside 0 to 1.
    """
    if isinstance(value, Mapping):
        if inside not in value:
            listed = ", ".join(map(str, value))
            raise UserError(f"{where} gives several values ({listed}); choose one with --metric SCORER.NAME")
        value = value[inside]
    if value is None:
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        number = WORDS.get(word)
        if number is None:
            try:
                number = float(word)
            except ValueError:
                raise UserError(f"{where} gives {value[:60]!r}, which is no score") from None
    elif isinstance(value, bool | int | float):
        number = value
    else:
        raise UserError(f"{where} gives a {type(value).__name__}, which is no score")
    if isinstance(number, float) and math.isnan(number):
        return None
    if not 0 <= number <= 1:  # a whole number may be too large for a float
        told = str(number)[:20]
        raise UserError(f"{where} gives {told}; scores here are fractions from 0 to 1, so choose another --metric")
    return float(number)
