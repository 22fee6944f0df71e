"""Know a finished run again by what it was made from, without loading a model, a tokenizer or a data set.

A run whose requests all have an answer leaves `inputs.json` with a hash of its inputs: options, suite, versions, and
size, times and inode of every file that its prompts and texts come from. If the same command finds the same hash, no
request can be missing, and the run needs only grading and scoring. Files are known by their facts and not by content,
as `make` knows them; anything that these facts cannot vouch for (a server, rows from the hub, code of a user's own)
has no hash, and is prepared in full each time.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.core.keys import digest
from spot_eval.core.options import RunOptions
from spot_eval.core.paths import folder
from spot_eval.evaluation.checks import chosen_suite
from spot_eval.models.adapter import NO_ADAPTER
from spot_eval.models.checkpoint import folder_of
from spot_eval.runs.manifest import versions
from spot_eval.runs.seal import read_seal
from spot_eval.tasks.data.rows import data_directories
from spot_eval.tasks.docs import LoadedTask

INPUTS_FILE = "inputs.json"
ENGINES = ("hf", "vllm")
PLACES = (
    "HF_HOME",
    "HF_HUB_",
    "HF_DATASETS_",
    "CUDA_",
    "NVIDIA_",
    "ROCR_",
    "HIP_",
    "TRANSFORMERS_",
    "VLLM_",
    "SPOT_EVAL_",
)
"""Beginnings of the environment variables that can change a device, a dtype or where files are found."""
MOST_FILES = 20_000
"""Beyond it, looking at all files of a data directory takes longer than it saves."""
CODE = {".py", ".yaml", ".yml", ".json", ".toml", ".safetensors", ".jinja"}


def finished_before(options: RunOptions, found: str | None) -> Path | None:
    """Return the sealed, unchanged run directory that inputs of the hash `found` have filled; None if there is none."""
    if found is None:
        return None
    places = [options.out] if options.out else sorted(file.parent for file in options.parent.glob(f"*/{INPUTS_FILE}"))
    for place in places:
        try:
            if (place / INPUTS_FILE).is_file() and read_json(place / INPUTS_FILE).get("inputs") == found:
                seal = read_seal(place)
                return place if seal and not (seal.changed or seal.missing or seal.added) else None
        except UserError:
            continue
    return None


def keep_inputs(path: Path, found: str | None, tasks: Sequence[LoadedTask], left_out: bool) -> None:
    """Write `inputs.json` into a run of which every request has an answer, unless its inputs cannot be vouched for.

    Args:
        path: the run directory.
        found: hash of the inputs from before anything was loaded: libraries change the environment.
        tasks: as they were loaded; rows that do not lie on this machine cannot be vouched for.
        left_out: True if the run does without a task whose rows are not at hand; they may be there next time.
    """
    if found and not left_out and all(_at_hand(task) for task in tasks):
        write_json(path / INPUTS_FILE, {"inputs": found})
    else:
        (path / INPUTS_FILE).unlink(missing_ok=True)


def inputs_digest(options: RunOptions) -> str | None:
    """Return the hash of everything that decides which requests a run has; None if it cannot be known cheaply."""
    if options.engine not in ENGINES or options.fresh or options.trust_remote_code or "://" in options.model:
        return None
    suite = chosen_suite(options)
    adapters = [Path(name) for name in options.adapters if name != NO_ADAPTER]
    model = Path(options.model).expanduser()
    if suite.tasks_dir or not all(place.is_dir() for place in adapters):
        return None
    if not model.is_dir() and options.model != "miniature":
        return None
    baseline = Path(options.baseline) if options.baseline else None
    if baseline and not baseline.is_dir():
        baseline = None  # a published table: its name says all
    named = [Path(options.chat_template)] if options.chat_template and Path(options.chat_template).is_file() else []
    try:
        places = [
            folder_of(options.model), *adapters, *named, *options.data_files.values(),
            *data_directories(options.data_dirs), *([baseline / "manifest.json"] if baseline else []),
        ]  # fmt: skip
        files = [facts for place in places for facts in _facts(place)]
        code = [facts for place in _code_folders() for facts in _facts(place, CODE)]
    except (OSError, _TooManyFilesError):
        return None
    asked = {
        **asdict(replace(options, out=None, workers=None)),
        "parent": None,
        "data_dirs": [str(place) for place in options.data_dirs],
        "data_files": {task: str(place) for task, place in options.data_files.items()},
        "adapters": list(options.adapters),
        "tasks": list(options.tasks),
    }
    machine = [platform.node(), sys.prefix, {k: v for k, v in os.environ.items() if k.startswith(PLACES)}]
    return digest("inputs", asked, suite.model_dump(mode="json"), versions(), machine, files, code)


class _TooManyFilesError(Exception):
    """A folder has more files than are worth looking at."""


def _at_hand(task: LoadedTask) -> bool:
    """Return True if a task's rows come from a file here, or from a generator whose version is known."""
    generated = task.drawn is not None or task.origin.startswith(("connect4 generator", "miniature world"))
    return generated or Path(task.origin).exists()


def _code_folders() -> list[Path]:
    package = Path(__file__).resolve().parents[1]
    return [package, package.parent / "connect4", folder("tasks")]


def _facts(place: Path, suffixes: set[str] | None = None) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield name, size, times and inode of a file, or of all files below a folder, in name order."""
    if not place.is_dir():
        yield _fact(place)
        return
    seen = 0
    for base, folders, names in os.walk(place, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if suffixes is None or os.path.splitext(name)[1] in suffixes:
                seen += 1
                if seen > MOST_FILES:
                    raise _TooManyFilesError
                yield _fact(Path(base, name))


def _fact(file: Path) -> tuple[str, int, int, int, int]:
    found = file.stat()
    return str(file), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
