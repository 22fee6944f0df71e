"""Make a run directory of promptfoo's results, so that they can be compared, gated and reported.

    results.json (`promptfoo eval -o results.json`)  ->  runs/<provider>-promptfoo-<hash>

    {"evalId": "…", "results": {"version": 3, "results": [{"promptIdx": 0, "testIdx": 0, "vars": {…}, "success": true,
     "score": 1, "failureReason": 0, "provider": {"id": "…"}, "prompt": {"raw": "…"}, "response": {"output": "…"},
     "testCase": {"assert": […]}}, …]}, "config": {…}, "metadata": {"promptfooVersion": "…"}}

The verdicts are promptfoo's. A prompt of its configuration is a task; a test case, its variables and assertions, is a
doc. Seeds, lengths and how a text ended are recorded as unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.keys import digest
from spot_eval.core.kinds import token_count
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.interchange.imported_run import Import, ImportedTask, Record, Tool, run_config, write_run
from spot_eval.interchange.lm_eval_logs import is_number, text_of
from spot_eval.tasks.suite import Suite, nearest

TOOL = "promptfoo"
VERSIONS = (3,)
ERROR = 2  # failureReason of a request that failed, so that no assertion saw an answer
LONGEST_WHY = 500  # characters of a reason
SHAPES: dict[str, tuple[type, str]] = {
    "promptIdx": (int, "a number"),
    "testIdx": (int, "a number"),
    **dict.fromkeys(("testCase", "response", "tokenUsage", "namedScores", "gradingResult"), (dict, "an object")),
}
"""Field of a result to its type and how that is called; each may also be absent or null."""


@dataclass(frozen=True)
class Prompt:
    """The results of one prompt: doc (by its hash) to the results of its repeats."""

    task: str
    path: Path
    docs: Mapping[str, Sequence[Mapping[str, Any]]]
    repeats: int
    metric: str


def import_promptfoo(wanted: Import, suite: Suite, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Make the run, and return (run directory, scoreboard). `suite` gives the family of each task.

    Raises UserError for bad input, before anything is written.
    """
    prompts: list[Prompt] = []
    providers: set[str] = set()
    versions: dict[str, str] = {}
    for path in wanted.files:
        document, results = read_results(path)
        metadata = document.get("metadata")
        if isinstance(metadata, Mapping) and (version := metadata.get("promptfooVersion")):
            versions[TOOL] = str(version)
        name, results = _of_one_provider(path, results, wanted.filter)
        providers.add(name)
        prompts += _prompts(path, results, wanted.metric)
    if len(providers) > 1:
        raise UserError(f"the files hold answers of {' and '.join(sorted(providers))}; import one provider at a time")
    if doubles := [task for task, count in Counter(prompt.task for prompt in prompts).items() if count > 1]:
        raise UserError(f"task {doubles[0]} is in two files; rename one, since the task is named by its file")
    for prompt in prompts:
        _remarks(prompt, say)
    (provider,) = providers
    tasks = [_task(prompt) for prompt in prompts]
    tool = Tool(TOOL, wanted.model or provider, str(wanted.files[0]), versions=versions)
    config = run_config(tasks, tool, suite, wanted.families)
    records = (record for prompt in prompts for record in _records(prompt, digest(config)))
    say("promptfoo records no sampling, seeds or token limits in a form to compare; they are unknown")
    return write_run(tasks, tool, config, records, wanted.out)


def looks_like_promptfoo(path: Path) -> bool:
    """Return True if `path` is a JSON file with promptfoo's results."""
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        found = read_json(path)
    except UserError:
        return False
    inside = found.get("results")
    return isinstance(inside, dict) and "results" in inside and ("evalId" in found or "stats" in inside)


