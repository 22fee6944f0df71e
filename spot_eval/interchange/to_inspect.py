"""Export a run as Inspect's logs (version 2, JSON): one file per task, which `inspect view` opens.

A repeat is an epoch. A sample that was not judged has no score, and its metadata holds the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spot_eval import __version__
from spot_eval.core.files import write_atomically
from spot_eval.core.keys import digest
from spot_eval.core.paths import shown_path
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
        write_atomically(out / name, _json(log, _samples(run, task)))
        written.append(out / name)
    return written


def _json(log: Mapping[str, Any], samples: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield `log`, whose last field is an empty list of samples, as JSON with `samples` in it, one at a time."""
    head, end = json.dumps(log, ensure_ascii=False, indent=1), "[]\n}"
    assert head.endswith(end)
    yield head.removesuffix(end).encode()
    before = "[\n  "
    for sample in samples:  # a newline within a text is escaped, so each one here begins a line
        yield (before + json.dumps(clean(sample), ensure_ascii=False, indent=1).replace("\n", "\n  ")).encode()
        before = ",\n  "
    yield b"\n ]\n}"


def _samples(run: FinishedRun, task: str) -> Iterator[dict[str, Any]]:
    """Yield the samples of `task`, epoch by epoch; the texts of one doc are in memory at a time."""
    epochs = max(map(len, run.samples_by_doc[task].values()))
    for repeat in range(epochs):
        for doc in run.answers(task, repeat):
            yield _sample(run.name, run.config["data"][task], doc, repeat + 1)


def _log(run: FinishedRun, task: str) -> dict[str, Any]:
    """Return the log of a task without its samples."""
    manifest, config = run.manifest, run.config
    settings, data = config["suite"]["tasks"][task], config["data"][task]
    entry, name = run.board["tasks"][task], run.name
    created = _date(manifest.get("created"))
    docs = run.samples_by_doc[task]
    samples = [sample for of_doc in docs.values() for sample in of_doc]
    judged = sum(sample.score is not None for sample in samples)
    usage = _usage([sample.prompt_tokens for sample in samples], [sample.output_tokens for sample in samples])
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
                "name": shown_path((manifest.get("data") or {}).get(task, {}).get("origin") or task),
                "samples": len(docs),
                "sample_ids": [of_doc[0].doc_id for of_doc in docs.values()],
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
        "samples": [],
    }  # fmt: skip


def _sample(model: str, data: Mapping[str, Any], doc: AnsweredDoc, epoch: int) -> dict[str, Any]:
    (judged,), (text,) = doc.samples, doc.texts
    usage = _usage([judged.prompt_tokens], [judged.output_tokens])
    stop = "unknown" if judged.truncated is None else "max_tokens" if judged.truncated else "stop"
    message = {"role": "assistant", "content": text or "", "source": "generate", "model": model}
    sample: dict[str, Any] = {
        "id": doc.doc_id,
        "epoch": epoch,
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
