"""List the runs of a folder with their scores: the leaderboard of `spot-eval runs`.

    found = list_runs(Path("runs"))
    found.entries[0].families["in_domain"].mean    # 0.765
    found.broken                                   # [Broken(path, "manifest.json: not JSON (…)")]

Reads manifest.json, scoreboard.json and gate.json of each run, and counts the generations of an unfinished one. Nothing
is computed again, so the numbers are those of the scoreboard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_document, read_json
from spot_eval.core.record_files import checked_rows
from spot_eval.core.records import Doc
from spot_eval.runs.directory import read_manifest, shard_name
from spot_eval.runs.finished import read_saved_head
from spot_eval.runs.judged import SAVED_FILE
from spot_eval.tasks.suite import nearest

RUN_FILES = ("docs.jsonl", "generations.jsonl", "samples.jsonl", "scoreboard.json", "sessions")
DEFAULT_SORT = "overall"
OWN_KEYS = ("overall", "when", "model", "suite", "state", "verdict", "path")
VERDICTS = ("pass", "inconclusive", "fail")


class Score(NamedTuple):
    """A mean with its standard error, as fractions of 1; None if it is not known, `partial` if a task is missing.

    `bounds` are the exact bounds that stand in for the error if all docs score the same.
    """

    mean: float | None
    stderr: float | None
    partial: bool = False
    bounds: tuple[float, float] | None = None


UNKNOWN = Score(None, None)


class GateOutcome(NamedTuple):
    """The last gate of a run: its verdict and the model of the base run."""

    verdict: str
    base: str


class Broken(NamedTuple):
    """A folder that holds files of a run but cannot be read, with the reason."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Entry:
    """A run of a folder.

    `state` is "finished", "unfinished", "saved" (a saved baseline) or "shard 2/8". `done` and `requests` count
    generations of an unfinished run or a shard; they are None if the run does not say.
    """

    path: Path
    model: str
    suite: str
    suite_version: int
    created: str
    state: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    done: int | None = None
    requests: int | None = None
    families: Mapping[str, Score] = field(default_factory=dict)
    overall: Score = UNKNOWN
    gate: GateOutcome | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry for JSON."""
        scores = {name: score._asdict() for name, score in self.families.items()}
        return {
            **asdict(self),
            "path": str(self.path),
            "changes": dict(self.changes),
            "families": scores,
            "overall": self.overall._asdict(),
            "gate": self.gate._asdict() if self.gate else None,
        }


@dataclass(frozen=True)
class Leaderboard:
    """The runs of a folder, the folders that could not be read, and how many other folders hold no run."""

    folder: Path
    entries: Sequence[Entry]
    broken: Sequence[Broken] = ()
    others: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the leaderboard for JSON."""
        return {
            "folder": str(self.folder),
            "runs": [entry.as_json() for entry in self.entries],
            "broken": [{"path": str(one.path), "reason": one.reason} for one in self.broken],
        }


def list_runs(folder: Path) -> Leaderboard:
    """Return the runs in `folder`, or the run `folder` itself. Raises UserError if there is no such folder."""
    if not folder.is_dir():
        hint = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {hint}; name the folder your runs are in (the default is runs/)")
    entries, broken, others = [], [], 0
    places = [folder] if _is_run(folder) else sorted(place for place in folder.iterdir() if place.is_dir())
    for place in places:
        if place.name.startswith("."):
            continue
        try:
            if _is_run(place):
                entries.append(read_entry(place))
            elif any((place / name).exists() for name in RUN_FILES):
                broken.append(Broken(place, "it has files of a run but no manifest.json"))
            else:
                others += 1
        except (UserError, OSError) as problem:
            broken.append(Broken(place, str(problem).removeprefix(f"{place}/")))
    return Leaderboard(folder, entries, broken, others)


def _is_run(place: Path) -> bool:
    return (place / "manifest.json").is_file() or (place / SAVED_FILE).is_file()


