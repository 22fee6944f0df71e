"""From requests to finished generations: keep what is new, each result on disk before the next one is waited for.

All tasks' requests go to the engine together. Requests that are finished already, here or in a neighbouring run, are
not asked again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from spot_eval.core.progress import Say, progress
from spot_eval.evaluation.plan import Planned, RequestPlan
from spot_eval.evaluation.scored import likelihood_record, score_all
from spot_eval.models.likelihood import LikelihoodRequest, Scores
from spot_eval.models.model import Model
from spot_eval.models.registry import Completion, Engine, Refusal
from spot_eval.runs.directory import RunDirectory, reusable_generations
from spot_eval.runs.manifest import versions

SESSION_EVERY_S = 5.0  # how much of a killed session's clock may be lost


@dataclass
class Session:
    """The clock and counters of one run of the command, kept in a file of its own while it works."""

    path: Path
    facts: dict[str, Any]
    engine: Engine
    started: float = field(default_factory=time.monotonic)
    generations: int = 0
    output_tokens: int = 0
    failures: int = 0
    _written: float = 0.0

    def write(self, *, force: bool = False) -> None:
        """Write the counters to disk, at most every few seconds unless forced."""
        now = time.monotonic()
        if not force and now - self._written < SESSION_EVERY_S:
            return
        self._written = now
        counters = {
            "seconds": round(now - self.started, 3),
            "generations": self.generations,
            "output_tokens": self.output_tokens,
            "failures": self.failures,
        }
        write_json(self.path, {**self.facts, "engine": dict(self.engine.description()), **counters})


def take_over(run: RunDirectory, planned: Iterable[Planned], fingerprint: str) -> set[str]:
    """Copy the records of `planned` that neighbouring runs of the same checkpoint have; return their keys."""
    open_requests = {one.request.key: one for one in planned}
    if not open_requests:
        return set()
    taken = set()
    for found in reusable_generations(run.path.parent, fingerprint, set(open_requests)):
        if one := open_requests.pop(found.key, None):
            doc = one.doc
            run.generations.append(
                replace(
                    found,
                    task=doc.task,
                    doc_id=doc.doc_id,
                    doc_hash=doc.doc_hash,
                    thinking_open=one.request.prompt.thinking_open,  # an older record does not say
                )
            )
            taken.add(found.key)
    return taken


def generate(
    run: RunDirectory, engine: Engine, planned: Sequence[Planned], *, finished: int, total: int
) -> Counter[str]:
    """Have the engine answer `planned`; append each result to the run's records as it comes.

    Args:
        run: receives each result as it comes.
        engine: one that is open; it stays open.
        planned: requests that have no result yet.
        finished: how many of the run's requests were done before, for the progress bar.
        total: how many requests the run has.

    Return the reasons for which requests gave no text, with their counts.
    """
    by_key = {one.request.key: one for one in planned}
    facts = {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": versions()}
    session = Session(run.new_session_file(), facts, engine)
    session.write(force=True)
    refused = Counter[str]()
    scored = [one.request for one in planned if isinstance(one.request, LikelihoodRequest)]
    with progress("generating", total, done=finished) as advance:

        def emit(result: Completion | Scores | Refusal) -> None:
            one = by_key[result.key]
            if isinstance(result, Refusal):
                run.failures.append(one.failure(result.reason))
                session.failures += 1
                refused[result.reason] += 1
            elif isinstance(result, Scores):
                assert isinstance(one.request, LikelihoodRequest)
                run.generations.append(likelihood_record(one.request, one.doc, result))
                session.generations += 1
            else:
                run.generations.append(
                    one.generation(result.text, result.finish_reason, result.prompt_tokens, result.output_tokens)
                )
                session.generations += 1
                session.output_tokens += result.output_tokens or 0
            rate = session.output_tokens / max(1e-9, time.monotonic() - session.started)
            advance(1, f"{rate:,.0f} tokens/s")
            session.write()

        try:
            if scored:  # first: it is quick, and an engine that cannot is known at once
                score_all(engine, scored, emit)
            if generated := [one.request for one in planned if not isinstance(one.request, LikelihoodRequest)]:
                engine.generate(generated, emit)
        finally:
            session.write(force=True)
    return refused


def generate_missing(store: RunDirectory, plan: RequestPlan, model: Model, say: Say) -> bool:
    """Have the engine answer the requests that neither this run nor a neighbour has finished; return True if all gave
    a text.

    Args:
        store: the run directory.
        plan: every request of the run.
        model: opens the engine.
        say: receives sentences for the user.
    """
    requests = plan.requests
    record_too_long(store, plan)
    missing = unfinished(store, requests, model, say)
    if not missing:
        return True
    say(f"{len(missing)} of {len(requests)} generations to do; records in {store.path}")
    engine = model.open()
    try:
        return answer(store, engine, missing, finished=len(requests) - len(missing), total=len(requests), say=say)
    finally:
        engine.close()


def record_too_long(store: RunDirectory, plan: RequestPlan) -> None:
    """Record the docs whose prompts fill the context as failures, once."""
    known = store.read_failures()
    for planned in plan.too_long:
        if planned.request.key not in known:
            tokens = planned.request.prompt.length
            store.failures.append(planned.failure(f"the prompt of {tokens} tokens does not fit the context"))


def unfinished(store: RunDirectory, requests: Sequence[Planned], model: Model, say: Say) -> list[Planned]:
    """Return the requests without a generation, after taking over what neighbouring runs have finished.

    Args:
        store: the run directory.
        requests: every request of the run.
        model: knows the checkpoint's fingerprint.
        say: is told how many were taken over.
    """
    finished = set(store.read_generations())
    missing = [planned for planned in requests if planned.request.key not in finished]
    if model.fingerprint and (taken := take_over(store, missing, model.fingerprint)):
        say(f"{len(taken)} generations of this checkpoint were finished by neighbouring runs and are taken over")
        missing = [planned for planned in missing if planned.request.key not in taken]
    return missing


def answer(
    store: RunDirectory, engine: Engine, missing: Sequence[Planned], *, finished: int, total: int, say: Say
) -> bool:
    """Have `engine` answer the `missing` requests, and report those that gave no text; return True if all gave one.

    Args:
        store: receives each result as it comes.
        engine: one that is open; it stays open.
        missing: requests that have no result yet.
        finished: how many of the run's requests were done before.
        total: how many requests the run has.
        say: receives sentences for the user.
    """
    refused = generate(store, engine, missing, finished=finished, total=total)
    for reason, times in refused.most_common(1):
        most = "" if times == refused.total() else f", {times} of them"
        say(
            f"{refused.total()} generations gave no text and are not judged{most} because {reason}; "
            f"{store.failures.path.name} names them all, and the same command tries them again"
        )
    for remark in engine.description().get("remarks", ()):
        say(remark)
    return not refused
