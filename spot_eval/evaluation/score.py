"""Make the files of a scoreboard from judged samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spot_eval.core.files import write_atomically, write_json
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Doc, Sample
from spot_eval.display.scoreboard import markdown
from spot_eval.metrics.connect4_controls import contamination, guessing
from spot_eval.metrics.scoreboard import scoreboard
from spot_eval.runs.baseline import Baseline, difference
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.finished import read_clusters
from spot_eval.runs.judged import judged_docs
from spot_eval.runs.looks import read_looks
from spot_eval.runs.seal import write_seal


def score(store: RunDirectory, samples: Sequence[Sample], baseline: Baseline | None) -> dict[str, Any]:
    """Write scoreboard.json and scoreboard.md from judged samples, and seal the run; return the scoreboard."""
    manifest = store.manifest
    suite = manifest["config"]["suite"]
    clusters = read_clusters(store.path / "docs.jsonl")
    board = {
        "model": manifest["model"]["name"],
        "changes": manifest["config"]["changes"],
        **scoreboard(
            samples,
            suite=suite,
            sessions=store.read_sessions(),
            left_out=manifest["left_out"],
            clusters=clusters,
        ),
    }
    boards = (doc for doc in read_records(store.path / "docs.jsonl", Doc) if _is_board(manifest, doc.task))
    guessed = guessing(boards) | _generated_guesses(manifest["config"]["data"])
    if guessed:
        board["guessing"] = guessed
    if probe := contamination(samples):
        board["contamination"] = probe
    if looks := read_looks(store.path):
        board["looks"] = looks.about()
    if baseline:
        board["difference"] = difference(board, judged_docs(samples, clusters), suite, baseline)
    write_json(store.path / "scoreboard.json", board)
    write_atomically(store.path / "scoreboard.md", [markdown(board).encode()])
    write_seal(store.path)
    return board


def _is_board(manifest: Mapping[str, Any], task: str) -> bool:
    return manifest["config"]["data"][task]["grader"] == "connect4"


def _generated_guesses(data: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return guess rates of tasks that a generator drew, in the form of Connect4's."""
    drawn = {task: entry.get("drawn") or {} for task, entry in data.items()}
    return {task: {"constant": {"joint": one["guess"]}} for task, one in drawn.items() if "guess" in one}
