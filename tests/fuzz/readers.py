"""Each reader of a file, with a file that it reads, and how to change it.

A reader is a function of a folder that holds its files; it reads them as a verb does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from spot_eval.core.errors import UserError
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.runs.finished import read_run
from tests.fuzz.changes import changed_bytes, changed_json, changed_lines, changed_value
from tests.report.made_up_runs import write_run

ROOT = Path(__file__).parents[2]
Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Reader:
    """`files` by name; the one called `changed` gets the changes of `ways`; `read` is called with their folder."""

    read: Callable[[Path], object]
    files: Mapping[str, bytes]
    changed: str
    ways: tuple[Change, ...] = (changed_bytes, changed_json)


def _yaml(content: bytes, draw: random.Random) -> bytes:
    return yaml.safe_dump(changed_value(yaml.safe_load(content), draw), allow_unicode=True).encode(
        "utf-8", "surrogatepass"
    )


def _toml(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at = draw.randrange(len(lines))
    name, equals, _ = lines[at].partition(b"=")
    odd = (
        b"nan",
        b"inf",
        b"-1",
        b"0",
        b"1e400",
        b"9" * 30,
        b'""',
        b'"x"',
        b"[]",
        b"{}",
        b"[1]",
        b"true",
        b"{a = 1}",
        b"1979-05-27",
    )
    if equals:
        lines[at] = name + b"= " + draw.choice(odd) + b"\n"
    else:
        lines.insert(
            at,
            draw.choice((b"[x]\n", b"x = 1\n", b"[families.x]\n", b"[general]\n", b"about = 1\n", b"miniature = 1\n")),
        )
    return b"".join(lines)


def _silent(sentence: str) -> None:
    del sentence


def _of_run(folder: Path) -> object:
    from spot_eval.runs.seal import read_seal

    run = read_run(folder)
    board = run.board
    assert run.sessions is not None
    read_seal(folder)
    return [list(run.answers(task)) for task in board["tasks"] if task in run.config["data"]]


def _leaderboard(folder: Path) -> object:
    from spot_eval.runs.leaderboard import read_entry

    return read_entry(folder)


def _records(name: str, kind: type[Any]) -> Callable[[Path], object]:
    return lambda folder: list(read_records(folder / name, kind))


def _suite(folder: Path) -> object:
    from spot_eval.tasks.suite import load_suite

    suite = load_suite(str(folder / "suite.yaml"))
    return suite.resolved()


def _task(folder: Path) -> object:
    from spot_eval.tasks.loader import TaskLoader
    from spot_eval.tasks.suite import Suite, TaskSettings
    from spot_eval.tasks.yaml_files import read_task_files

    read_task_files(folder)
    suite = Suite(name="x", version=1, families={"x": {"mine": TaskSettings()}}, tasks_dir=str(folder),
                  sampling={"temperature": 0.0, "max_new_tokens": 8})  # fmt: skip
    return TaskLoader(suite, cpu_seconds=2).load("mine")


def _policy(folder: Path) -> object:
    from spot_eval.gating.policy import load_policy

    return load_policy(folder / "gate.toml")


def _pairs(folder: Path) -> object:
    from spot_eval.posttrain.pair_files import read_pairs

    return list(read_pairs(folder / "pairs.jsonl"))


def _training_pairs(folder: Path) -> object:
    from trainer.pairs.pair_files import read_pairs

    return read_pairs(folder / "pairs.jsonl")


def _pair_stats(folder: Path) -> object:
    from spot_eval.posttrain import pair_files

    pair_files._tokens = lambda model: lambda text: list(text.encode("utf-8", "replace"))  # no tokenizer each time
    return pair_files.pair_stats(folder / "pairs.jsonl", "miniature")


def _by_hand(folder: Path) -> object:
    from spot_eval.posttrain.oracles import from_file

    return from_file([{"id": "a"}, {"id": "b"}], folder / "chosen.jsonl")


def _import(folder: Path) -> object:
    from spot_eval.interchange.from_inspect import import_inspect
    from spot_eval.interchange.from_lm_eval import import_logs
    from spot_eval.interchange.from_promptfoo import import_promptfoo
    from spot_eval.interchange.imported_run import Import
    from spot_eval.interchange.inspect_logs import looks_like_inspect
    from spot_eval.tasks.suite import load_suite

    logs, promptfoo = folder / "logs", folder / "promptfoo.json"
    wanted = Import(files=[promptfoo if promptfoo.exists() else logs], results=None, model=None, metric=None,
                    filter=None, families={}, out=folder / "out")  # fmt: skip
    read = import_promptfoo if promptfoo.exists() else import_inspect if looks_like_inspect([logs]) else import_logs
    read(wanted, load_suite("miniature"), _silent)
    try:
        return read_run(folder / "out")
    except UserError as problem:
        raise AssertionError("what was imported cannot be read") from problem


def _generations(folder: Path) -> object:
    from spot_eval.interchange.generations_file import read_rows

    return list(read_rows(folder / "answers.jsonl"))


def _batch(folder: Path) -> object:
    from spot_eval.interchange.batch_files import Requests
    from spot_eval.interchange.from_batch import BatchAnswers
    from spot_eval.tasks.loader import TaskLoader
    from spot_eval.tasks.suite import load_suite

    suite, answers = load_suite("miniature"), folder / "answers.jsonl"
    requests = Requests([folder / "requests.jsonl"], suite, TaskLoader(suite))
    rows = list(BatchAnswers(answers, [answers], requests).rows())
    return [requests.settings(row.task) for row in rows]


def _config(folder: Path) -> object:
    from spot_eval.models.checkpoint import context_length, locate, read_config

    locate(str(folder))
    return context_length(read_config(folder))


def _index(folder: Path) -> object:
    from spot_eval.models.checkpoint import weight_files

    return weight_files(folder)


_TOKENIZER: list[Any] = []


def _template(folder: Path) -> object:
    from spot_eval.miniature import BASE
    from spot_eval.models import prompts

    template = prompts.read_template(str(folder / "chat.jinja"))
    if not _TOKENIZER:
        _TOKENIZER.append(prompts.ChatTokenizer(BASE))
    tokenizer = _TOKENIZER[0]
    prompts._refuse_powers(template, folder)
    tokenizer.tokenizer.chat_template = template
    return tokenizer.render([{"role": "user", "content": "What is 1 + 1?"}])


def _recipe(folder: Path) -> object:
    from trainer.settings import read_recipe, settings_from

    return settings_from(read_recipe(str(folder / "recipe.toml")))


def _boards(folder: Path) -> object:
    from connect4.boards.set_files import read_manifest, read_set

    return read_set(folder / "boards.jsonl"), read_manifest(folder / "boards.jsonl")


def _rows(task: str, name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from spot_eval.tasks.data.rows import load_rows
        from spot_eval.tasks.data.sources import ALL_SOURCES

        return load_rows(ALL_SOURCES[task], file=folder / name)

    return read


def _lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


PAIRS = _lines(
    {"id": "a", "prompt": "What is 6 x 7?", "rejected": "It is 41.", "chosen": "It is 42.", "gold": "42", "change_ratio": 0.2,
     "source": "oracle", "meta": {"how": "by hand"}},
    {"id": "b", "prompt": [{"role": "user", "content": "1+1?"}], "rejected": "3", "chosen": [{"role": "assistant", "content": "2"}]},
)  # fmt: skip
INSPECT = json.dumps({
    "version": 2, "status": "success",
    "eval": {"task": "adds", "model": "mock/model", "created": "2026-01-01T00:00:00Z", "dataset": {"name": "sums", "samples": 2},
             "config": {"epochs": 1}, "packages": {"inspect_ai": "0.3"}, "model_generate_config": {"temperature": 0.5}},
    "plan": {"config": {}},
    "samples": [{"id": one, "epoch": 1, "input": "1+1?", "target": "2", "messages": [],
                 "output": {"model": "m", "choices": [{"message": {"role": "assistant", "content": "2"}, "stop_reason": "stop"}],
                            "completion": "2", "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}},
                 "scores": {"match": {"value": "C", "answer": "2", "explanation": "x"}}, "metadata": {"x": 1}} for one in (1, 2)],
}).encode()  # fmt: skip
LM_EVAL = _lines(*(
    {"doc_id": one, "doc": {"question": "x"}, "target": "18", "arguments": {"gen_args_0": {"arg_0": "Question: x", "arg_1": {"until": ["\n"]}}},
     "resps": [["18"]], "filtered_resps": ["18"], "filter": "none", "metrics": ["exact_match"], "doc_hash": f"d{one}", "prompt_hash": "b",
     "target_hash": "c", "exact_match": 1.0} for one in (0, 1)
))  # fmt: skip
RESULTS = json.dumps({
    "results": {"sums": {"alias": "sums", "exact_match,none": 1.0}}, "configs": {"sums": {"task": "sums", "metadata": {"version": 1},
    "generation_kwargs": {"until": ["\n"], "temperature": 0.0}, "dataset_path": "x/y"}}, "versions": {"sums": 1}, "n-samples": {"sums": {"effective": 2}},
    "config": {"model": "hf", "model_args": {"pretrained": "x"}, "model_name": "x"}, "model_name": "x", "lm_eval_version": "0.4.13", "date": 1.0,
}).encode()  # fmt: skip
TASK = b"""task: mine
custom_dataset: null
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{ question }}"
doc_to_target: "{{ answer }}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
metadata: {version: 1, grader: maths}
"""
SUITE = b"""name: mine
version: 1
sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 4096}
families:
  in_domain: {math500: {repeats: 4}}
  general: {ifeval: {}, aime24: {max_new_tokens: 512}}
