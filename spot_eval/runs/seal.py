"""The seal of a finished run or saved baseline: a hash of each of its files, so that a later change is seen.

`seal.json` is written last:

    {"sealed": "2026-05-01T10:00:00+00:00", "spot_eval": "0.9.0", "files": {"docs.jsonl": {"bytes", "sha256"}, …},
     "changed": {"samples.jsonl": "2026-05-02T09:00:00+00:00"}}

`changed` keeps the files that were found other than sealed when the run went on, with the time. A seal shows accidents
and careless edits. It is no signature: whoever can write the folder can also write another seal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spot_eval import __version__
from spot_eval.core.files import read_document, write_json
from spot_eval.core.progress import Say

SEAL_FILE = "seal.json"
FILES = (
    "manifest.json", "docs.jsonl", "generations.jsonl", "failures.jsonl", "looks.jsonl", "samples.jsonl",
    "scoreboard.json", "scoreboard.md", "inputs.json", "baseline.json", "scores.jsonl",
)  # fmt: skip
"""Files that decide the numbers of a run, or show them. sessions/*.json belong to them too."""


@dataclass(frozen=True)
class Seal:
    """The state of a sealed run: what was changed since, by name of the file."""

    sealed: str
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    earlier: Mapping[str, str] = field(default_factory=dict)
    """Files found changed when the run went on, with the time."""

    @property
    def whole(self) -> bool:
        """True if nothing was changed since, and nothing had been before."""
        return not (self.changed or self.missing or self.added or self.earlier)

    def as_json(self) -> dict[str, Any]:
        """Return the fields for a script."""
        return {**asdict(self), "whole": self.whole}

    @property
    def sentence(self) -> str:
        """Return one phrase for a table or a note."""
        parts = [
            f"{', '.join(names)} {word}"
            for names, word in (
                (self.changed, "changed"), (self.missing, "missing"), (self.added, "added"),
                (tuple(self.earlier), "had been changed when the run went on"),
            )
            if names
        ]  # fmt: skip
        return f"sealed {self.sealed}; {'since then ' + '; '.join(parts) if parts else 'unchanged'}"


def write_seal(run: Path) -> None:
    """Seal the run or saved baseline at `run` as it is now; what an opened seal had found stays noted."""
    earlier = read_document(run / SEAL_FILE, "seal")["changed"] if (run / SEAL_FILE).is_file() else {}
    files = {name: _facts(run / name) for name in _present(run)}
    write_json(run / SEAL_FILE, {"sealed": _now(), "spot_eval": __version__, "files": files, "changed": earlier})


def open_seal(run: Path) -> Seal | None:
    """Break the seal of a run that is about to be written, and return what was changed since; None if there is none.

    The changes stay noted in the file. A run that is killed then is not sealed, instead of looking changed.
    """
    seal = read_seal(run)
    if seal is not None:
        moment = _now()
        noted = dict(seal.earlier) | dict.fromkeys((*seal.changed, *seal.missing, *seal.added), moment)
        write_json(run / SEAL_FILE, {"sealed": None, "spot_eval": __version__, "files": {}, "changed": noted})
    return seal


def go_on(run: Path, say: Say) -> bool:
    """Open the seal of a run that goes on; say and return False if its files are not those that were sealed."""
    seal = open_seal(run)
    if seal is None or not (seal.changed or seal.missing or seal.added):
        return True
    say(f"{run} was {seal.sentence}; its texts are judged again")
    return False


def read_seal(run: Path) -> Seal | None:
    """Return the seal of the run or saved baseline at `run`, its files hashed again; None if it is not sealed.

    Raises UserError if seal.json is malformed.
    """
    if not (run / SEAL_FILE).is_file():
        return None
    kept = read_document(run / SEAL_FILE, "seal")
    if kept["sealed"] is None:
        return None
    now, then = _present(run), kept["files"]
    return Seal(
        kept["sealed"],
        changed=tuple(name for name in then if name in now and _facts(run / name, then[name]) != then[name]),
        missing=tuple(name for name in then if name not in now),
        added=tuple(name for name in now if name not in then),
        earlier=kept["changed"],
    )


def _present(run: Path) -> list[str]:
    sessions = sorted((run / "sessions").glob("*.json"))
    return [name for name in FILES if (run / name).is_file()] + [f"sessions/{file.name}" for file in sessions]


def _facts(file: Path, expected: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return size and hash of a file; without the hash if its size is not the expected one."""
    size = file.stat().st_size
    if expected is not None and size != expected["bytes"]:
        return {"bytes": size}
    with file.open("rb") as content:
        return {"bytes": size, "sha256": hashlib.file_digest(content, "sha256").hexdigest()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
