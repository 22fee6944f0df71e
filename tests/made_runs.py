"""Small runs for tests, made of scores alone: in memory, or as the files a real run leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from spot_eval.core.record_files import to_line
from spot_eval.core.records import Sample
from spot_eval.metrics.scoreboard import scoreboard
from spot_eval.runs.judged import JudgedRun, judged_docs

Scores = Mapping[str, Sequence[Sequence[float | None]]]
"""Task to docs to repeats."""

FAMILIES = {"in_domain": ["a", "b"], "general": ["c"]}
SAMPLING = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "max_new_tokens": 100}


def config(scores: Scores, families: Mapping[str, Sequence[str]] = FAMILIES) -> dict[str, Any]:
    """A run's configuration; every part of it may be changed by the test."""
    family_of = {task: family for family, members in families.items() for task in members}
    return {
        "schema": 1,
        "context": 4096,
        "model": {"fingerprint": "f", "chat_template": "checkpoint"},
        "engine": {"name": "hf"},
        "suite": {
            "name": "s", "version": 1, "thinking": False,
            "families": {family: list(members) for family, members in families.items()},
            "tasks": {
                task: {"family": family_of[task], "repeats": max(map(len, docs)), "sampling": dict(SAMPLING)}
                for task, docs in scores.items()
            },
        },
        "seed": 0,
        "changes": {},
        "skip_too_long": False,
        "data": {task: {"grader": "maths", "task_version": "1", "until": []} for task in scores},
    }  # fmt: skip


def manifest() -> dict[str, Any]:
    """A manifest for a run directory of which only the records matter."""
    return {"model": {"name": "tiny"}, "left_out": {}, "config": config({"a": [[1.0]]}, {"in_domain": ["a"]})}


def samples(scores: Scores, text: str = "t", **flags: Any) -> list[Sample]:
    """One sample a score, None for not judged. `text` makes the texts of one run differ from another's."""
    return [
        Sample(
            key=f"{text}/{task}/{doc}/{repeat}", task=task, doc_id=doc, doc_hash=f"{task}{doc}", repeat=repeat,
            score=score, extracted="x", why="", truncated=False, unparsed=False, not_judged=score is None,
            prompt_tokens=5, output_tokens=10, text_hash=f"{text}{score}", grader="maths/1",
        )
        for task, docs in scores.items()
        for doc, repeats in enumerate(docs)
        for repeat, score in enumerate(repeats)
    ]  # fmt: skip


def made(
    scores: Scores, text: str = "t", families: Mapping[str, Sequence[str]] = FAMILIES, name: str = "tiny"
) -> JudgedRun:
    """A judged run in memory."""
    manifest = {"created": "2026-01-01T00:00:00Z", "model": {"name": name}, "config": config(scores, families)}
    return JudgedRun(
        Path(name), manifest, judged_docs(samples(scores, text)), dict.fromkeys(scores, "maths/1"), {"wall_time_s": 2.0}
    )


def write_run(
    path: Path, scores: Scores, text: str = "t", families: Mapping[str, Sequence[str]] = FAMILIES, name: str = "tiny",
    **changes: Any,
) -> Path:  # fmt: skip
    """The same as a run directory; `changes` replace top-level settings of its configuration."""
    path.mkdir(parents=True)
    found = samples(scores, text)
    settings = {**config(scores, families), **changes}
    write_json(
        path / "manifest.json",
        {"created": "2026-01-01T00:00:00Z", "model": {"name": name, "path": f"/models/{name}"}, "left_out": {},
         "config": settings, "data": {task: {"origin": "/data", "revision": "r"} for task in scores}},
    )  # fmt: skip
    (path / "samples.jsonl").write_bytes(b"".join(map(to_line, found)))
    docs = {(one.task, one.doc_id): one.doc_hash for one in found}
    (path / "docs.jsonl").write_text("".join(
        json.dumps({"task": task, "doc_id": doc_id, "doc_hash": doc_hash, "messages": [
            {"role": "user", "content": f"What is {doc_id}?"}], "gold": str(doc_id), "row": {}}) + "\n"
        for (task, doc_id), doc_hash in docs.items()
    ))  # fmt: skip
    sessions = [{"seconds": 2.0, "generations": len(found), "output_tokens": 10 * len(found)}]
    write_json(
        path / "scoreboard.json",
        {"model": name, "changes": {}, **scoreboard(found, suite=settings["suite"], sessions=sessions)},
    )
    return path
