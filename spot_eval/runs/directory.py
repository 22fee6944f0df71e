"""The run directory: append-only records that survive a kill at any moment.

    manifest.json      written first: everything that decides a result, and which shard this is, if it is one
    docs.jsonl         the docs, with the gold that graders read
    generations.jsonl  one line per finished request, appended as it finishes
    failures.jsonl     requests that gave no text, with the reason
    sessions/1.json    one file for each time the command ran: versions, hardware, seconds, tokens
    samples.jsonl, scoreboard.json, scoreboard.md   made again from the above at any time
    inputs.json        hash of what a finished run was made from

Knows files and locks; nothing of tasks, models or graders.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spot_eval.core.errors import UserError
from spot_eval.core.files import JsonLog, check_document, read_document, read_json, write_json, writing
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Failure, Generation
from spot_eval.core.schemas import DOCUMENTS

SCHEMA = 1  # of the manifest; goes up when an older one could be misread


class RunDirectory:
    """A run on disk. `create` opens it for writing (and holds its lock); `at` reads a finished or running one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generations = JsonLog(path / "generations.jsonl")
        self.failures = JsonLog(path / "failures.jsonl")
        self._lock = FileLock(path / ".lock")

    @classmethod
    def at(cls, path: Path) -> RunDirectory:
        """Return an existing run. Raises UserError if `path` holds none."""
        if not (path / "manifest.json").is_file():
            hint = "is not a run directory (it has no manifest.json)" if path.exists() else "does not exist"
            raise UserError(f"{path} {hint}; runs are made by `spot-eval run`, by default under runs/")
        return cls(path)

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any]) -> RunDirectory:
        """Make the directory, or continue the run in it.

        Raises UserError, and changes nothing, if it belongs to another configuration, another process is working in
        it, the manifest is one that could not be read again (names of an imported log may be of any length), or it
        cannot be written.
        """
        if (fault := DOCUMENTS["manifest"].fault(dict(manifest))) is not None:
            raise UserError(f"{path}: not written, since a run cannot hold this; {fault.lstrip('.: ')}")
        refuse_place(path, manifest["config"], manifest.get("shard"))
        existing = path / "manifest.json"
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        run = cls(path)
        run.lock()
        if not existing.exists():
            try:
                write_json(existing, manifest)
            except UserError:
                run.discard()
                raise
        run.generations.repair()
        run.failures.repair()
        return run

    def lock(self) -> None:
        """Keep other processes out of this directory until `close`, or until this process ends."""
        with writing(self.path):
            try:
                self._lock.acquire(timeout=0)
            except Timeout as problem:  # an OSError too, so it is caught in here
                raise UserError(
                    f"another process is working in {self.path}; wait for it, or choose another place with --out"
                ) from problem

    def close(self) -> None:
        """Sync the logs and release the lock."""
        self.generations.close()
        self.failures.close()
        self._lock.release()

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of manifest.json."""
        return read_manifest(self.path)

    def read_generations(self) -> dict[str, Generation]:
        """Return all finished generations by key. Raises UserError if a line in the middle is broken."""
        return _by_key(self.generations.path, Generation)

    def read_failures(self) -> dict[str, Failure]:
        """Return the last failure of each key."""
        return _by_key(self.failures.path, Failure)

    def read_sessions(self) -> list[dict[str, Any]]:
        """Return the record of each time the command ran, oldest first."""
        return [read_document(self._session_file(number), "session") for number in self._sessions()]

    def new_session_file(self) -> Path:
        """Return the path of the next session's file, whose folder exists."""
        with writing(self.path / "sessions"):
            (self.path / "sessions").mkdir(exist_ok=True)
        return self._session_file(max(self._sessions(), default=0) + 1)

    def _sessions(self) -> list[int]:
        return sorted(int(file.stem) for file in (self.path / "sessions").glob("*.json") if file.stem.isdecimal())

    def _session_file(self, number: int) -> Path:
        return self.path / "sessions" / f"{number}.json"

    def discard(self) -> None:
        """Remove a run that has just been made and holds nothing yet."""
        self.close()
        for name in ("docs.jsonl", "failures.jsonl", "manifest.json", ".lock"):
            (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something is in it after all
            self.path.rmdir()


def reusable_generations(folder: Path, fingerprint: str, wanted: set[str]) -> Iterator[Generation]:
    """Yield generations with a wanted key from runs under `folder` of the same checkpoint.

    A key names everything that decides a text, so the generations of a shorter run (or of one that lacked a data set)
    need not be made again. A neighbouring run that cannot be read is skipped.
    """
    for manifest in sorted(folder.glob("*/manifest.json")):
        try:
            if read_manifest(manifest.parent)["config"]["model"]["fingerprint"] != fingerprint:
                continue
            for one in read_records(manifest.parent / "generations.jsonl", Generation):
                if one.key in wanted:
                    yield one
        except (UserError, OSError):
            continue


def _by_key(path: Path, kind: Any) -> dict[str, Any]:
    return {record.key: record for record in read_records(path, kind)} if path.exists() else {}


def _has_content(path: Path) -> bool:
    # a run killed before its manifest was there leaves a lock and perhaps a temporary file, both with a dot
    return any(not entry.name.startswith(".") for entry in path.iterdir())


def refuse_place(path: Path, config: Mapping[str, Any], shard: Mapping[str, int] | None = None) -> None:
    """Raise UserError if `path` holds something other than a run of `config`, or another shard of it."""
    existing = path / "manifest.json"
    if path.exists() and not existing.exists() and (not path.is_dir() or _has_content(path)):
        raise UserError(f"{path} exists and is not a run directory; choose another with --out")
    if existing.exists():
        found = read_manifest(path)
        _refuse_other_configuration(path, found["config"], config)
        there, here = shard_name(found.get("shard")), shard_name(shard)
        if there != here:
            raise UserError(f"{path} holds {there} and not {here}; omit --out to get a new directory, or name another")


def shard_name(shard: Mapping[str, int] | None) -> str:
    """Return how a manifest's entry `shard` reads in a sentence."""
    return f"shard {shard['index']}/{shard['of']}" if shard else "a whole run"


def refuse_shard(path: Path) -> None:
    """Raise UserError if the run at `path` is a shard, which holds a part of the answers and no verdict."""
    shard = read_manifest(path).get("shard")
    if shard:
        raise UserError(
            f"{path} is {shard_name(shard)} of a run and has no verdicts of its own; put all shards together first: "
            "spot-eval merge SHARD…"
        )


def _refuse_other_configuration(path: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    differences = list(differing(theirs, ours))
    if differences:
        shown = "; ".join(f"{name}: there {_short(a)}, here {_short(b)}" for name, a, b in differences[:3])
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise UserError(
            f"{path} holds a run of another configuration ({shown}{more}); "
            "omit --out to get a new directory, or name another"
        )


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def read_manifest(run: Path) -> dict[str, Any]:
    """Return the manifest of the run at `run`. Raises UserError if it is malformed or has another schema."""
    path = run / "manifest.json"
    manifest = read_json(path)
    config = manifest.get("config")
    schema = config.get("schema") if isinstance(config, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{path}: this version reads manifests of schema {SCHEMA}, not {schema}; run it again")
    check_document(manifest, path, "manifest")
    return manifest


def differing(a: Any, b: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the leaves in which two nested mappings differ, as (dotted name, value in a, value in b)."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted({*a, *b}):
            yield from differing(a.get(key), b.get(key), f"{name}.{key}" if name else str(key))
    elif a != b:
        yield name, a, b
