"""Make a run directory of lm-eval's sample logs, so that they can be compared, gated and reported.

    samples_gsm8k_2026-01-02T03-04-05.jsonl (+ results_2026-01-02T03-04-05.json)  ->  runs/<model>-lm-eval-<hash>

The verdicts are lm-eval's: one metric, one filter, one score a doc, which may not be judged again here. Docs pair by
lm-eval's own hashes of row and target, so that another chat template does not hinder it. What the logs do not say
(seeds, lengths, how a text ended) is recorded as unknown.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_atomically, write_json
from spot_eval.core.records import Doc, Generation, Sample, digest, to_line
from spot_eval.interchange.lm_eval_logs import (
    Log,
    answer_of,
    extracted_of,
    find_logs,
    is_number,
    prompt_of,
    read_log,
    row_hash,
    target_hash,
    text_of,
)
from spot_eval.metrics.scoreboard import scoreboard
from spot_eval.runs.directory import SCHEMA, RunDirectory
from spot_eval.tasks.suite import Suite, nearest

SUITE = "lm-eval"
ENGINE = "lm-eval"
GRADER = "lm-eval"
OTHER_FAMILY = "other"
SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_gen_toks": "max_new_tokens"}


@dataclass(frozen=True)
class Import:
    """Options of `spot-eval import`."""

    files: Sequence[Path]
    results: Path | None = None
    model: str | None = None
    metric: str | None = None
    filter: str | None = None
    families: Mapping[str, str] = field(default_factory=dict)  # task to family, over the suite's
    out: Path | None = None


def import_logs(wanted: Import, suite: Suite, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Make the run, and return (run directory, scoreboard). `suite` gives the family of each task.

    Raises UserError for bad input, before anything is written.
    """
    files, results_file = find_logs(wanted.files, wanted.results)
    results = read_json(results_file) if results_file else {}
    logs = [read_log(task, path, say, metric=wanted.metric, of_filter=wanted.filter) for task, path in files.items()]
    if not results:
        say("no results_….json beside the logs: model, sampling and versions are not recorded")
    config = _config(logs, results, suite, wanted)
    manifest = _manifest(logs, results, config, wanted)
    out = wanted.out or Path("runs") / f"{manifest['model']['name']}-{SUITE}-{digest(config)[:8]}"
    docs, generations, samples = [], [], []
    for log in logs:
        for doc, generation, sample in _records(log, digest(config)):
            docs.append(doc)
            samples.append(sample)
            generations += [generation] if generation else []
    board = {"model": manifest["model"]["name"], "changes": {},
             **scoreboard(samples, suite=config["suite"], left_out={})}  # fmt: skip
    store = RunDirectory.create(out, manifest)
    try:
        for name, records in (("docs", docs), ("generations", generations), ("samples", samples)):
            write_atomically(out / f"{name}.jsonl", map(to_line, records))
        write_json(out / "scoreboard.json", board)
    finally:
        store.close()
    return out, board


def _config(logs: Sequence[Log], results: Mapping[str, Any], suite: Suite, wanted: Import) -> dict[str, Any]:
    """Return the settings that decide results, as `run` writes them; None for those the logs do not record."""
    if strangers := sorted(wanted.families.keys() - {log.task for log in logs}):
        known = nearest(strangers[0], [log.task for log in logs])
        raise UserError(f"--family {strangers[0]}=…: there is no log of {strangers[0]!r}{known}")
    tasks: dict[str, Any] = {}
    data: dict[str, Any] = {}
    families: dict[str, list[str]] = {}
    for log in logs:
        family = wanted.families.get(log.task) or suite.tasks.get(log.task, OTHER_FAMILY)
        kwargs = _of(results, "configs", log.task).get("generation_kwargs") or {}
        families.setdefault(family, []).append(log.task)
        tasks[log.task] = {"family": family, "repeats": 1, "sampling": _sampling(kwargs)}
        data[log.task] = {
            "docs": len(log.lines),
            "content_hash": digest([[row_hash(line), target_hash(line)] for line in log.lines]),
            "grader": f"{GRADER} {log.metric},{log.filter}",
            "until": kwargs.get("until"),
            "task_version": text_of(_of(results, "versions").get(log.task)),
        }
    return {
        "schema": SCHEMA,
        "context": None,
        "model": {
            "fingerprint": text_of(_of(results, "config").get("model_sha")) or None,
            "chat_template": text_of(results.get("chat_template_sha")),
        },
        "engine": {"name": ENGINE},
        "suite": {"name": SUITE, "version": 1, "thinking": None, "families": families, "tasks": tasks},
        "seed": None,
        "changes": {},
        "skip_too_long": False,
        "data": data,
        "logs": {log.task: digest(log.lines) for log in logs},
    }


