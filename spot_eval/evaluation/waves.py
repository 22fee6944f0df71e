"""`run --until-verdict`: ask in waves, take a look after each, and stop asking where the verdict is certain.

A wave is the next repeats of every task that is still open, recorded like any repeats: the same seeds, keys and files.
A look is written to looks.jsonl before the next wave begins, and sees the wave whole: which answers it rests on never
depends on how long they took. So a run that was killed takes the same looks again, and a stopped run can go on to the
full protocol. The rules of a look belong to `gating`; this module is given them as a `Monitor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.core.progress import Say
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Doc, Sample
from spot_eval.evaluation.generate import answer, record_too_long, unfinished
from spot_eval.evaluation.grade import Asked, grade
from spot_eval.evaluation.grade_meanwhile import grading_meanwhile
from spot_eval.evaluation.plan import RequestPlan
from spot_eval.models.base import Engine
from spot_eval.models.model import Model
from spot_eval.runs.baseline import Baseline, PublishedBaseline
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.finished import read_clusters
from spot_eval.runs.judged import JudgedRun, judged_docs
from spot_eval.runs.look_views import base_digest
from spot_eval.runs.looks import Clusters, Looks, LooksLog, looks_of, read_looks


class Monitor(Protocol):
    """Decides at a look."""

    def plan(self, suite: Mapping[str, Any], docs: Mapping[str, Clusters], base: JudgedRun) -> dict[str, Any]:
        """Return the first line of looks.jsonl."""
        ...

    def look(self, candidate: JudgedRun, base: JudgedRun, looks: Looks) -> dict[str, Any]:
        """Return the line of the next look of `candidate`, which holds the samples of all waves up to it."""
        ...


def base_of(baseline: Baseline | None, name: str | None) -> JudgedRun:
    """Return the base run that the looks compare with. Raises UserError if there is none to pair docs with."""
    if baseline is None:
        raise UserError("--until-verdict needs a base run to compare with: add --baseline RUN")
    if isinstance(baseline, PublishedBaseline):
        raise UserError(
            f"--until-verdict: {name} is a published table, without docs to pair; name a run directory or a saved "
            "baseline with --baseline"
        )
    return baseline


def run_in_waves(
    store: RunDirectory,
    plan: RequestPlan,
    model: Model,
    base: JudgedRun,
    monitor: Monitor,
    *,
    workers: int | None,
    say: Say,
) -> list[Sample]:
    """Ask wave after wave until every family is decided or the protocol is exhausted; return the judged samples.

    Args:
        store: the run directory, open for writing; its docs.jsonl is written.
        plan: every request of the full protocol.
        model: opened at the first request that has to be generated, and kept open between waves.
        base: the finished run that each look compares with.
        monitor: the rules of a look.
        workers: number of grading processes.
        say: receives a sentence per look.

    Raises UserError if the looks on disk belong to another base.
    """
    log = LooksLog(store.path)
    docs = _docs(store)
    looks = log.read() or _begin(store, log, docs, base, monitor)
    if looks.head["base"]["digest"] != base_digest(base):
        raise UserError(
            f"{store.path} was begun with --until-verdict against another base ({looks.head['base']['path']}); go on "
            "with that --baseline, or choose another directory with --out"
        )
    record_too_long(store, plan)
    open_engine: Engine | None = None
    try:
        while looks.open_tasks and not looks.whole:
            number, going = looks.taken + 1, looks.open_tasks
            before = looks.asked(docs, looks.last_looks())
            asked = looks.asked(docs, {**looks.last_looks(), **dict.fromkeys(going, number)})
            wave = [
                one
                for one in plan.requests
                if before[one.doc.task].get(one.doc.doc_hash, 0)
                <= one.repeat
                < asked[one.doc.task].get(one.doc.doc_hash, 0)
            ]
            missing = unfinished(store, wave, model, say)
            if missing:
                say(f"wave {number} of at most {looks.planned}: {len(missing)} generations to do")
                open_engine = open_engine or model.open()
            with grading_meanwhile(store, workers) as meanwhile:
                if missing and open_engine is not None:
                    answer(store, open_engine, missing, finished=len(wave) - len(missing), total=len(wave), say=say)
                samples = grade(store, workers=workers, asked=asked, meanwhile=meanwhile)
            line = monitor.look(_judged(store, samples, looks), base, looks)
            log.append(line)
            looks = Looks(looks.head, (*looks.lines, line))
            say(_sentence(line, looks))
            if not looks.open_tasks:
                count = sum(sum(of.values()) for of in looks.asked(docs, looks.last_looks()).values())
                say(f"{count:,} of the protocol's {len(plan.requests):,} answers were asked for")
    finally:
        if open_engine is not None:
            open_engine.close()
    return grade(store, workers=workers, asked=None if looks.whole else looks.asked(docs, looks.last_looks()))


def _begin(
    store: RunDirectory, log: LooksLog, docs: Mapping[str, Clusters], base: JudgedRun, monitor: Monitor
) -> Looks:
    head = monitor.plan(store.manifest["config"]["suite"], docs, base)
    log.append(head)
    looks = looks_of([head], store.path)
    assert looks is not None
    return looks


def _docs(store: RunDirectory) -> dict[str, dict[str, str | None]]:
    path = store.path / "docs.jsonl"
    clusters = read_clusters(path)
    found: dict[str, dict[str, str | None]] = {}
    for doc in read_records(path, Doc):
        found.setdefault(doc.task, {})[doc.doc_hash] = clusters.get(doc.task, {}).get(doc.doc_hash)
    return found


def _judged(store: RunDirectory, samples: Sequence[Sample], looks: Looks) -> JudgedRun:
    graders = {sample.task: sample.grader for sample in samples}
    docs = judged_docs(samples, read_clusters(store.path / "docs.jsonl"))
    return JudgedRun(store.path, store.manifest, docs, graders, looks=looks)


def _sentence(line: Mapping[str, Any], looks: Looks) -> str:
    families = ", ".join(
        f"{name} {one['verdict'] if one['verdict'] != 'inconclusive' else 'undecided'}"
        for name, one in line["families"].items()
    )
    rest = f"{len(line['go_on'])} tasks go on" if line["go_on"] else "nothing more is asked"
    return f"look {line['look']} of at most {looks.planned}: {families}; {rest}"


def asked_so_far(store: RunDirectory) -> Asked | None:
    """Return what a run that was looked at has asked; None if it is a run of the whole protocol."""
    looks = read_looks(store.path)
    return None if looks is None or looks.whole or not looks.taken else looks.asked(_docs(store), looks.last_looks())


def note_whole(store: RunDirectory) -> None:
    """Record that a run with looks has gone on to the full protocol."""
    looks = read_looks(store.path)
    if looks is not None and not looks.whole:
        LooksLog(store.path).append({"kind": "whole"})
