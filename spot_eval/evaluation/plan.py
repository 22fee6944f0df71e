"""From docs to requests: every prompt rendered once, every repeat with its own seed and key, long budgets first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.keys import record_key, request_seed
from spot_eval.core.records import Doc, Failure, Generation
from spot_eval.evaluation.scored import scored_requests
from spot_eval.models.likelihood import LikelihoodRequest
from spot_eval.models.model import Model
from spot_eval.models.registry import Request
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.suite import Suite

MOST_REQUESTS = 20_000_000  # their plan would no longer fit the memory of one machine


@dataclass(frozen=True)
class Planned:
    """A request with the fields of its record."""

    request: Request
    doc: Doc
    repeat: int

    def failure(self, reason: str) -> Failure:
        """Return the record of this request if it gave no text."""
        return Failure(self.request.key, self.doc.task, self.doc.doc_id, self.doc.doc_hash, self.repeat, reason)

    def generation(
        self, text: str, finish_reason: str, prompt_tokens: int | None, output_tokens: int | None
    ) -> Generation:
        """Return the record of this request's text.

        Args:
            text: the answer, without prompt.
            finish_reason: "stop", "length" or "unknown".
            prompt_tokens: length of the prompt; None if the engine does not count.
            output_tokens: length of the answer, likewise.
        """
        return Generation(
            key=self.request.key,
            task=self.doc.task,
            doc_id=self.doc.doc_id,
            doc_hash=self.doc.doc_hash,
            repeat=self.repeat,
            seed=self.request.seed,
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            max_new_tokens=self.request.sampling.max_new_tokens,
            thinking_open=self.request.prompt.thinking_open,
        )


@dataclass(frozen=True)
class RequestPlan:
    """The requests of a run, and the docs whose prompts leave no room for an answer."""

    requests: list[Planned]
    too_long: list[Planned]
    capped: int
    """Requests whose budget was cut to the room that the context leaves."""


def make_plan(
    tasks: Sequence[LoadedTask],
    suite: Suite,
    prompts: Model,
    *,
    fingerprint: str,
    engine: Mapping[str, Any],
    context: int | None,
    run_seed: int,
) -> RequestPlan:
    """Render every prompt once, and return every request: the longest budgets first, then the longest prompts.

    Args:
        tasks: the tasks with their docs.
        suite: repeats and sampling of each task.
        prompts: renders the prompts.
        fingerprint: identity of the model, for the records' keys.
        engine: identity of the engine, for the records' keys.
        context: tokens that prompt and answer share; None if it is not known.
        run_seed: the value of `--seed`; with doc and repeat it makes the seed of each request.

    Raises UserError for more requests than a run can hold.
    """
    asked = sum(len(task.docs) * suite.repeats(task.name) for task in tasks)
    if asked > MOST_REQUESTS:
        raise UserError(
            f"docs times repeats are {asked:,} requests; a run has at most {MOST_REQUESTS:,}: lower --repeats, or the "
            "suite's, or take fewer docs (--limit)"
        )
    requests: list[Planned] = []
    too_long: list[Planned] = []
    capped = 0
    for task in tasks:
        if task.docs and task.docs[0].likelihood:
            scored = scored_requests(task, prompts, fingerprint=fingerprint, engine=engine, run_seed=run_seed)
            requests += [Planned(request, doc, 0) for request, doc in scored]
            continue
        sampling = suite.sampling_of(task.name)
        seen = Counter[str]()
        for doc, prompt in zip(task.docs, prompts.render_many([doc.messages for doc in task.docs]), strict=True):
            room = None if context is None or prompt.length is None else context - prompt.length
            budget = sampling.max_new_tokens if room is None else min(sampling.max_new_tokens, room)
            in_force = sampling.model_copy(update={"max_new_tokens": max(budget, 0)})
            for repeat in range(suite.repeats(task.name)):
                seed = request_seed(run_seed, task.name, doc.doc_hash, repeat)
                key = record_key(
                    fingerprint=fingerprint,
                    engine=engine,
                    run_seed=run_seed,
                    task=task.name,
                    prompt=prompt.text,
                    sampling={**in_force.model_dump(), "until": task.until},
                    repeat=repeat,
                    seed=seed,
                    occurrence=seen[prompt.text],
                )
                request = Request(
                    key=key,
                    prompt=prompt,
                    sampling=in_force,
                    seed=seed,
                    until=task.until,
                )
                (requests if budget > 0 else too_long).append(Planned(request, doc, repeat))
                capped += 0 < budget < sampling.max_new_tokens
            seen[prompt.text] += 1
    requests.sort(key=lambda planned: _order(planned, suite))
    return RequestPlan(requests, too_long, capped)


def _order(planned: Planned, suite: Suite) -> tuple[Any, ...]:
    sampling, request = suite.sampling_of(planned.doc.task), planned.request
    if isinstance(request, LikelihoodRequest):  # last: the engine orders them itself
        return (0, (), (), planned.doc.task, planned.doc.doc_id)
    draw = (sampling.temperature, sampling.top_p, sampling.top_k)
    length = request.prompt.length or len(request.prompt.text)
    return (-sampling.max_new_tokens, draw, request.until, -length, request.key)


def refuse_too_long(too_long: Sequence[Planned], context: int) -> None:
    """Raise UserError listing every doc whose prompt fills the context."""
    docs = {(planned.doc.task, planned.doc.doc_id): planned.request.prompt.length for planned in too_long}
    listed = ", ".join(f"{task}/{doc_id} ({tokens} tokens)" for (task, doc_id), tokens in docs.items())
    raise UserError(
        f"{len(docs)} prompts do not fit the model's context of {context} tokens: {listed}; "
        "--skip-too-long leaves them out and records them as not judged"
    )