def _sampling(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's generation_kwargs under our names; greedy if they say so, None if they do not record it."""
    found = {ours: kwargs.get(theirs) for theirs, ours in SAMPLING.items()}
    if kwargs.get("do_sample") is False:
        found["temperature"] = 0.0
    return found


def _manifest(
    logs: Sequence[Log], results: Mapping[str, Any], config: Mapping[str, Any], wanted: Import
) -> dict[str, Any]:
    name = wanted.model or results.get("model_name") or logs[0].path.resolve().parent.name
    stated = _of(results, "config")
    versions = {"lm_eval": results.get("lm_eval_version"), "transformers": results.get("transformers_version")}
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": {
            "name": re.sub(r"[^A-Za-z0-9._-]+", "-", str(name)).strip("-.") or "model",
            "path": text_of(stated.get("model_args")) or str(logs[0].path.parent),
            "dtype": text_of(stated.get("model_dtype")),
            "context": None,
        },
        "engine_args": {},
        "versions": {name: str(version) for name, version in versions.items() if version},
        "data": {
            log.task: {
                "origin": text_of(_of(results, "configs", log.task).get("dataset_path")) or str(log.path),
                "revision": None,
                "content_hash": config["data"][log.task]["content_hash"],
            }
            for log in logs
        },
        "left_out": {},
        "config": dict(config),
    }


def _records(log: Log, run: str) -> Iterable[tuple[Doc, Generation | None, Sample]]:
    twins = Counter[tuple[str, str]]()
    for line in log.lines:
        target = line["target"]
        twin = (row_hash(line), target_hash(line))
        doc_hash = digest("lm-eval", *twin, *([twins[twin]] if twins[twin] else []))
        twins[twin] += 1
        key, doc_id, value = digest("import", run, log.task, line["doc_id"]), line["doc_id"], line.get(log.metric)
        row = line["doc"] if isinstance(line["doc"], dict) else {"doc": line["doc"]}
        doc = Doc(log.task, doc_id, doc_hash, [{"role": "user", "content": prompt_of(line)}], target, row)
        text, several = answer_of(line)
        score = float(value) if is_number(value) else None
        sample = Sample(
            key=key,
            task=log.task,
            doc_id=doc_id,
            doc_hash=doc_hash,
            repeat=0,
            score=score,
            extracted=extracted_of(line),
            why=f"lm-eval's log has no {log.metric} for it" if score is None
            else f"one of {several} answers, which lm-eval scored together" if several > 1 else "",
            truncated=None,
            unparsed=False,
            not_judged=score is None,
            prompt_tokens=None,
            output_tokens=None,
            text_hash=digest(text) if text is not None else "",
            grader=f"{GRADER} {log.metric},{log.filter}",
        )  # fmt: skip
        generation = None
        if text is not None:
            generation = Generation(
                key=key, task=log.task, doc_id=doc_id, doc_hash=doc_hash, repeat=0, seed=None, text=text,
                finish_reason="unknown", prompt_tokens=None, output_tokens=None, max_new_tokens=None,
            )  # fmt: skip
        yield doc, generation, sample


def _of(results: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return a mapping inside the results; empty if it is absent."""
    value: Any = results
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