"""
BOARD = {"id": 0, "level": 1, "rows": 6, "columns": 7, "connect": 4, "answer": [[], []]}
ANSWERS = _lines(
    {"task": "aime24", "doc_id": 0, "repeat": 1, "text": "x", "finish_reason": "stop", "output_tokens": 802, "prompt_tokens": 1},
    {"task": "aime24", "messages": [{"role": "user", "content": "x"}], "prompt": "x<think>", "text": None, "thinking_open": True,
     "model": "m"},
)  # fmt: skip
DATA = {
    "aime24": {"id": 1, "problem": "What?", "answer": "204", "solution": "x"},
    "olympiadbench": {"question": "How long?", "answer": ["$2$"], "unit": "m", "error": None, "is_multiple_answer": False},
    "ifeval": {"key": 1, "prompt": "x", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
    "humaneval": {"task_id": "m/0", "prompt": "def f():\n", "entry_point": "f", "test": "def check(c): pass", "canonical_solution": " pass\n"},
    "mmlu": {"question": "x", "subject": "y", "choices": ["a", "b", "c", "d"], "answer": 1},
    "hellaswag": {"ind": 1, "activity_label": "x", "ctx_a": "a", "ctx_b": "b", "ctx": "a b", "endings": ["a", "b", "c", "d"], "label": "1",
                  "source_id": "s"},
    "winogrande": {"sentence": "a _ b", "option1": "x", "option2": "y", "answer": "1"},
    "arc_challenge": {"id": "1", "question": "x", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"},
    "truthfulqa_mc1": {"question": "x", "mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]},
                       "mc2_targets": {"choices": ["a", "b"], "labels": [1, 0]}},
    "problems": {"problem": "x", "answer": "1", "id": "1"},
}  # fmt: skip

_ASKED = {"model": "m", "messages": [{"role": "user", "content": "1+1?"}], "temperature": 0.5, "top_k": -1, "n": 2,
          "max_completion_tokens": 9, "stop": ["###"]}  # fmt: skip
_REPLY = {"object": "chat.completion", "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "2", "reasoning_content": None}, "finish_reason": "stop"},
    {"index": 1, "message": {"role": "assistant", "content": None}, "finish_reason": "length"}]}  # fmt: skip
REQUESTS = _lines(*({"custom_id": f"mini_bags/{doc}/0", "method": "POST", "url": "/v1/chat/completions", "body": _ASKED}
                    for doc in range(3)))  # fmt: skip
BATCH = _lines(
    {"id": "a", "custom_id": "mini_bags/0/0", "response": {"status_code": 200, "body": _REPLY}, "error": None},
    {"id": "b", "custom_id": "mini_bags/1/0", "response": None, "error": {"code": "batch_expired", "message": "late"}},
    {"id": "c", "custom_id": "mini_bags/2/0", "response": {"status_code": 429, "body": {"error": {"message": "slow"}}}},
)
PROMPTFOO = json.dumps({"evalId": "e", "metadata": {"promptfooVersion": "0.121"}, "results": {"version": 3, "results": [
    {"promptIdx": 0, "testIdx": test, "provider": {"id": "p", "label": ""}, "prompt": {"raw": "1+1?", "label": "q"},
     "vars": {"q": "1+1"}, "testCase": {"assert": [{"type": "equals", "value": "2"}]}, "score": 1, "success": True,
     "response": {"output": "2", "tokenUsage": {"prompt": 3, "completion": 1}}, "failureReason": 0,
     "namedScores": {"polite": 0.5}, "gradingResult": {"pass": True, "score": 1, "reason": "ok"}}
    for test in range(2)]}}).encode()  # fmt: skip


def readers(folder: Path) -> dict[str, Reader]:
    """Return the readers by name; `folder` is for a run to copy."""
    from connect4 import Position

    run = write_run(folder / "run")
    of_run = {str(file.relative_to(run)): file.read_bytes() for file in run.rglob("*") if file.is_file()}
    lines = (changed_bytes, changed_lines, changed_lines)
    board = _lines({**BOARD, "state": Position.from_moves("1212").to_state()})
    found = {
        f"run: {name}": Reader(
            _of_run, of_run, name, lines if name.endswith("l") else (changed_bytes, changed_json, changed_json)
        )
        for name in of_run
        if name.endswith((".json", ".jsonl"))
    }
    found |= {
        f"records: {kind.__name__}": Reader(_records(name, kind), of_run, name, lines)
        for name, kind in (("generations.jsonl", Generation), ("samples.jsonl", Sample), ("docs.jsonl", Doc))
    }
    found |= {
        f"runs: {name}": Reader(_leaderboard, of_run, name)
        for name in ("manifest.json", "scoreboard.json", "sessions/1.json")
    }
    found |= {
        f"data: {task}": Reader(_rows(task, "rows.jsonl"), {"rows.jsonl": _lines(row)}, "rows.jsonl", lines)
        for task, row in DATA.items()
    }
    jinja = (ROOT / "spot_eval/miniature/base/chat_template.jinja").read_bytes()
    small = {"config.json": b'{"model_type": "llama", "max_position_embeddings": 64, "text_config": {"n_positions": 9}}',
             "generation_config.json": b'{"eos_token_id": [1, 2]}', "model.safetensors": b""}  # fmt: skip
    index = json.dumps({"metadata": {}, "weight_map": {"a": "x-1.safetensors", "b": "x-2.safetensors"}}).encode()
    rows = _lines({"question": "1+1?", "answer": "2"}, {"question": "2+2?", "answer": "4"})
    logs, results = "logs/samples_sums_2026-01-01T00-00-00.000000.jsonl", "logs/results_2026-01-01T00-00-00.000000.json"
    return found | {
        "suite": Reader(_suite, {"suite.yaml": SUITE}, "suite.yaml", (changed_bytes, _yaml)),
        "task": Reader(_task, {"mine.yaml": TASK, "rows.jsonl": rows}, "mine.yaml", (changed_bytes, _yaml)),
        "gate.toml": Reader(_policy, {"gate.toml": (ROOT / "reports/gate.toml").read_bytes()}, "gate.toml", (changed_bytes, _toml, _toml)),
        "pairs": Reader(_pairs, {"pairs.jsonl": PAIRS}, "pairs.jsonl", lines),
        "pairs: train": Reader(_training_pairs, {"pairs.jsonl": PAIRS}, "pairs.jsonl", lines),
        "pairs: stats": Reader(_pair_stats, {"pairs.jsonl": PAIRS}, "pairs.jsonl", lines),
        "pairs: by hand": Reader(_by_hand, {"chosen.jsonl": _lines({"id": "a", "chosen": "x"}, {"id": "b", "corrected": "y"})}, "chosen.jsonl", lines),
        "inspect": Reader(_import, {"logs/log.json": INSPECT}, "logs/log.json", (changed_bytes, changed_json, changed_json)),
        "lm-eval": Reader(_import, {logs: LM_EVAL, results: RESULTS}, logs, lines),
        "lm-eval: results": Reader(_import, {logs: LM_EVAL, results: RESULTS}, results),
        "promptfoo": Reader(_import, {"promptfoo.json": PROMPTFOO}, "promptfoo.json", (changed_bytes, changed_json, changed_json)),
        "batch: answers": Reader(_batch, {"answers.jsonl": BATCH, "requests.jsonl": REQUESTS}, "answers.jsonl", lines),
        "batch: requests": Reader(_batch, {"answers.jsonl": BATCH, "requests.jsonl": REQUESTS}, "requests.jsonl", lines),
        "generations file": Reader(_generations, {"answers.jsonl": ANSWERS}, "answers.jsonl", lines),
        "config": Reader(_config, small, "config.json"),
        "generation config": Reader(_config, small, "generation_config.json"),
        "weights index": Reader(_index, {"model.safetensors.index.json": index}, "model.safetensors.index.json"),
        "chat template": Reader(_template, {"chat.jinja": jinja}, "chat.jinja", (changed_bytes,)),
        "recipe": Reader(_recipe, {"recipe.toml": (ROOT / "trainer/recipes/spot-bce.toml").read_bytes()}, "recipe.toml", (changed_bytes, _toml)),
        "boards": Reader(_boards, {"boards.jsonl": board}, "boards.jsonl", lines),
        "boards: manifest": Reader(_boards, {"boards.jsonl": board, "boards.manifest.json": b'{"schema": 1}'}, "boards.manifest.json"),
    }  # fmt: skip
