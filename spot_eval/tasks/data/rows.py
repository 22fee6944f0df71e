"""Find and load the rows of a task: from a file, a local mirror, the hub, or a seed; each gives the same docs.

    load_rows(SOURCES["aime24"], ["/data"])  # /data/aime24/aime24.jsonl, else the hub
    Rows(rows=[{"id": ..., "problem": ..., "answer": "204"}, ...], origin="/data/aime24/aime24.jsonl", ...)

Order: the file named for the task (`--data TASK=FILE`), each data directory (`--data-dir`, else
SPOT_EVAL_DATA), the hub (`hub`). Connect4's boards are drawn from a seed unless a file is named (`drawn`). Which data
set a task has is written in `sources`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.tasks.data.adapters import DocFields, RawRow
from spot_eval.tasks.data.hub import NoRowsError, in_cache, rows_of
from spot_eval.tasks.data.row_files import read_rows
from spot_eval.tasks.data.sources import SOURCES, Source

DATA_DIRS = "SPOT_EVAL_DATA"


class MissingData(UserError):  # noqa: N818 - says what is the matter; a gated task may be left out for it
    """Rows are not at hand: neither in a file nor on a mirror nor on the hub."""


@dataclass(frozen=True)
class Rows:
    """Docs, where they were found, the hub revision (None for a file), and the hash of their content.

    `sha256` is over the docs, not the file: a mirror and the hub with the same rows have the same hash. `drawn` says
    from which seed, by which version of the generator, where they were.
    """

    rows: list[DocFields]
    origin: str
    revision: str | None
    sha256: str
    drawn: Mapping[str, int] | None = None


def load_rows(
    source: Source,
    data_dirs: Sequence[str | Path] = (),
    file: str | Path | None = None,
    *,
    seed: int | None = None,
    files: Mapping[str, str] | None = None,
) -> Rows:
    """The docs of `source`; `seed` is for sets that are drawn, `files` those named for other tasks.

    Args:
        source: the data set.
        data_dirs: folders of local data sets, in order of preference.
        file: a file of rows, which goes before them.
        seed: seed of a set that is drawn.
        files: the files named for other tasks.

    Raises UserError for a bad file or row, MissingData where nothing is at hand.
    """
    path = _file(source, data_dirs, file)
    facts = None
    if path:
        raw, origin, revision = list(read_rows(path)), str(path), None
    elif source.drawn:
        like: list[DocFields] = []
        if model := source.drawn.like:
            like = load_rows(SOURCES[model], data_dirs, (files or {}).get(model)).rows
        made, facts = source.drawn.rows(source.docs or 0, seed or 0, like)
        origin = f"connect4 generator {facts['generator']}, level {facts['level']}, seed {facts['seed']}"
        raw, revision = [RawRow(row, f"{origin}, board {number}") for number, row in enumerate(made)], None
    elif source.hub is None:
        raise MissingData(f"{source.task}: no rows at hand; give your own: --data {source.task}=FILE (JSONL or CSV)")
    else:
        try:
            raw, revision = rows_of(source.hub, source.name, source.split)
        except NoRowsError as problem:
            raise _missing(source, data_dirs, str(problem)) from problem
        origin = f"hub:{source.hub}" + (f"/{source.name}" if source.name else "")
    if not raw:
        raise UserError(
            f"{path or origin}: no rows" + (f", though {source.task} has {source.docs}" if source.docs else "")
        )
    docs = [source.adapter(row) for row in raw]
    seen: dict[str, int] = {}
    for doc in docs:
        seen[doc["id"]] = seen.get(doc["id"], 0) + 1
        if seen[doc["id"]] > 1:  # the same text twice in one data set
            doc["id"] += f"-{seen[doc['id']]}"
    content = "".join(json.dumps(doc, sort_keys=True, ensure_ascii=False) + "\n" for doc in docs)
    return Rows(docs, origin, revision, hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(), facts)


def at_hand(source: Source, data_dirs: Sequence[str | Path] = (), file: str | Path | None = None) -> str | None:
    """Return the source of the rows without the network, in words; None if there is none. Opens no file."""
    path = _file(source, data_dirs, file)
    if path:
        return str(path)
    if source.drawn:
        return None if source.drawn.like and not at_hand(SOURCES[source.drawn.like], data_dirs) else "drawn from a seed"
    if source.hub is None:
        return None
    return in_cache(source.hub)


def data_directories(data_dirs: Sequence[str | Path] = ()) -> list[Path]:
    """The directories to look in: those given, else SPOT_EVAL_DATA's. Raises UserError if one is none."""
    given = list(data_dirs) or [part for part in os.environ.get(DATA_DIRS, "").split(os.pathsep) if part]
    folders = [Path(part).expanduser() for part in given]
    for folder in folders:
        if not folder.is_dir():
            whence = "--data-dir" if data_dirs else DATA_DIRS
            raise UserError(f"{whence}: {folder} is not a directory")
    return folders


def _file(source: Source, data_dirs: Sequence[str | Path], file: str | Path | None) -> Path | None:
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            kind = "is a folder; name the file in it" if path.is_dir() else "there is no such file"
            raise UserError(f"--data {source.task}={file}: {kind}")
        return path
    candidates = (folder / name for folder in data_directories(data_dirs) for name in source.mirror)
    return next((path for path in candidates if path.is_file()), None)


def _missing(source: Source, data_dirs: Sequence[str | Path], why: str) -> MissingData:
    folders = data_directories(data_dirs)
    tried = f"no {source.mirror[0]} in {', '.join(map(str, folders))}" if folders else "no data directory was named"
    ways = f"give --data-dir DIR or --data {source.task}=FILE"
    if source.gated:
        ways += (
            " (a CSV or JSONL in the original columns), or accept the licence at "
            f"https://huggingface.co/datasets/{source.hub} and set HF_TOKEN"
        )
    else:
        ways += ", or go online (`hf auth login` where the hub asks for it)"
    return MissingData(f"{source.task}: no rows at hand: {tried}, and hub data set {source.hub} {why}; {ways}")