def read_results(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return (the document, its results). Raises UserError if it is none, or of a version that is not known."""
    document = read_json(path)
    inside = document.get("results")
    if not isinstance(inside, dict) or not isinstance(inside.get("results"), list):
        raise UserError(f"{path} is not promptfoo's results: it has no `results.results`")
    if inside.get("version") not in VERSIONS:
        raise UserError(
            f"{path}: results of promptfoo are read in version 3, and this is version {inside.get('version')!r}; "
            "export it again with a newer promptfoo"
        )
    for number, result in enumerate(inside["results"]):
        _check(result, f"{path}, result {number}")
    if not inside["results"]:
        raise UserError(f"{path} holds no results")
    return document, inside["results"]


def _check(result: Any, where: str) -> None:
    """Raise UserError if a result lacks a verdict, or a field of it has another type."""
    lacking = [name for name in ("success", "score") if not isinstance(result, dict) or result.get(name) is None]
    if lacking:
        raise UserError(f"{where}: it has no {lacking[0]!r}")
    for name, (kind, called) in SHAPES.items():
        value = result.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise UserError(f"{where}: {name} is {type(value).__name__}, and not {called}")


def _of_one_provider(
    path: Path, results: Sequence[dict[str, Any]], wanted: str | None
) -> tuple[str, list[dict[str, Any]]]:
    """Return (provider, its results): the provider asked for, by id or label, or the only one."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        given = result.get("provider")
        provider = given if isinstance(given, Mapping) else {"id": given}
        by_name.setdefault(str(provider.get("label") or provider.get("id") or "unknown"), []).append(result)
    if wanted is None and len(by_name) > 1:
        raise UserError(
            f"{path} holds answers of {len(by_name)} providers ({', '.join(by_name)}); choose one with --filter"
        )
    name = wanted or next(iter(by_name))
    if name not in by_name:
        raise UserError(f"--filter {name}: {path} has the providers {', '.join(by_name)}{nearest(name, by_name)}")
    return name, by_name[name]


def _prompts(path: Path, results: Sequence[dict[str, Any]], metric: str | None) -> Iterator[Prompt]:
    """Yield the prompts. Results of the same test are repeats if every test has as many, else docs of their own."""
    by_prompt: dict[Any, list[dict[str, Any]]] = {}
    for result in results:
        by_prompt.setdefault(result.get("promptIdx") or 0, []).append(result)
    for number, found in enumerate(by_prompt.values()):
        by_test: dict[str, list[dict[str, Any]]] = {}
        for result in sorted(found, key=lambda one: one.get("testIdx") or 0):
            by_test.setdefault(_test_hash(result), []).append(result)
        counts = {len(same) for same in by_test.values()}
        repeats = counts.pop() if len(counts) == 1 else 1
        if repeats == 1:
            by_test = {
                digest(name, twin) if twin else name: [result]
                for name, same in by_test.items()
                for twin, result in enumerate(same)
            }
        names = sorted({name for one in found for name in one.get("namedScores") or {}})
        chosen = metric or "success"
        if chosen not in {"success", "score", *names}:
            known = ["success", "score", *names]
            raise UserError(f"--metric {chosen}: {path} has {', '.join(known)}{nearest(chosen, known)}")
        task = path.stem if len(by_prompt) == 1 else f"{path.stem}-prompt{number + 1}"
        yield Prompt(task, path, by_test, repeats, chosen)


def _remarks(prompt: Prompt, say: Callable[[str], None]) -> None:
    if failed := sum(_failed(one) for same in prompt.docs.values() for one in same):
        say(f"{prompt.task}: {failed} requests failed; they are not judged, where promptfoo counts them as not passed")
    if prompt.repeats > 1:
        say(f"{prompt.task}: every test is there {prompt.repeats} times; these are taken for repeats")
    if prompt.metric == "success":
        say(f"{prompt.task}: the score is whether all assertions passed; --metric score takes promptfoo's score")


def _failed(result: Mapping[str, Any]) -> bool:
    return result.get("failureReason") == ERROR


def _test_hash(result: Mapping[str, Any]) -> str:
    case = result.get("testCase") or {}
    return digest("promptfoo", result.get("vars"), case.get("assert"))


def _task(prompt: Prompt) -> ImportedTask:
    return ImportedTask(
        prompt.task,
        len(prompt.docs),
        digest(sorted(prompt.docs)),
        digest([[name, list(same)] for name, same in prompt.docs.items()]),
        f"{TOOL} {prompt.metric}",
        str(prompt.path),
        repeats=prompt.repeats,
    )


def _records(prompt: Prompt, run: str) -> Iterator[Record]:
    for doc_id, (name, same) in enumerate(prompt.docs.items()):
        first = same[0]
        case = first.get("testCase") or {}
        row = {"vars": first.get("vars"), "description": case.get("description")}
        doc = Doc(prompt.task, doc_id, name, _messages(first), case.get("assert"), row)
        for repeat, result in enumerate(same):
            yield doc, *_answer(prompt, doc, digest("import", run, prompt.task, name, repeat), repeat, result)


def _messages(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rendered prompt as messages; a prompt may be a text, or messages in JSON."""
    prompt = result.get("prompt")
    raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
    try:
        turns = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        turns = None
    if isinstance(turns, list) and turns and all(isinstance(turn, dict) and "content" in turn for turn in turns):
        return [{"role": str(turn.get("role", "user")), "content": text_of(turn["content"]) or ""} for turn in turns]
    return [{"role": "user", "content": text_of(raw) or ""}]


def _answer(
    prompt: Prompt, doc: Doc, key: str, repeat: int, result: Mapping[str, Any]
) -> tuple[Generation | None, Sample]:
    response = result.get("response") or {}
    usage = result.get("tokenUsage") or response.get("tokenUsage")
    text = text_of(response.get("output"))
    asked, given = (_count(usage, name) for name in ("prompt", "completion"))
    score, why = _verdict(prompt, result)
    place: dict[str, Any] = {
        "key": key, "task": doc.task, "doc_id": doc.doc_id, "doc_hash": doc.doc_hash, "repeat": repeat,
    }  # fmt: skip
    sample = Sample(
        **place, score=score, extracted=None, why=why[:LONGEST_WHY], truncated=None, unparsed=False,
        not_judged=score is None, prompt_tokens=asked, output_tokens=given,
        text_hash="" if text is None else digest(text), grader=f"{TOOL} {prompt.metric}",
    )  # fmt: skip
    if text is None:
        return None, sample
    generation = Generation(
        **place, seed=None, text=text, finish_reason="unknown", prompt_tokens=asked, output_tokens=given,
        max_new_tokens=None,
    )  # fmt: skip
    return generation, sample


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return token_count(value)


def _verdict(prompt: Prompt, result: Mapping[str, Any]) -> tuple[float | None, str]:
    """Return (score, reason); no score for a request that failed or lacks the metric."""
    if _failed(result):
        return None, f"promptfoo: {result.get('error') or 'the request failed'}"
    why = str((result.get("gradingResult") or {}).get("reason") or "")
    metric = prompt.metric
    value = result.get(metric) if metric in {"success", "score"} else (result.get("namedScores") or {}).get(metric)
    if not is_number(value):
        return None, f"promptfoo's results have no {metric} for it"
    if not 0 <= value <= 1:
        raise UserError(
            f"{prompt.path}: {metric} of test {result.get('testIdx')} is {value!r:.40}; scores here are fractions "
            "from 0 to 1, so choose another --metric"
        )
    return float(value), why
