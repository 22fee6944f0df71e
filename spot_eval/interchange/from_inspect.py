"""Make a run directory of Inspect's logs, so that they can be compared, gated and reported.

    logs/2026-01-02T03-04-05_aime_Xy….eval (or .json)  ->  runs/<model>-inspect-<hash>

The verdicts are Inspect's: one scorer, one score for each sample and epoch (an epoch is a repeat), which may not be
judged again here. Docs pair by input, choices and target. What a log does not say is recorded as unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.kinds import token_count
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.interchange.imported_run import Import, ImportedTask, Record, Tool, run_config, write_run
from spot_eval.interchange.inspect_logs import find_logs, plain_messages, read_log, score_of
from spot_eval.tasks.suite import Suite, nearest

TOOL = "inspect"
REASONS = {"stop": "stop", "max_tokens": "length", "model_length": "length"}
LONGEST_WHY = 500  # characters of a scorer's explanation


@dataclass(frozen=True)
class Log:
    """The log of one task: its header, its samples by doc and epoch, and the scorer whose scores count."""

    task: str
    path: Path
    header: Mapping[str, Any]
    samples: Mapping[str, Mapping[int, Mapping[str, Any]]]
    scorer: str

    @property
    def epochs(self) -> int:
        """Return the number of epochs that were asked."""
        asked = (self.header["eval"].get("config") or {}).get("epochs")
        return max(
            [
                asked if type(asked) is int and 0 < asked < 10**6 else 1,
                *(epoch for found in self.samples.values() for epoch in found),
            ]
        )


def import_inspect(wanted: Import, suite: Suite, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Make the run, and return (run directory, scoreboard). `suite` gives the family of each task.

    Raises UserError for bad input, before anything is written.
    """
    logs: dict[str, Log] = {}
    for path in find_logs(wanted.files):
        log = _read(path, wanted.metric, say)
        if log.task in logs:
            raise UserError(f"task {log.task} has two logs, {logs[log.task].path} and {path}; name the one to take")
        logs[log.task] = log
    models = sorted({str(log.header["eval"].get("model") or "unknown") for log in logs.values()})
    if len(models) > 1:
        raise UserError(
            f"the logs are of {len(models)} models ({', '.join(models[:3])}); import those of one at a time"
        )
    tasks = [_task(log) for log in logs.values()]
    tool = _tool(list(logs.values()), wanted.model or models[0])
    config = run_config(tasks, tool, suite, wanted.families)
    records = (record for log in logs.values() for record in _records(log, digest(config)))
    return write_run(tasks, tool, config, records, wanted.out)


def _read(path: Path, metric: str | None, say: Callable[[str], None]) -> Log:
    header, samples = read_log(path)
    facts = header["eval"]
    by_doc: dict[str, dict[int, Mapping[str, Any]]] = {}
    for sample in samples:
        epochs = by_doc.setdefault(str(sample["id"]), {})
        if sample["epoch"] in epochs:
            raise UserError(f"{path}: sample {sample['id']!r} is there twice in epoch {sample['epoch']}")
        epochs[sample["epoch"]] = sample
    if not by_doc:
        raise UserError(f"{path} holds no samples; Inspect leaves them out with --no-log-samples")
    if header.get("status") != "success":
        say(f"{path.name}: Inspect's status is {header.get('status')!r}; samples that it lacks are not judged")
    wanted = (facts.get("dataset") or {}).get("samples")
    if isinstance(wanted, int) and wanted > len(by_doc):
        say(f"{path.name}: {wanted - len(by_doc)} of {wanted} docs have no sample at all, and are left out")
    task = str(facts.get("task") or path.stem).rpartition("/")[2]
    return Log(task, path, header, by_doc, _scorer(path, header, by_doc, metric, say))


def _scorer(
    path: Path, header: Mapping[str, Any], samples: Mapping[str, Mapping[int, Any]], metric: str | None, say: Any
) -> str:
    """Return the scorer that was asked for, else the log's headline or first one. Raises UserError if there is none."""
    names = dict.fromkeys(
        name for found in samples.values() for sample in found.values() for name in sample.get("scores") or {}
    )
    if not names:
        raise UserError(f"{path} has no scores; score it first (`inspect score`)")
    if metric is not None:
        if metric.partition(".")[0] not in names:
            raise UserError(
                f"--metric {metric}: {path.name} has the scorers {', '.join(names)}{nearest(metric, names)}"
            )
        return metric
    headline = ((header.get("results") or {}).get("headline") or {}).get("scorer")
    chosen = headline if headline in names else next(iter(names))
    if len(names) > 1:
        say(f"{path.name}: the score is that of {chosen}; --metric chooses another of {', '.join(names)}")
    return str(chosen)