def read_entry(path: Path) -> Entry:
    """Return the entry of the run or saved baseline at `path`. Raises UserError if one of its files is malformed."""
    saved = (path / SAVED_FILE).is_file()
    manifest = read_saved_head(path)["manifest"] if saved else read_manifest(path)
    board_file, gate_file = path / "scoreboard.json", path / "gate.json"
    try:
        config = manifest["config"]
        suite = config["suite"]
        scored = board_file.is_file()
        board = read_document(board_file, "scoreboard") if scored else {}
        state = "saved" if saved else "finished" if scored else "unfinished"
        shard = manifest.get("shard") if state == "unfinished" else None
        done, requests = _progress(path, suite) if state == "unfinished" else (None, None)
        if shard:
            state, requests = shard_name(shard), shard["requests"]
        return Entry(
            path=path,
            model=str(manifest.get("model", {}).get("name") or path.name),
            suite=str(suite["name"]),
            suite_version=int(suite["version"]),
            created=str(manifest.get("created") or ""),
            state=state,
            changes=dict(config.get("changes") or {}),
            done=done,
            requests=requests,
            families={str(name): _score(one) for name, one in board.get("families", {}).items()},
            overall=_score(board["overall"]) if scored else UNKNOWN,
            gate=_verdict(read_json(gate_file)) if gate_file.is_file() else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise UserError(f"{path}: a file of the run is malformed ({type(problem).__name__}: {problem})") from problem


def _score(entry: Mapping[str, Any]) -> Score:
    mean, stderr = (None if entry[name] is None else float(entry[name]) for name in ("mean", "stderr"))
    bounds = entry.get("bounds")
    return Score(mean, stderr, bool(entry.get("partial")), bounds and (float(bounds[0]), float(bounds[1])))


def _verdict(gate: Mapping[str, Any]) -> GateOutcome:
    if gate["verdict"] not in VERDICTS:
        raise ValueError(f"verdict {gate['verdict']!r}")
    return GateOutcome(gate["verdict"], str(gate["base"]["model"]))


def _progress(path: Path, suite: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return (generations finished, generations wanted) of a run; the second is None before its docs are written."""
    done = _count_lines(path / "generations.jsonl")
    if not (path / "docs.jsonl").is_file():
        return done, None
    return done, sum(suite["tasks"][doc["task"]]["repeats"] for doc in checked_rows(path / "docs.jsonl", Doc))


def _count_lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def sorted_entries(entries: Sequence[Entry], key: str = DEFAULT_SORT, *, reverse: bool = False) -> list[Entry]:
    """Return `entries` by suite, and within a suite by `key`: the best score, the newest or the first name first.

    Args:
        entries: the runs to sort.
        key: "overall", "when", "model", "suite", "state", "verdict", "path", or the name of a family.
        reverse: turn the order within a suite around. Runs without a score stay last.

    Raises UserError if no run has a family of that name.
    """
    families = list(dict.fromkeys(name for entry in entries for name in entry.families))
    if key not in (*OWN_KEYS, *families):
        raise UserError(f"--sort {key}: no run has that column{nearest(key, [*OWN_KEYS, *families])}")
    suites: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries:
        suites.setdefault((entry.suite, entry.suite_version), []).append(entry)
    return [entry for suite in sorted(suites) for entry in _sorted(suites[suite], key, reverse)]


def _sorted(entries: Sequence[Entry], key: str, reverse: bool) -> list[Entry]:
    ordered = sorted(entries, key=lambda entry: str(entry.path))
    if key not in OWN_KEYS or key == "overall":
        scores = {id(one): (one.overall if key == "overall" else one.families.get(key, UNKNOWN)).mean
                  for one in ordered}  # fmt: skip
        known = [entry for entry in ordered if scores[id(entry)] is not None]
        known.sort(key=lambda entry: -(scores[id(entry)] or 0.0), reverse=reverse)
        return [*known, *(entry for entry in ordered if scores[id(entry)] is None)]
    if key == "when":
        return sorted(ordered, key=lambda entry: entry.created, reverse=not reverse)
    by: dict[str, Callable[[Entry], Any]] = {
        "model": lambda entry: entry.model.lower(),
        "suite": lambda entry: entry.suite,
        "state": lambda entry: entry.state,
        "path": lambda entry: str(entry.path),
        "verdict": lambda entry: VERDICTS.index(entry.gate.verdict) if entry.gate else len(VERDICTS),
    }
    return sorted(ordered, key=by[key], reverse=reverse)


def as_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one flat row per run for a CSV file, all with the same columns; scores are fractions of 1."""
    families = list(dict.fromkeys(name for entry in entries for name in entry.families))
    rows = []
    for entry in entries:
        row: dict[str, Any] = {
            "path": str(entry.path),
            "model": entry.model,
            "suite": entry.suite,
            "suite_version": entry.suite_version,
            "changes": " ".join(f"{name}={value}" for name, value in entry.changes.items()),
            "created": entry.created,
            "state": entry.state,
            "done": entry.done,
            "requests": entry.requests,
            "overall": entry.overall.mean,
            "overall_stderr": entry.overall.stderr,
        }
        for family in families:
            score = entry.families.get(family, UNKNOWN)
            row |= {family: score.mean, f"{family}_stderr": score.stderr}
        row |= {
            "verdict": entry.gate.verdict if entry.gate else None,
            "verdict_base": entry.gate.base if entry.gate else None,
        }
        rows.append(row)
    return rows
