"""Two runs made up in memory, with a column `subject` in docs.jsonl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spot_eval.core.record_files import to_line
from spot_eval.core.records import Doc
from spot_eval.runs.judged import JudgedDoc, JudgedRun

MANIFEST = {"config": {"suite": {"name": "s", "version": 1, "families": {"f": ["t"]}, "tasks": {"t": {"family": "f"}}}}}


def doc(number: int, scores: list[float | None], tokens: int = 10) -> JudgedDoc:
    many = len(scores)
    return JudgedDoc(
        number, f"h{number}", tuple(scores), (False,) * many, (False,) * many, (tokens,) * many, ("",) * many
    )


def judged(folder: Path, docs: list[JudgedDoc]) -> JudgedRun:
    return JudgedRun(folder, MANIFEST, {"t": {one.doc_hash: one for one in docs}}, {})


def write_docs(folder: Path, rows: list[dict[str, Any]]) -> None:
    docs = (Doc("t", at, f"h{at}", [], None, row) for at, row in enumerate(rows))
    (folder / "docs.jsonl").write_bytes(b"".join(map(to_line, docs)))


def sliced(
    rng: np.random.Generator, folder: Path, slices: int, docs: int, repeats: int, loss: float
) -> tuple[JudgedRun, JudgedRun]:
    """(base, candidate): `slices` subjects of `docs` docs; docs of subject 0 lose `loss` of their chance."""
    count = slices * docs
    subject = np.arange(count) // docs
    chance = rng.beta(1.2, 0.8, size=count)
    now = np.clip(chance - loss * (subject == 0), 0, 1)
    if not (folder / "docs.jsonl").is_file():
        write_docs(folder, [{"subject": f"subject {number}"} for number in subject])
    drawn = [(rng.random((count, repeats)) < of[:, None]).astype(float) for of in (chance, now)]
    runs = [judged(folder, [doc(at, list(row)) for at, row in enumerate(scores)]) for scores in drawn]
    return runs[0], runs[1]
