"""lm-eval's sample logs as a run directory, so that runs made elsewhere can be compared, gated and reported.

    samples_gsm8k_2026-01-02T03-04-05.jsonl (+ results_2026-01-02T03-04-05.json)  ->  runs/<model>-lm-eval-<hash>

The verdicts are lm-eval's: one metric, one filter, one score a doc, which may not be judged again here. Docs pair by
lm-eval's own hashes of row and target, so that another chat template does not hinder it. What the logs do not say
(seeds, lengths, how a text ended) is recorded as unknown.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.errors import UserError
from spot_eval.files import read_json, write_atomically, write_json
from spot_eval.records import Doc, Generation, Sample, digest, read_lines, to_line
from spot_eval.score import scoreboard
from spot_eval.store import SCHEMA, RunDirectory
from spot_eval.suite import Suite, nearest

SUITE = "lm-eval"
ENGINE = "lm-eval"
GRADER = "lm-eval"
OTHER_FAMILY = "other"
FILE = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl$")
PREFERRED = ("score", "exact_match", "acc", "prompt_level_strict_acc", "acc_norm", "pass@1", "f1")
SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_gen_toks": "max_new_tokens"}


@dataclass(frozen=True)
class Import:
    """What the command line says."""

    files: Sequence[Path]
    results: Path | None = None
    model: str | None = None
    metric: str | None = None
    filter: str | None = None
    families: Mapping[str, str] = field(default_factory=dict)  # task to family, over the suite's
    out: Path | None = None


@dataclass(frozen=True)
class Log:
    """One task's log: lines of one filter, judged by one metric."""

    task: str
    path: Path
    lines: list[dict[str, Any]]
    filter: str
    metric: str


def import_logs(wanted: Import, suite: Suite, say: Any) -> tuple[Path, dict[str, Any]]:
    """Makes the run; returns (run directory, scoreboard). `suite` says which family a task is in.

    Raises UserError for bad input, before anything is written.
    """
    files, results_file = _found(wanted)
    results = read_json(results_file) if results_file else {}
    logs = [_read(task, path, wanted, say) for task, path in files.items()]
    if not results:
        say("no results_….json beside the logs: model, sampling and versions are not known")
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


def _found(wanted: Import) -> tuple[dict[str, Path], Path | None]:
    """Task to its log, and the results file that belongs to them."""
    given: list[Path] = []
    for path in wanted.files:
        if path.is_dir():
            inside = sorted(path.rglob("samples_*.jsonl"))
            if not inside:
                raise UserError(f"{path} holds no samples_….jsonl; lm-eval writes them with --log_samples")
            given += inside
        elif path.is_file():
            given.append(path)
        else:
            raise UserError(f"{path} does not exist; name lm-eval's samples_….jsonl, or the folder they are in")
    found: dict[str, Path] = {}
    for path in given:
        name = FILE.search(path.name)
        task = name["task"] if name else path.stem.removeprefix("samples_")
        if task in found:
            raise UserError(f"task {task} has two logs, {found[task]} and {path}; name the one to take")
        found[task] = path
    if wanted.results:
        return found, wanted.results
    results = {file for path in found.values() for file in _results_beside(path)}
    if len(results) > 1:
        shown = ", ".join(sorted(map(str, results)))
        raise UserError(f"the logs have several results files ({shown}); name one with --results")
    return found, next(iter(results), None)


def _results_beside(log: Path) -> Iterable[Path]:
    """The results file of the log's date, or the only one there is."""
    name = FILE.search(log.name)
    if name and (same := log.parent / f"results_{name['date']}.json").is_file():
        return [same]
    beside = list(log.parent.glob("results*.json"))
    return beside if len(beside) == 1 else []


