"""Make a run directory of lighteval's details, so that they can be compared, gated and reported.

    details/<model>/<date>/details_gsm8k|0_<date>.parquet (`--save-details`)  ->  runs/<model>-lighteval-<hash>

    a row: {"doc": {"query": "…", "choices": […], "gold_index": […], …}, "metric": {"extractive_match": 1.0},
            "model_response": {"text": ["…"], "input": …, "input_tokens": […], "output_tokens": [[…]], …}}

The verdicts are lighteval's, one number per doc and metric, even if it drew several answers to it. Settings come from
the results_<date>.json that belongs to the details; without it they are unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.keys import digest
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.interchange.imported_run import Import, ImportedTask, Record, Tool, run_config, write_run
from spot_eval.interchange.lm_eval_logs import is_number, text_of
from spot_eval.tasks.suite import Suite, nearest

TOOL = "lighteval"
FILE = re.compile(r"details_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.parquet$")
COLUMNS = ("doc", "metric", "model_response")
SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_new_tokens": "max_new_tokens"}


@dataclass(frozen=True)
class Details:
    """The details of one task, and the metric that counts."""

    task: str
    path: Path
    rows: Sequence[Mapping[str, Any]]
    metric: str


def import_lighteval(wanted: Import, suite: Suite, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Make the run, and return (run directory, scoreboard). `suite` gives the family of each task.

    Raises UserError for bad input, before anything is written.
    """
    found: dict[str, Details] = {}
    for path in find_details(wanted.files):
        details = _read(path, wanted.metric, say)
        if details.task in found:
            raise UserError(f"task {details.task} has two files, {found[details.task].path} and {path}; name one")
        found[details.task] = details
    results_file = wanted.results or _results_of([one.path for one in found.values()])
    results = read_json(results_file) if results_file else {}
    if not results:
        say("no results_….json belongs to the details: model, sampling and versions are not recorded (--results)")
    say("lighteval records neither seeds of single answers nor how a text ended; they are unknown")
    general = results.get("config_general") or {}
    model = general.get("model_config") or {}
    parameters = model.get("generation_parameters") or general.get("generation_parameters") or {}
    tasks = [_task(one, results, parameters) for one in found.values()]
    first = next(iter(found.values()))
    name = wanted.model or general.get("model_name") or first.path.resolve().parent.parent.name
    tool = Tool(
        TOOL,
        str(name).rstrip("/").rpartition("/")[2],
        str(name),
        fingerprint=text_of(general.get("model_sha")) or None,
        dtype=text_of(model.get("dtype") or general.get("model_dtype")),
        seed=parameters.get("seed") if isinstance(parameters.get("seed"), int) else None,
        versions={TOOL: str(sha)} if (sha := general.get("lighteval_sha")) not in {None, "?"} else {},
    )
    config = run_config(tasks, tool, suite, wanted.families)
    records = (record for one in found.values() for record in _records(one, digest(config)))
    return write_run(tasks, tool, config, records, wanted.out)


def looks_like_lighteval(path: Path) -> bool:
    """Return True if `path` is a parquet file, or a folder with lighteval's details."""
    return path.suffix == ".parquet" or (path.is_dir() and any(path.rglob("details_*.parquet")))


def find_details(paths: Sequence[Path]) -> list[Path]:
    """Return the details among files and folders. Raises UserError if there is none, or a path is missing."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob("details_*.parquet"))
            if not inside:
                raise UserError(f"{path} holds no details_….parquet; lighteval writes them with --save-details")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UserError(f"{path} does not exist; name lighteval's details_….parquet, or the folder they are in")
    return found


def _results_of(paths: Sequence[Path]) -> Path | None:
    """Return the results file of the details' date, beside them or in lighteval's own folder for results."""
    for path in paths:
        name = FILE.search(path.name)
        if not name:
            continue
        file = f"results_{name['date']}.json"
        places = [path.parent]
        parts = path.resolve().parts
        if "details" in parts:
            at = len(parts) - 1 - parts[::-1].index("details")
            places.append(Path(*parts[:at], "results", *parts[at + 1 : -2]))
        for place in places:
            if (place / file).is_file():
                return place / file
    return None


def _read(path: Path, metric: str | None, say: Callable[[str], None]) -> Details:
    """Return a task's details, without the tokens and logits that nothing here reads."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path)
        if lacking := [name for name in COLUMNS if name not in table.schema_arrow.names]:
            raise UserError(
                f"{path}: details of lighteval are read as its version 0.13 writes them, and this has no "
                f"column {lacking[0]!r} (it has {', '.join(table.schema_arrow.names)})"
            )
        if flat := [name for name in COLUMNS if not pyarrow.types.is_struct(table.schema_arrow.field(name).type)]:
            raise UserError(f"{path}: column {flat[0]!r} is not a table of its own, as lighteval 0.13 writes it")
        rows = [_slim(row) for batch in table.iter_batches(256, columns=list(COLUMNS)) for row in batch.to_pylist()]
    except (pyarrow.ArrowException, OSError) as problem:
        raise UserError(f"{path} cannot be read as parquet ({str(problem).splitlines()[0][:200]})") from problem
    if not rows:
        raise UserError(f"{path} holds no rows")
    task = (FILE.search(path.name) or {"task": path.stem.removeprefix("details_")})["task"]
    names = list(dict.fromkeys(name for row in rows for name, value in row["metric"].items() if is_number(value)))
    if not names:
        raise UserError(f"{path}: its rows have no metric that is a number")
    fitting = [name for name in names if all(0 <= value <= 1 for value in _numbers(rows, name))]
    chosen = metric or next(iter(fitting), names[0])
    if chosen not in names:
        raise UserError(f"--metric {chosen}: {path.name} has {', '.join(names)}{nearest(chosen, names)}")
    if chosen not in fitting:
        raise UserError(f"{path}: {chosen} is not between 0 and 1 on all docs; choose another --metric")
    if len(names) > 1 and metric is None:
        say(f"{task}: the score is {chosen}; --metric chooses another of {', '.join(names)}")
    if missing := len(rows) - len(_numbers(rows, chosen)):
        say(f"{task}: {missing} of {len(rows)} docs have no {chosen}; they are not judged")
    if several := sum(len(row["texts"]) > 1 for row in rows):
        say(f"{task}: {several} docs have several answers with one score; the first text is kept")
    return Details(str(task), path, rows, chosen)


