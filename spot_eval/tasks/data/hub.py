"""Rows from the Hugging Face hub, at the revision it has today, or from its cache where it cannot be reached.

    rows_of("HuggingFaceH4/aime_2024", None, "train")    # ([RawRow(…), …], the commit they are from)

Knows no task, and nothing of files of one's own: that is the matter of `rows`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.tasks.data.adapters import RawRow


class NoRowsError(Exception):
    """The hub gave none; its text says why, as what follows the data set's name in a sentence."""


def rows_of(hub: str, name: str | None, split: str) -> tuple[list[RawRow], str]:
    """The rows of a data set's configuration and split (or its only split), and their revision.

    Raises NoRowsError if there is none to be had, UserError if there are several splits and not this one.
    """
    import datasets
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    unreachable: tuple[type[Exception], ...] = (OSError, *_transport_errors())  # offline mode is an OSError
    place = hub
    try:
        revision = HfApi().dataset_info(hub, timeout=15).sha
    except HfHubHTTPError as problem:
        raise NoRowsError(f"answered {_one_line(problem)}") from problem
    except unreachable as problem:
        snapshot = _cached_snapshot(hub)
        if snapshot is None:
            raise NoRowsError(f"cannot be reached ({_one_line(problem)})") from problem
        place, revision = str(snapshot), snapshot.name
    at = {"revision": revision} if place == hub else {}
    failing = (*unreachable, ValueError, HfHubHTTPError, datasets.exceptions.DatasetsError)
    try:
        loaded = datasets.load_dataset(place, name, **at)
    except failing as problem:
        raise NoRowsError(f"gave no rows ({_one_line(problem)})") from problem
    found = split if split in loaded else next(iter(loaded))
    if found != split and len(loaded) > 1:
        raise UserError(f"hub:{hub}: no split {split!r} among {', '.join(loaded)}")
    where = f"hub:{hub}@{revision[:8]}, row"
    return [RawRow(dict(row), f"{where} {number}") for number, row in enumerate(loaded[found], 1)], revision


def in_cache(hub: str) -> str | None:
    """Return the place of a data set on this machine, in words; None if it has none. Opens no file."""
    repo = _repo(hub)
    if (repo / "snapshots").is_dir():
        return f"hub cache {repo}"

    def plain(name: str) -> str:
        return name.lower().replace("_", "")

    wanted, prepared = plain(hub.replace("/", "___")), _cache_folders()[1]
    for folder in sorted(prepared.iterdir()) if prepared.is_dir() else ():
        if plain(folder.name) == wanted:
            return f"datasets cache {folder}"
    return None


def _repo(hub: str) -> Path:
    return _cache_folders()[0] / f"datasets--{hub.replace('/', '--')}"


def _cache_folders() -> tuple[Path, Path]:
    """The hub's cache and that of `datasets`, as both libraries find them, without importing either."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    home = Path(os.environ.get("HF_HOME") or cache / "huggingface").expanduser()
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub"
    return Path(hub).expanduser(), Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets").expanduser()


def _cached_snapshot(hub: str) -> Path | None:
    """The hub's cached copy: the one its ref names, else the newest (a load by revision writes no ref)."""
    repo = _repo(hub)
    ref = repo / "refs" / "main"
    if ref.is_file() and (named := repo / "snapshots" / ref.read_text().strip()).is_dir():
        return named
    return max((repo / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime, default=None)


def _transport_errors() -> tuple[type[Exception], ...]:
    """The network errors of the HTTP library under huggingface_hub, which changed between its versions."""
    names: Mapping[str, str] = {"httpx2": "HTTPError", "httpx": "HTTPError", "requests": "RequestException"}
    found = [name for name in names if importlib.util.find_spec(name)]
    return tuple(getattr(importlib.import_module(name), names[name]) for name in found)


def _one_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160].rstrip(".")