def _read(task: str, path: Path, wanted: Import, say: Any) -> Log:
    """One log, checked: which filter and metric count, and that every line has them."""
    lines = list(read_lines(path))
    if not lines:
        raise UserError(f"{path} is empty")
    for number, line in enumerate(lines, start=1):
        if lacking := [name for name in ("doc_id", "doc", "target") if name not in line]:
            raise UserError(f"{path}, line {number}: no lm-eval sample (it lacks {lacking[0]!r})")
        if not isinstance(line["doc_id"], int):
            raise UserError(f"{path}, line {number}: doc_id {line['doc_id']!r} is not a number")
    filters = list(dict.fromkeys(str(line.get("filter", "none")) for line in lines))
    chosen = wanted.filter or filters[0]
    if chosen not in filters:
        raise UserError(f"{path}: no line has the filter {chosen!r}{nearest(chosen, filters)}")
    of_filter = [line for line in lines if str(line.get("filter", "none")) == chosen]
    metrics = _metrics(of_filter[0])
    if not metrics:
        raise UserError(f"{path}: its samples have no metric that is a number for each doc")
    metric = wanted.metric or next((name for name in PREFERRED if name in metrics), metrics[0])
    if metric not in metrics:
        raise UserError(f"{path}: the samples have no metric {metric!r}{nearest(metric, metrics)}")
    others = [f"filters {', '.join(filters)}"] if len(filters) > 1 and not wanted.filter else []
    others += [f"metrics {', '.join(metrics)}"] if len(metrics) > 1 and not wanted.metric else []
    if others:
        say(f"{task}: {metric} of filter {chosen} is taken ({'; '.join(others)}: choose with --metric, --filter)")
    seen = Counter(line["doc_id"] for line in of_filter)
    if doubles := [doc for doc, count in seen.items() if count > 1]:
        raise UserError(f"{path}: doc_id {doubles[0]} stands {seen[doubles[0]]} times; one file holds one run")
    for line in of_filter:
        value = line.get(metric)
        if _is_number(value) and not 0 <= value <= 1:  # type: ignore[operator]
            raise UserError(
                f"{path}: {metric} of doc {line['doc_id']} is {value}; only metrics between 0 and 1 can be compared"
                f"{nearest('', [name for name in metrics if name != metric]) if len(metrics) > 1 else ''}"
            )
    return Log(task, path, sorted(of_filter, key=lambda line: line["doc_id"]), chosen, metric)


def _metrics(line: Mapping[str, Any]) -> list[str]:
    """The metrics that are one number a doc, or may be."""
    named = line.get("metrics")
    names = [str(name) for name in named] if isinstance(named, list) else []
    return [name for name in names if line.get(name) is None or _is_number(line[name])]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def _config(logs: Sequence[Log], results: Mapping[str, Any], suite: Suite, wanted: Import) -> dict[str, Any]:
    """As `run` writes it, with None for what is not known."""
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
            "content_hash": digest([[_row_hash(line), _target_hash(line)] for line in log.lines]),
            "grader": f"{GRADER} {log.metric},{log.filter}",
            "until": kwargs.get("until"),
            "task_version": _text(_of(results, "versions").get(log.task)),
        }
    return {
        "schema": SCHEMA,
        "context": None,
        "model": {
            "fingerprint": _text(_of(results, "config").get("model_sha")) or None,
            "chat_template": _text(results.get("chat_template_sha")),
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
    """lm-eval's generation_kwargs in our words; greedy where it says so, unknown where it is silent."""
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
            "path": _text(stated.get("model_args")) or str(logs[0].path.parent),
            "dtype": _text(stated.get("model_dtype")),
            "context": None,
        },
        "engine_args": {},
        "versions": {name: str(version) for name, version in versions.items() if version},
        "data": {
            log.task: {
                "origin": _text(_of(results, "configs", log.task).get("dataset_path")) or str(log.path),
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
        twin = (_row_hash(line), _target_hash(line))
        doc_hash = digest("lm-eval", *twin, *([twins[twin]] if twins[twin] else []))
        twins[twin] += 1
        key, doc_id, value = digest("import", run, log.task, line["doc_id"]), line["doc_id"], line.get(log.metric)
        row = line["doc"] if isinstance(line["doc"], dict) else {"doc": line["doc"]}
        doc = Doc(log.task, doc_id, doc_hash, [{"role": "user", "content": _prompt(line)}], target, row)
        text, several = _answer(line)
        score = float(value) if _is_number(value) else None  # type: ignore[arg-type]
        sample = Sample(
            key=key,
            task=log.task,
            doc_id=doc_id,
            doc_hash=doc_hash,
            repeat=0,
            score=score,
            extracted=_extracted(line),
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


def _row_hash(line: Mapping[str, Any]) -> str:
    return str(line.get("doc_hash") or digest(line["doc"]))


def _target_hash(line: Mapping[str, Any]) -> str:
    return str(line.get("target_hash") or digest(line["target"]))


def _prompt(line: Mapping[str, Any]) -> str:
    """The first request's context, wherever this version of lm-eval keeps it."""
    arguments = line.get("arguments")
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else None
    if isinstance(first, dict):
        return _text(first.get("arg_0")) or ""
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], list) and arguments[0]:
        return _text(arguments[0][0]) or ""
    return ""


def _answer(line: Mapping[str, Any]) -> tuple[str | None, int]:
    """(the first text, how many there are); a choice's log-likelihoods are its answer."""
    resps = line.get("resps")
    if not isinstance(resps, list) or not resps:
        return None, 0
    first = resps[0]
    if isinstance(first, list) and first and isinstance(first[0], str):
        return first[0], len(first)
    if isinstance(first, str):
        return first, len(resps)
    return json.dumps(resps, ensure_ascii=False), 1


def _extracted(line: Mapping[str, Any]) -> str | None:
    found = line.get("filtered_resps")
    while isinstance(found, list) and len(found) == 1:
        found = found[0]
    return None if found is None else _text(found)


def _of(results: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A mapping inside of the results; empty where it is not there."""
    value: Any = results
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
