"""Export a run as lm-eval (0.4.13) would have written it: MODEL/results_DATE.json and MODEL/samples_TASK_DATE.jsonl.

A line is a doc with its repeats in `resps`. `score` is the mean over its judged repeats; a doc without judged repeats
has no line. Prompts are the messages as JSON, because a run does not keep the rendered ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_atomically, write_json
from spot_eval.core.paths import shown_path
from spot_eval.core.record_files import to_line
from spot_eval.interchange.exportable import clean, file_stamp, read_exportable
from spot_eval.runs.finished import AnsweredDoc, FinishedRun, mean_score

METRIC, FILTER = "score", "none"


def export_lm_eval(path: Path, out: Path) -> list[Path]:
    """Write the files below `out`; return them, the results first."""
    run = read_exportable(path)
    folder = out / re.sub(r"[\"<>:/|\\?*\[\]]+", "__", run.name)
    stamp = file_stamp(run.manifest)
    folder.mkdir(parents=True, exist_ok=True)
    results, written, hashes = folder / f"results_{stamp}.json", [], {}
    for task in run.samples_by_doc:
        path = folder / f"samples_{task}_{stamp}.jsonl"
        hashes[task] = _write_samples(run, task, path)
        written.append(path)
    write_json(results, clean(_results(run, hashes)))
    return [results, *written]


def _write_samples(run: FinishedRun, task: str, path: Path) -> str:
    """Write a line per doc, each read when it is its turn; return lm-eval's hash of the task."""
    hashed = hashlib.sha256()

    def lines() -> Iterator[bytes]:
        for doc in run.answers(task):
            if mean_score(doc.samples) is not None:
                one = _line(run, task, doc)
                hashed.update((one["doc_hash"] + one["prompt_hash"] + one["target_hash"]).encode())
                yield to_line(one)

    write_atomically(path, lines())
    return hashed.hexdigest()


def _line(run: FinishedRun, task: str, doc: AnsweredDoc) -> dict[str, Any]:
    settings = run.config["suite"]["tasks"][task]
    prompt = json.dumps(doc.messages, ensure_ascii=False)
    texts = [text or "" for text in doc.texts]
    metrics: dict[str, Any] = {METRIC: mean_score(doc.samples)}
    for name in sorted({name for sample in doc.samples for name in sample.metrics} - {METRIC}):
        known = [value for sample in doc.samples if (value := sample.metrics.get(name)) is not None]
        if known:
            metrics[name] = sum(known) / len(known)
    asked: dict[str, Any] = {"arg_0": prompt, "arg_1": _generation_kwargs(settings["sampling"])}
    arguments: dict[str, Any] = {"gen_args_0": asked}
    resps: list[Any] = [texts]
    filtered: list[Any] = [texts[0]] if len(texts) == 1 else [texts]
    if doc.choices:
        filtered = [[str(one["logprob"]), str(one["greedy"])] for one in doc.choices]
        resps = [[one] for one in filtered]
        arguments = {
            f"gen_args_{number}": {"arg_0": context, "arg_1": text} for number, (context, text) in enumerate(doc.pairs)
        }
    return clean({
        "doc_id": doc.doc_id,
        "doc": doc.row,
        "target": doc.gold if isinstance(doc.gold, str) else json.dumps(doc.gold, ensure_ascii=False),
        "arguments": arguments,
        "resps": resps,
        "filtered_resps": filtered,
        "filter": FILTER,
        "metrics": list(metrics),
        "doc_hash": _sha256(json.dumps(clean(doc.row), indent=2, ensure_ascii=False)),
        "prompt_hash": _sha256(clean(prompt)),
        "target_hash": _sha256(clean(str(doc.gold))),
        **metrics,
    })  # fmt: skip


def _results(run: FinishedRun, hashes: dict[str, str]) -> dict[str, Any]:
    board, suite = run.board, run.config["suite"]
    tasks = list(run.samples_by_doc)
    results: dict[str, dict[str, Any]] = {}
    for task in tasks:
        entry = board["tasks"][task]
        results[task] = {"alias": task, "sample_len": entry["docs"]}
        for name, found in {**entry["metrics"], **entry.get("perplexities", {}), METRIC: entry}.items():
            stderr = found["stderr"]
            results[task] |= {
                f"{name},{FILTER}": found["mean"],
                f"{name}_stderr,{FILTER}": "N/A" if stderr is None else stderr,
            }
    data = run.config["data"]
    return {
        "results": results,
        "group_subtasks": {task: [] for task in tasks},
        "configs": {
            task: {
                "task": task,
                "output_type": data[task].get("output_type", "generate_until"),
                "repeats": suite["tasks"][task]["repeats"],
                "generation_kwargs": _generation_kwargs(suite["tasks"][task]["sampling"]),
                "metadata": {"version": data[task].get("task_version"), "grader": data[task].get("grader")},
            }
            for task in tasks
        },
        "versions": {task: data[task].get("task_version") for task in tasks},
        "n-shot": {task: data[task].get("num_fewshot", 0) for task in tasks},
        "higher_is_better": {task: {METRIC: True} for task in tasks},
        "n-samples": {
            task: {"original": board["tasks"][task]["docs"], "effective": board["tasks"][task]["docs_judged"]}
            for task in tasks
        },
        "config": {
            "model": run.config["engine"].get("name"),
            "model_args": f"pretrained={shown_path(run.manifest['model'].get('path') or run.name)}",
            "model_dtype": run.manifest["model"].get("dtype"),
            "random_seed": run.config.get("seed"),
            "gen_kwargs": None,
            "limit": run.config["changes"].get("limit"),
        },
        "date": run.manifest.get("created"),
        "model_name": run.name,
        "model_source": run.config["engine"].get("name"),
        "task_hashes": hashes,
        "spot_eval": {"suite": suite["name"], "suite_version": suite["version"], "families": board["families"],
                      "overall": board["overall"], "fingerprint": run.config["model"].get("fingerprint")},
    }  # fmt: skip


def _generation_kwargs(sampling: dict[str, Any]) -> dict[str, Any]:
    """Return the sampling under lm-eval's names, without settings that are not recorded."""
    temperature = sampling.get("temperature")
    kwargs = {
        "do_sample": None if temperature is None else temperature > 0,
        "temperature": temperature,
        "top_p": sampling.get("top_p"),
        "top_k": sampling.get("top_k"),
        "max_gen_toks": sampling.get("max_new_tokens"),
    }
    return {name: value for name, value in kwargs.items() if value is not None}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