def _task(log: Log) -> ImportedTask:
    facts = log.header["eval"]
    given = {**((log.header.get("plan") or {}).get("config") or {}), **(facts.get("model_generate_config") or {})}
    names = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_tokens": "max_new_tokens"}
    return ImportedTask(
        log.task,
        len(log.samples),
        digest(sorted(_doc_hash(next(iter(found.values()))) for found in log.samples.values())),
        digest([facts.get("eval_id"), facts.get("created"), sorted(log.samples)]),
        f"{TOOL} {log.scorer}",
        str((facts.get("dataset") or {}).get("name") or log.path),
        repeats=log.epochs,
        sampling={ours: _number(given.get(theirs)) for theirs, ours in names.items()},
        version=str(facts["task_version"]) if facts.get("task_version") is not None else None,
    )


def _tool(logs: Sequence[Log], model: str) -> Tool:
    packages: dict[str, str] = {}
    for log in logs:
        packages |= {str(name): str(version) for name, version in (log.header["eval"].get("packages") or {}).items()}
    return Tool(TOOL, model.rpartition("/")[2] or model, str(logs[0].path.parent), versions=packages)


def _doc_hash(sample: Mapping[str, Any]) -> str:
    return digest("inspect", sample.get("input"), sample.get("choices"), sample.get("target"))


def _records(log: Log, run: str) -> Iterator[Record]:
    twins = Counter[str]()
    for doc_id, (name, found) in enumerate(log.samples.items()):
        first = next(iter(found.values()))
        content = _doc_hash(first)
        doc_hash = digest(content, twins[content]) if twins[content] else content
        twins[content] += 1
        row = {"id": name, "choices": first.get("choices"), **(first.get("metadata") or {})}
        doc = Doc(log.task, doc_id, doc_hash, plain_messages(first.get("input")), first.get("target"), row)
        for epoch in range(1, log.epochs + 1):
            key = digest("import", run, log.task, name, epoch)
            yield doc, *_answer(log, doc, key, epoch, found.get(epoch))


def _answer(
    log: Log, doc: Doc, key: str, epoch: int, found: Mapping[str, Any] | None
) -> tuple[Generation | None, Sample]:
    """Return text and verdict of one epoch; without a text if there is none."""
    output = (found or {}).get("output") or {}
    choices = output.get("choices") or []
    usage = output.get("usage") or {}
    text = str(output.get("completion") or "") if choices else None
    reason = REASONS.get(str(choices[0].get("stop_reason")), "unknown") if choices else "unknown"
    score, answer, why = _verdict(log, found, epoch)
    place: dict[str, Any] = {
        "key": key,
        "task": log.task,
        "doc_id": doc.doc_id,
        "doc_hash": doc.doc_hash,
        "repeat": epoch - 1,
    }
    asked, given = token_count(usage.get("input_tokens")), token_count(usage.get("output_tokens"))
    sample = Sample(
        **place, score=score, extracted=answer, why=why, truncated=None if reason == "unknown" else reason == "length",
        unparsed=False, not_judged=score is None, prompt_tokens=asked, output_tokens=given,
        text_hash="" if text is None else digest(text), grader=f"{TOOL} {log.scorer}",
    )  # fmt: skip
    if text is None:
        return None, sample
    generation = Generation(
        **place, seed=None, text=text, finish_reason=reason, prompt_tokens=asked, output_tokens=given,
        max_new_tokens=None,
    )  # fmt: skip
    return generation, sample


def _number(value: Any) -> float | None:
    return value if type(value) in (int, float) and abs(value) < 1e300 else None


def _verdict(log: Log, found: Mapping[str, Any] | None, epoch: int) -> tuple[float | None, str | None, str]:
    """Return score, answer and the reason; no score for a sample that failed or was not scored."""
    if found is None:
        return None, None, f"Inspect's log has no epoch {epoch} of it"
    if error := found.get("error"):
        return (
            None,
            None,
            f"Inspect: {str(error.get('message') if isinstance(error, Mapping) else error)[:LONGEST_WHY]}",
        )
    name, _, inside = log.scorer.partition(".")
    given = (found.get("scores") or {}).get(name)
    if not isinstance(given, Mapping):
        return None, None, f"Inspect's log has no score by {name} for it"
    where = f"{log.path}, sample {found['id']!r}, epoch {epoch}"
    answer = given.get("answer")
    why = given.get("explanation")
    return (
        score_of(given.get("value"), inside, f"{where}: scorer {name}"),
        None if answer is None else str(answer),
        str(why)[:LONGEST_WHY] if isinstance(why, str) else "",
    )
