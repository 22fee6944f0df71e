"""Export a run as Inspect's logs (version 2, JSON): one file per task, which `inspect view` opens.

A repeat is an epoch. A sample that was not judged has no score, and its metadata holds the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval import __version__
from spot_eval.core.files import write_atomically
from spot_eval.core.keys import digest
from spot_eval.interchange.exportable import clean, file_stamp, read_exportable
from spot_eval.runs.finished import AnsweredDoc, FinishedRun

LOG_VERSION = 2
UNDATED = "1970-01-01T00:00:00+00:00"


def export_inspect(path: Path, out: Path) -> list[Path]:
    """Write a log for each task into `out`; return the files."""
    run = read_exportable(path)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for task in run.samples_by_doc:
        log = clean(_log(run, task))
        name = f"{file_stamp(run.manifest)}_{task.replace('_', '-')}_{log['eval']['task_id']}.json"
        write_atomically(out / name, [json.dumps(log, ensure_ascii=False, indent=1).encode()])
        written.append(out / name)
    return written


def _log(run: FinishedRun, task: str) -> dict[str, Any]:
    manifest, config = run.manifest, run.config
    settings, data = config["suite"]["tasks"][task], config["data"][task]
    entry, name = run.board["tasks"][task], run.name
    created = _date(manifest.get("created"))
    docs = list(run.answers(task))
    samples = [_sample(name, data, doc, repeat) for doc in docs for repeat in range(len(doc.samples))]
    samples.sort(key=lambda sample: (sample["epoch"], sample["id"]))
    judged = sum(sample.score is not None for doc in docs for sample in doc.samples)
    usage = _usage([sample.prompt_tokens for doc in docs for sample in doc.samples],
                   [sample.output_tokens for doc in docs for sample in doc.samples])  # fmt: skip
    scorer = str(data.get("grader") or "unknown")
    metrics = {
        metric: {"name": metric, "value": value, "params": {}}
        for metric, value in (("mean", entry["mean"]), ("stderr", entry["stderr"]))
        if value is not None
    }
    return {
        "version": LOG_VERSION,
        "status": "success",
        "eval": {
            "eval_id": digest("eval", str(run.path), task)[:22],
            "run_id": digest("run", config)[:22],
            "created": created,
            "task": task,
            "task_id": digest("task", config, task)[:22],
            "task_version": data.get("task_version") or 0,
            "dataset": {
                "name": (manifest.get("data") or {}).get(task, {}).get("origin") or task,
                "samples": len(docs),
                "sample_ids": [doc.doc_id for doc in docs],
                "shuffled": False,
            },
            "model": f"{config['engine'].get('name') or 'unknown'}/{name}",
            "model_args": {},
            "config": {"epochs": settings["repeats"], "epochs_reducer": ["mean"]},
            "packages": {"spot_eval": __version__},
            "metadata": {
                "suite": config["suite"]["name"],
                "suite_version": config["suite"]["version"],
                "family": settings["family"],
                "fingerprint": config["model"].get("fingerprint"),
                "seed": config.get("seed"),
                "run": str(run.path),
            },
            "scorers": [{"name": scorer, "metrics": [{"name": metric} for metric in metrics]}],
        },
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}],
                 "config": _generate_config(settings["sampling"], config.get("seed"))},
        "results": {
            "total_samples": len(samples),
            "completed_samples": len(samples),
            "scores": [{"name": scorer, "scorer": scorer, "scored_samples": judged,
                        "unscored_samples": len(samples) - judged, "params": {}, "metrics": metrics}],
        },
        "stats": {"started_at": created, "completed_at": created, "model_usage": {name: usage} if usage else {}},
        "samples": samples,
    }  # fmt: skip


def _sample(model: str, data: Mapping[str, Any], doc: AnsweredDoc, repeat: int) -> dict[str, Any]:
    judged, text = doc.samples[repeat], doc.texts[repeat]
    usage = _usage([judged.prompt_tokens], [judged.output_tokens])
    stop = "unknown" if judged.truncated is None else "max_tokens" if judged.truncated else "stop"
    message = {"role": "assistant", "content": text or "", "source": "generate", "model": model}
    sample: dict[str, Any] = {
        "id": doc.doc_id,
        "epoch": repeat + 1,
        "input": doc.messages,
        "target": doc.gold if isinstance(doc.gold, str) else json.dumps(doc.gold, ensure_ascii=False),
        "messages": [*doc.messages, *([message] if text is not None else [])],
        "output": {
            "model": model,
            "choices": [{"message": message, "stop_reason": stop}] if text is not None else [],
            "completion": text or "",
            **({"usage": usage} if usage else {}),
        },
        "metadata": {"doc_hash": doc.doc_hash, "key": judged.key, "unparsed": judged.unparsed},
    }
    if judged.score is None:
        sample["metadata"]["not_judged"] = judged.why
    else:
        sample["scores"] = {
            str(data.get("grader") or "unknown"): {
                "value": judged.score, "answer": judged.extracted, "explanation": judged.why or None,
                "metadata": {"grader": judged.grader, **judged.metrics},
            }
        }  # fmt: skip
    return sample


def _usage(prompt: list[int | None], output: list[int | None]) -> dict[str, int] | None:
    """Return the tokens; None if they are not recorded."""
    asked, given = (sum(count for count in counts if count is not None) for counts in (prompt, output))
    if all(count is None for count in [*prompt, *output]):
        return None
    return {"input_tokens": asked, "output_tokens": given, "total_tokens": asked + given}


def _generate_config(sampling: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """Return the sampling under Inspect's names, without settings that are not recorded or a top_k that is off."""
    found = {
        "temperature": sampling.get("temperature"),
        "top_p": sampling.get("top_p"),
        "top_k": sampling.get("top_k") or None,
        "max_tokens": sampling.get("max_new_tokens"),
        "seed": seed,
    }
    return {name: value for name, value in found.items() if value is not None}


def _date(created: Any) -> str:
    return str(created).replace("Z", "+00:00") if created else UNDATED
