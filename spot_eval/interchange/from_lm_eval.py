"""Make a run directory of lm-eval's sample logs, so that they can be compared, gated and reported.

    samples_gsm8k_2026-01-02T03-04-05.jsonl (+ results_2026-01-02T03-04-05.json)  ->  runs/<model>-lm-eval-<hash>

The verdicts are lm-eval's: one metric, one filter, one score a doc, which may not be judged again here. Docs pair by
lm-eval's own hashes of row and target, so that another chat template does not hinder it. What the logs do not say
(seeds, lengths, how a text ended) is recorded as unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.files import read_json
from spot_eval.core.keys import digest
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.interchange.imported_run import Import, ImportedTask, Record, Tool, run_config, write_run
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
from spot_eval.tasks.suite import Suite

TOOL = "lm-eval"
SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_gen_toks": "max_new_tokens"}


def import_logs(wanted: Import, suite: Suite, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Make the run, and return (run directory, scoreboard). `suite` gives the family of each task.

    Raises UserError for bad input, before anything is written.
    """
    files, results_file = find_logs(wanted.files, wanted.results)
    results = read_json(results_file) if results_file else {}
    logs = [read_log(task, path, say, metric=wanted.metric, of_filter=wanted.filter) for task, path in files.items()]
    if not results:
        say("no results_….json beside the logs: model, sampling and versions are not recorded")
    tasks, tool = [_task(log, results) for log in logs], _tool(logs, results, wanted)
    config = run_config(tasks, tool, suite, wanted.families)
    records = (record for log in logs for record in _records(log, digest(config)))
    return write_run(tasks, tool, config, records, wanted.out)


def _task(log: Log, results: Mapping[str, Any]) -> ImportedTask:
    kwargs = _of(results, "configs", log.task, "generation_kwargs")
    return ImportedTask(
        log.task,
        len(log.lines),
        digest([[row_hash(line), target_hash(line)] for line in log.lines]),
        digest(log.lines),
        f"{TOOL} {log.metric},{log.filter}",
        text_of(_of(results, "configs", log.task).get("dataset_path")) or str(log.path),
        sampling=_sampling(kwargs),
        until=kwargs.get("until"),
        version=text_of(_of(results, "versions").get(log.task)),
    )


def _tool(logs: Sequence[Log], results: Mapping[str, Any], wanted: Import) -> Tool:
    stated = _of(results, "config")
    versions = {"lm_eval": results.get("lm_eval_version"), "transformers": results.get("transformers_version")}
    return Tool(
        TOOL,
        str(wanted.model or results.get("model_name") or logs[0].path.resolve().parent.name),
        text_of(stated.get("model_args")) or str(logs[0].path.parent),
        fingerprint=text_of(stated.get("model_sha")) or None,
        chat_template=text_of(results.get("chat_template_sha")),
        dtype=text_of(stated.get("model_dtype")),
        versions={name: str(version) for name, version in versions.items() if version},
    )


def _sampling(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's generation_kwargs under our names; greedy if they say so, None if they do not record it."""
    given = {ours: kwargs.get(theirs) for theirs, ours in SAMPLING.items()}
    found = {name: value if is_number(value) else None for name, value in given.items()}
    if kwargs.get("do_sample") is False:
        found["temperature"] = 0.0
    return found


def _records(log: Log, run: str) -> Iterable[Record]:
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
            grader=f"{TOOL} {log.metric},{log.filter}",
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
