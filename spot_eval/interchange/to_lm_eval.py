"""A run as lm-eval would have written it (0.4.13): MODEL/results_DATE.json and MODEL/samples_TASK_DATE.jsonl.

A doc is a line, its repeats are in `resps`; `score` is the mean over its judged repeats, and a doc without any has none
and no line. Prompts are the messages, as JSON: the rendered ones are not kept by a run.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_atomically, write_json
from spot_eval.core.records import to_line
from spot_eval.interchange.finished import AnsweredDoc, answered, clean, file_stamp, load_finished
from spot_eval.runs.finished import Side, mean_score

METRIC, FILTER = "score", "none"


def export_lm_eval(run: Path, out: Path) -> list[Path]:
    """Writes the files below `out`; returns them, the results first."""
    side = load_finished(run)
    folder = out / re.sub(r"[\"<>:/|\\?*\[\]]+", "__", side.judged.name)
    stamp = file_stamp(side)
    folder.mkdir(parents=True, exist_ok=True)
    results, written, hashes = folder / f"results_{stamp}.json", [], {}
    for task in side.docs:
        lines = [_line(side, task, doc) for doc in answered(side, task) if mean_score(doc.samples) is not None]
        path = folder / f"samples_{task}_{stamp}.jsonl"
        write_atomically(path, map(to_line, lines))
        written.append(path)
        hashes[task] = _sha256("".join(one["doc_hash"] + one["prompt_hash"] + one["target_hash"] for one in lines))
    write_json(results, clean(_results(side, hashes)))
    return [results, *written]


def _line(side: Side, task: str, doc: AnsweredDoc) -> dict[str, Any]:
    settings = side.config["suite"]["tasks"][task]
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


def _results(side: Side, hashes: dict[str, str]) -> dict[str, Any]:
    board, suite = side.board, side.config["suite"]
    tasks = list(side.docs)
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
    data = side.config["data"]
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
            "model": side.config["engine"].get("name"),
            "model_args": f"pretrained={side.manifest['model'].get('path')}",
            "model_dtype": side.manifest["model"].get("dtype"),
            "random_seed": side.config.get("seed"),
            "gen_kwargs": None,
            "limit": side.config["changes"].get("limit"),
        },
        "date": side.manifest.get("created"),
        "model_name": side.judged.name,
        "model_source": side.config["engine"].get("name"),
        "task_hashes": hashes,
        "spot_eval": {"suite": suite["name"], "suite_version": suite["version"], "families": board["families"],
                      "overall": board["overall"], "fingerprint": side.config["model"].get("fingerprint")},
    }  # fmt: skip


def _generation_kwargs(sampling: dict[str, Any]) -> dict[str, Any]:
    """lm-eval's names; what is not known is left away."""
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
