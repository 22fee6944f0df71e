"""Baselines of a run: another run, paired doc by doc, or a published table, for display only.

The scores of a run can be saved as a small directory to commit. It can be used wherever a base run can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_atomically, write_json, writing
from spot_eval.core.paths import folder
from spot_eval.core.record_files import to_line
from spot_eval.metrics.estimates import mean_over_units, units_of
from spot_eval.metrics.scoreboard import combined, estimated
from spot_eval.runs.comparability import refuse_other_settings
from spot_eval.runs.directory import refuse_shard
from spot_eval.runs.finished import read_run
from spot_eval.runs.judged import SAVED_FILE, SCORES_FILE, JudgedDoc, JudgedRun
from spot_eval.runs.seal import write_seal
from spot_eval.tasks.suite import nearest


@dataclass(frozen=True)
class PublishedBaseline:
    """A row of a published table: fractions of 1 by family and task, no errors."""

    name: str
    source: str
    note: str
    tasks: Mapping[str, float]
    families: Mapping[str, float]
    overall: float | None


Baseline = PublishedBaseline | JudgedRun


def published_baselines() -> dict[str, PublishedBaseline]:
    """Return the published rows that come with this installation, by name."""
    found = {}
    for file in sorted((folder("reports") / "baselines").glob("*.yaml")):
        table = yaml.safe_load(file.read_text(encoding="utf-8"))
        for name, row in table["results"].items():
            found[name] = PublishedBaseline(
                name=name,
                source=table["source"],
                note=table["note"],
                tasks={task: value / 100 for task, value in row.get("tasks", {}).items()},
                families={family: value / 100 for family, value in row["families"].items()},
                overall=row["overall"] / 100,
            )
    return found


def load_baseline(name: str) -> Baseline:
    """Return the baseline with this run directory or published name. Raises UserError if there is none."""
    path = Path(name)
    if path.is_dir():
        if not ((path / "samples.jsonl").is_file() or (path / SAVED_FILE).is_file()):
            if (path / "manifest.json").is_file():
                refuse_shard(path)
            raise UserError(f"baseline {path} has no samples.jsonl; finish it first: run or grade it again")
        return read_run(path)
    published = published_baselines()
    if name not in published:
        raise UserError(f"baseline {name!r} is neither a run directory nor a published table{nearest(name, published)}")
    return published[name]


def load_base_run(name: str) -> JudgedRun:
    """Return a baseline whose docs can be paired. Raises UserError for a published table, which has no docs."""
    found = load_baseline(name)
    if isinstance(found, PublishedBaseline):
        raise UserError(
            f"{name} is a published table ({found.source}: {found.note}). It can be shown beside a run, but "
            "it has no docs to compare or gate with; name a run directory, or one made by `spot-eval baseline save`"
        )
    return found


def refuse_incomparable(config: Mapping[str, Any], baseline: Baseline) -> list[str]:
    """Return warnings. Raises NotComparableError if the runs differ in a setting that decides scores."""
    return [] if isinstance(baseline, PublishedBaseline) else refuse_other_settings(config, baseline)


def difference(
    board: Mapping[str, Any],
    candidate_docs: Mapping[str, Mapping[str, JudgedDoc]],
    suite: Mapping[str, Any],
    baseline: Baseline,
) -> dict[str, Any]:
    """Return candidate minus baseline per task, per family and overall, in fractions of 1.

    Args:
        board: the candidate's scoreboard.
        candidate_docs: task to doc_hash to the candidate's judged doc.
        suite: the resolved suite of the candidate's manifest.
        baseline: the run or the published table to subtract.
    """
    if isinstance(baseline, PublishedBaseline):
        return _published_difference(board, baseline)
    tasks: dict[str, dict[str, Any]] = {}
    for name in board["tasks"]:
        if name in baseline.docs:
            candidate, base = (
                {doc.doc_hash: doc.mean for doc in docs.values() if doc.mean is not None}
                for docs in (candidate_docs[name], baseline.docs[name])
            )
            both = (*baseline.docs[name].values(), *candidate_docs[name].values())
            clusters = {doc.doc_hash: doc.cluster for doc in both if doc.cluster is not None}
            shared = {doc: candidate[doc] - base[doc] for doc in sorted(candidate.keys() & base.keys())}
            identical = _identical(candidate_docs[name], baseline.docs[name])
            tasks[name] = {
                **(
                    mean_over_units(shared, clusters)._asdict()
                    if identical
                    else estimated(*units_of(shared, clusters), span=(-1.0, 1.0))
                ),
                "docs": len(shared),
                "docs_unpaired": len(candidate.keys() ^ base.keys()),
            }
    members = suite["families"]
    return {
        "baseline": str(baseline.path),
        "kind": "run",
        "tasks": tasks,
        "families": {family: combined(names, tasks) for family, names in members.items()},
        "overall": combined([name for names in members.values() for name in names], tasks),
    }


def _identical(candidate: Mapping[str, JudgedDoc], base: Mapping[str, JudgedDoc]) -> bool:
    """Return True if every doc that both runs hold has the same texts and scores: the difference is 0 by identity."""
    return all(
        (candidate[doc].text_hashes, candidate[doc].scores) == (base[doc].text_hashes, base[doc].scores)
        for doc in candidate.keys() & base.keys()
    )


def _published_difference(board: Mapping[str, Any], baseline: PublishedBaseline) -> dict[str, Any]:
    def minus(entry: Mapping[str, Any], published: float | None) -> dict[str, Any]:
        known = entry["mean"] is not None and published is not None
        return {"mean": entry["mean"] - published if known else None, "stderr": None}

    return {
        "baseline": baseline.name,
        "kind": "published",
        "source": baseline.source,
        "note": baseline.note,
        "tasks": {n: minus(board["tasks"][n], value) for n, value in baseline.tasks.items() if n in board["tasks"]},
        "families": {
            n: minus(board["families"][n], value) for n, value in baseline.families.items() if n in board["families"]
        },
        "overall": minus(board["overall"], baseline.overall),
    }


def save_baseline(run: JudgedRun, folder: Path) -> None:
    """Write `run` as a small directory to commit: its identity, scoreboard, scores by doc, and hashes of its texts.

        baseline.json     manifest (without this machine's paths), graders, cost
        scoreboard.json   as the run's
        seal.json         the hashes of the others
        scores.jsonl      by doc: task doc_id doc_hash scores truncated unparsed output_tokens text_hashes cluster

    Raises UserError if `folder` holds something else.
    """
    if folder.exists() and not (folder / SAVED_FILE).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not a saved baseline; choose another directory")
    board = read_json(run.path / "scoreboard.json")
    board.pop("difference", None)  # against another base, which is not saved with it
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lines = (to_line({"task": task, **_without_cache(doc)}) for task, docs in run.docs.items() for doc in docs.values())
    write_atomically(folder / SCORES_FILE, lines)
    write_json(folder / "scoreboard.json", board)
    head: dict[str, Any] = {"manifest": _portable(run.manifest), "graders": dict(run.graders), "cost": dict(run.cost)}
    if run.looks:
        head["looks"] = run.looks.as_lines()
    write_json(folder / SAVED_FILE, head)
    write_seal(folder)


def _without_cache(doc: JudgedDoc) -> dict[str, Any]:
    row = {field.name: getattr(doc, field.name) for field in fields(doc)}
    if row["cluster"] is None:
        del row["cluster"]
    return row


def _portable(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest without paths of the machine it ran on."""
    kept = {name: value for name, value in manifest.items() if name not in {"model", "data", "engine_args"}}
    model = {name: value for name, value in manifest.get("model", {}).items() if name != "path"}
    data = {
        task: {name: value for name, value in about.items() if name != "origin"}
        for task, about in manifest.get("data", {}).items()
    }
    return {**kept, "model": model, "data": data}
