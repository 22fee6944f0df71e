"""A judged run as it stood at one of its looks, and the digest that identifies a base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spot_eval.core.keys import digest
from spot_eval.runs.judged import JudgedDoc, JudgedRun
from spot_eval.runs.looks import Looks


def at_look(run: JudgedRun, looks: Looks, upto: Mapping[str, int]) -> JudgedRun:
    """Return `run` as it stood when each task had had its `upto` looks; tasks the plan does not know stay whole."""
    docs: dict[str, Mapping[str, JudgedDoc]] = {}
    clusters = {task: {hashed: doc.cluster for hashed, doc in of.items()} for task, of in run.docs.items()}
    asked = looks.asked(clusters, upto)
    for task, found in run.docs.items():
        if task not in asked:
            docs[task] = found
        elif asked[task]:
            docs[task] = {
                hashed: _first(doc, asked[task][hashed]) for hashed, doc in found.items() if hashed in asked[task]
            }
    return replace(run, docs=docs)


def _first(doc: JudgedDoc, repeats: int) -> JudgedDoc:
    if len(doc.scores) <= repeats:
        return doc
    return replace(
        doc,
        scores=doc.scores[:repeats],
        truncated=doc.truncated[:repeats],
        unparsed=doc.unparsed[:repeats],
        output_tokens=doc.output_tokens[:repeats],
        text_hashes=doc.text_hashes[:repeats],
    )


def base_digest(base: JudgedRun) -> str:
    """Return a hash of the scores of the base that a plan was made for."""
    return digest(
        "base", [[task, doc.doc_hash, list(doc.scores)] for task, docs in sorted(base.docs.items())
                 for doc in sorted(docs.values(), key=lambda doc: doc.doc_hash)]
    )  # fmt: skip
