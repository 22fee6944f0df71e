"""Docs of log-likelihood tasks in a run: their requests, and the records of what came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest, record_key, request_seed
from spot_eval.core.records import Doc, Likelihood
from spot_eval.models.base import Engine
from spot_eval.models.likelihood import (
    Continuation,
    LikelihoodRequest,
    Pair,
    ScoreEmit,
    Scores,
    likelihood_request,
    unable,
)
from spot_eval.models.model import Model
from spot_eval.tasks.loader import LoadedTask


def scored_requests(
    task: LoadedTask, model: Model, *, fingerprint: str, engine: Mapping[str, Any], run_seed: int
) -> list[tuple[LikelihoodRequest, Doc]]:
    """Return the request of each doc of a log-likelihood task. Raises UserError if the model cannot score.

    Args:
        task: the task with its docs.
        model: encodes contexts and continuations.
        fingerprint: identity of the model, for the keys.
        engine: identity of the engine, for the keys.
        run_seed: the value of `--seed`, for the keys.
    """
    pairs = [_pairs(doc, model) for doc in task.docs]
    ready = iter(model.encode([pair for of_doc in pairs for pair in of_doc]))
    found = []
    seen = Counter[str]()
    for doc, of_doc in zip(task.docs, pairs, strict=True):
        asked = digest([[pair.context, pair.continuation] for pair in of_doc])
        key = record_key(
            fingerprint=fingerprint,
            engine=engine,
            run_seed=0,  # nothing is drawn
            task=task.name,
            prompt=asked,
            sampling={"likelihood": True},
            repeat=0,
            seed=0,
            occurrence=seen[asked],
        )
        seen[asked] += 1
        continuations: list[Continuation] = [next(ready) for _ in of_doc]
        seed = request_seed(run_seed, task.name, doc.doc_hash, 0)
        shown = of_doc[0].context or ""
        found.append((likelihood_request(key, continuations, shown, seed), doc))
    return found


def _pairs(doc: Doc, model: Model) -> list[Pair]:
    assert doc.likelihood is not None
    scored = doc.likelihood
    if scored["rolling"]:
        return [Pair(None, text) for text in scored["continuations"]]
    contexts = [one if isinstance(one, str) else model.render_many([one])[0].text for one in scored["contexts"]]
    if len(contexts) == 1:
        contexts *= len(scored["continuations"])
    return [Pair(*both) for both in zip(contexts, scored["continuations"], strict=True)]


def score_all(engine: Engine, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
    """Have the engine score `requests`. Raises UserError if it cannot."""
    score = getattr(engine, "score", None)
    if score is None:
        raise unable("this engine", "choose --engine hf, or leave them out with --tasks")
    score(requests, emit)


def likelihood_record(request: LikelihoodRequest, doc: Doc, result: Scores) -> Likelihood:
    """Return the record of one doc's log-likelihoods."""
    if len(result.choices) != len(request.continuations):
        raise UserError(f"the engine scored {len(result.choices)} of {len(request.continuations)} texts of one doc")
    best = max(range(len(result.choices)), key=lambda at: result.choices[at].logprob)
    return Likelihood(
        key=request.key,
        task=doc.task,
        doc_id=doc.doc_id,
        doc_hash=doc.doc_hash,
        repeat=0,
        seed=request.seed,
        text="" if doc.likelihood and doc.likelihood["rolling"] else request.continuations[best].pair.continuation,
        finish_reason="stop",
        prompt_tokens=request.prompt.length,
        output_tokens=0,
        max_new_tokens=0,
        choices=[asdict(choice) for choice in result.choices],
        cut=max(one.cut for one in request.continuations),
    )