def _numbers(rows: Sequence[Mapping[str, Any]], metric: str) -> list[float]:
    return [value for row in rows if is_number(value := row["metric"].get(metric))]


def _slim(row: Mapping[str, Any]) -> dict[str, Any]:
    doc, response = row["doc"] or {}, row["model_response"] or {}
    output = response.get("output_tokens") or []
    return {
        "query": doc.get("query"),
        "choices": doc.get("choices"),
        "gold_index": doc.get("gold_index"),
        "id": doc.get("id"),
        "specific": doc.get("specific"),
        "stop": doc.get("stop_sequences"),
        "size": doc.get("generation_size"),
        "metric": row["metric"] or {},
        "input": response.get("input"),
        "texts": response.get("text") or [],
        "logprobs": response.get("logprobs") or [],
        "asked": len(response.get("input_tokens") or []) or None,
        "given": len(output[0]) if output and isinstance(output[0], list) else None,
    }


def _task(details: Details, results: Mapping[str, Any], parameters: Mapping[str, Any]) -> ImportedTask:
    hashes = sorted(map(_doc_hash, details.rows))
    stated = (results.get("config_tasks") or {}).get(details.task) or {}
    version = (results.get("versions") or {}).get(details.task)
    sampling = {ours: parameters.get(theirs) for theirs, ours in SAMPLING.items()}
    if sampling["max_new_tokens"] is None:
        sampling["max_new_tokens"] = details.rows[0]["size"]
    return ImportedTask(
        details.task,
        len(details.rows),
        digest(hashes),
        digest(hashes, [[row["texts"], row["metric"]] for row in details.rows]),
        f"{TOOL} {details.metric}",
        text_of(stated.get("hf_repo")) or str(details.path),
        sampling=sampling,
        until=details.rows[0]["stop"],
        version=None if version is None else str(version),
    )


def _doc_hash(row: Mapping[str, Any]) -> str:
    return digest("lighteval", row["query"], row["choices"], row["gold_index"])


def _gold(row: Mapping[str, Any]) -> Any:
    """Return the right choices; the indices as they are if they point at none."""
    indices = row["gold_index"] if isinstance(row["gold_index"], list) else [row["gold_index"]]
    choices = row["choices"] or []
    if all(isinstance(index, int) and 0 <= index < len(choices) for index in indices):
        golds = [choices[index] for index in indices]
        return golds[0] if len(golds) == 1 else golds
    return row["gold_index"]


def _messages(row: Mapping[str, Any]) -> list[dict[str, str]]:
    given = row["input"] or row["query"]
    if isinstance(given, list) and given and all(isinstance(turn, dict) and "content" in turn for turn in given):
        return [{"role": str(turn.get("role", "user")), "content": text_of(turn["content"]) or ""} for turn in given]
    return [{"role": "user", "content": text_of(given) or ""}]


def _records(details: Details, run: str) -> Iterator[Record]:
    twins = Counter[str]()
    for doc_id, row in enumerate(details.rows):
        content = _doc_hash(row)
        doc_hash = digest(content, twins[content]) if twins[content] else content
        twins[content] += 1
        kept = {name: row[name] for name in ("id", "choices", "specific") if row[name] is not None}
        doc = Doc(details.task, doc_id, doc_hash, _messages(row), _gold(row), kept)
        value = row["metric"].get(details.metric)
        score = float(value) if is_number(value) else None
        text = row["texts"][0] if row["texts"] else text_of(row["logprobs"]) if row["logprobs"] else None
        place: dict[str, Any] = {
            "key": digest("import", run, details.task, doc_id), "task": details.task, "doc_id": doc_id,
            "doc_hash": doc_hash, "repeat": 0,
        }  # fmt: skip
        several = len(row["texts"])
        sample = Sample(
            **place, score=score, extracted=None,
            why=f"lighteval's details have no {details.metric} for it" if score is None
            else f"one of {several} answers, which lighteval scored together" if several > 1 else "",
            truncated=None, unparsed=False, not_judged=score is None, prompt_tokens=row["asked"],
            output_tokens=row["given"], text_hash="" if text is None else digest(text),
            grader=f"{TOOL} {details.metric}",
        )  # fmt: skip
        generation = None
        if text is not None:
            generation = Generation(
                **place, seed=None, text=text, finish_reason="unknown", prompt_tokens=row["asked"],
                output_tokens=row["given"], max_new_tokens=None,
            )  # fmt: skip
        yield doc, generation, sample
