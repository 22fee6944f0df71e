"""A batch's answers become runs, judged here; and the requests that spot-eval writes are those it finds again.

The lines are ours, in the form of vLLM's BatchRequestInput and BatchRequestOutput (its entrypoints/openai/run_batch.py)
and of OpenAI's Batch API.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.interchange.from_batch import import_batch
from spot_eval.interchange.imported_run import Import
from spot_eval.interchange.recognise import tool_of
from spot_eval.interchange.to_batch import batch_requests
from spot_eval.runs.finished import read_run
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import load_suite
from tests.command_line import records, spot_eval

DOCS = 200


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("suites") / "copying.yaml"
    path.write_text(
        "name: copying\nversion: 1\nsampling: {temperature: 0.5, top_p: 0.9, max_new_tokens: 24}\n"
        "families: {general: {mini_instructions: {repeats: 2}}}\n"
    )
    return str(path)


@pytest.fixture(scope="module")
def requests(suite_file: str) -> list[dict[str, Any]]:
    suite = load_suite(suite_file)
    return list(batch_requests(suite, [TaskLoader(suite).load("mini_instructions")], "org/tiny"))


def completion(text: str | None, **changes: Any) -> dict[str, Any]:
    """A reply as vLLM writes it."""
    message = {"role": "assistant", "content": text, "refusal": None, "tool_calls": [], "reasoning_content": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", "stop_reason": None}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "org/tiny", "choices": [choice],
        "service_tier": None, "system_fingerprint": None,
        "usage": {"prompt_tokens": 11, "total_tokens": 13, "completion_tokens": 2, "prompt_tokens_details": None},
        "prompt_logprobs": None, "prompt_token_ids": None, "kv_transfer_params": None, **changes,
    }  # fmt: skip


def answered(request: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The line of an answer; the text repeats what the question names last."""
    text = request["body"]["messages"][-1]["content"].partition(": ")[2].rstrip(".")
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": body or completion(text)}
    return {"id": "vllm-1", "custom_id": request["custom_id"], "response": response, "error": None}


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def imported(files: list[Path], suite: str, out: Path, **options: Any) -> tuple[Path, dict[str, Any], list[str]]:
    said: list[str] = []
    made, board = import_batch(Import(files, out=out, **options), load_suite(suite), said.append)
    return made, board, said


def test_our_requests_and_their_answers_are_a_run(
    requests: list[dict[str, Any]], suite_file: str, tmp_path: Path
) -> None:
    asked = write(tmp_path / "requests.jsonl", requests)
    given = write(tmp_path / "answers.jsonl", [answered(one) for one in reversed(requests)])
    path, board, said = imported([asked, given], suite_file, tmp_path / "run")
    task = board["tasks"]["mini_instructions"]
    assert (task["docs"], task["repeats"], board["model"]) == (DOCS, 2, "org-tiny")
    assert 0 < task["mean"] < 0.5  # right where the words are to be copied
    assert (task["truncated"], task["not_judged"], task["output_tokens"]) == (0, 0, 2)
    config = read_json(path / "manifest.json")["config"]
    sampling = config["suite"]["tasks"]["mini_instructions"]["sampling"]
    assert sampling == {"temperature": 0.5, "top_p": 0.9, "top_k": 0, "max_new_tokens": 24}
    assert config["data"]["mini_instructions"]["until"] == []
    assert config["prompts"] == {"asked": 2 * DOCS, "other": 0, "unknown": 0}
    assert said == ["a batch records neither seeds nor chat template and thinking; they are unknown"]
    first = next(iter(read_run(path).answers("mini_instructions")))
    assert first.messages == requests[0]["body"]["messages"]
    alone, _, said = imported([given], suite_file, tmp_path / "alone")
    assert records(alone, "samples.jsonl") == records(path, "samples.jsonl")
    assert "sampling and stop strings are not recorded" in said[0]
    config = read_json(alone / "manifest.json")["config"]
    assert set(config["suite"]["tasks"]["mini_instructions"]["sampling"].values()) == {None}


def test_other_names_are_found_by_the_prompt(requests: list[dict[str, Any]], suite_file: str, tmp_path: Path) -> None:
    """Twice the same question is two repeats, in the order of the requests; a system prompt is counted as another."""
    renamed = [{**one, "custom_id": f"request-{number}"} for number, one in enumerate(requests)]
    system = {"role": "system", "content": "Be brief."}
    renamed[0] = {**renamed[0], "body": {**renamed[0]["body"], "messages": [system, *renamed[0]["body"]["messages"]]}}
    asked = write(tmp_path / "requests.jsonl", renamed)
    given = write(tmp_path / "answers.jsonl", [answered(one) for one in renamed])
    path, board, said = imported([given, asked], suite_file, tmp_path / "run")
    assert (board["tasks"]["mini_instructions"]["docs"], board["tasks"]["mini_instructions"]["repeats"]) == (DOCS, 2)
    assert "1 of 400 prompts are not the ones spot-eval asks" in said[-1]
    named = write(tmp_path / "named.jsonl", [answered(one) for one in requests])
    other, _, _ = imported([named], suite_file, tmp_path / "other")
    scores = [sorted((one["doc_id"], one["repeat"], one["score"]) for one in records(run, "samples.jsonl"))
              for run in (path, other)]  # fmt: skip
    assert scores[0] == scores[1]
    with pytest.raises(UserError, match=r"custom_id 'request-0' is not TASK/DOC_ID .*name the file of the requests"):
        imported([given], suite_file, tmp_path / "alone")
    with pytest.raises(UserError, match=r"none of the requests has the custom_id 'request-3'"):
        imported([given, write(tmp_path / "some.jsonl", renamed[:3])], suite_file, tmp_path / "some")
    strange = {**renamed[1], "body": {"messages": [{"role": "user", "content": "Who are you?"}]}}
    with pytest.raises(UserError, match=r"no doc of suite copying asks this word for word"):
        imported([given, write(tmp_path / "strange.jsonl", [strange])], suite_file, tmp_path / "strange")
    with pytest.raises(UserError, match=r"custom_id 'request-1' is there twice"):
        imported([given, write(tmp_path / "twice.jsonl", [renamed[1]] * 2)], suite_file, tmp_path / "twice")


def test_requests_that_failed_are_not_judged_and_say_why(
    requests: list[dict[str, Any]], suite_file: str, tmp_path: Path
) -> None:
    name = [one["custom_id"] for one in requests]
    vllm_error = {"object": "error", "message": "too long\nby far", "type": "BadRequestError", "code": 400}
    http = {"status_code": 429, "request_id": "r", "body": {"error": {"message": "slow down", "code": "rate_limit"}}}
    lines = [
        {"id": "b", "custom_id": name[0], "response": {"status_code": 400, "request_id": "r", "body": None},
         "error": vllm_error},
        {"id": "b", "custom_id": name[1], "response": http, "error": None},
        answered(requests[2], completion(None)),
    ]  # fmt: skip
    expired = {"id": "b", "custom_id": name[3], "response": None,
               "error": {"code": "batch_expired", "message": "This request was too late."}}  # fmt: skip
    given = write(tmp_path / "output.jsonl", lines + [answered(one) for one in requests[4:-1]])
    errors = write(tmp_path / "errors.jsonl", [expired])
    path, board, said = imported([given, errors], suite_file, tmp_path / "run")
    assert board["tasks"]["mini_instructions"]["not_judged"] == pytest.approx(5 / 400)
    assert "mini_instructions: 1 of 400 answers are not in output.jsonl" in said[-2]
    assert "mini_instructions: 4 of 400 answers have no text (failures.jsonl says why)" in said[-1]
    why = {(one["doc_id"], one["repeat"]): one["reason"] for one in records(path, "failures.jsonl")}
    assert why == {
        (0, 0): "the batch's request failed (400: too long by far)",
        (0, 1): "the batch's request failed (rate_limit: slow down)",
        (1, 0): "the reply holds no text (it ended with 'stop')",
        (1, 1): "the batch's request failed (batch_expired: This request was too late.)",
        (199, 1): "output.jsonl has no row for it",
    }


def test_several_choices_thinking_and_cut_answers(
    requests: list[dict[str, Any]], suite_file: str, tmp_path: Path
) -> None:
    def choice(index: int, text: str | None, reason: str, thought: str | None = None) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "reasoning_content": thought}
        return {"index": index, "message": message, "finish_reason": reason}

    once = [{**one, "body": {**one["body"], "n": 2}} for one in requests if one["custom_id"].endswith("/0")]
    body = completion("", choices=[choice(0, "a b", "stop", "Hm."), choice(1, None, "length", "Let me")])
    asked = write(tmp_path / "requests.jsonl", once)
    given = write(tmp_path / "answers.jsonl", [answered(one, body) for one in once])
    path, board, _ = imported([asked, given], suite_file, tmp_path / "run")
    task = board["tasks"]["mini_instructions"]
    assert (task["repeats"], task["truncated"], task["output_tokens"]) == (2, 0.5, None)
    texts = {one["repeat"]: one["text"] for one in records(path) if one["doc_id"] == 7}
    assert texts == {0: "<think>Hm.</think>a b", 1: "<think>Let me"}


def test_completions_and_settings_that_differ(requests: list[dict[str, Any]], suite_file: str, tmp_path: Path) -> None:
    asked, given = [], []
    for number, one in enumerate(request for request in requests if request["custom_id"].endswith("/0")):
        prompt = f"<|user|>{one['body']['messages'][0]['content']}<|assistant|><think>\n"
        body = {"model": "m", "prompt": prompt, "max_tokens": 24 + number % 2, "stop": "###"}
        asked.append({**one, "url": "/v1/completions", "body": body})
        choices = [{"index": 0, "text": "x", "finish_reason": "length"}]
        given.append(answered(one, completion("", object="text_completion", choices=choices)))
    files = [write(tmp_path / "requests.jsonl", asked), write(tmp_path / "answers.jsonl", given)]
    path, board, said = imported(files, suite_file, tmp_path / "run")
    assert board["tasks"]["mini_instructions"]["truncated"] == 1
    assert "max_new_tokens differs among the requests of mini_instructions; it is recorded as unknown" in said
    config = read_json(path / "manifest.json")["config"]
    assert config["suite"]["tasks"]["mini_instructions"]["sampling"]["max_new_tokens"] is None
    assert config["data"]["mini_instructions"]["until"] == ["###"]
    assert {one["thinking_open"] for one in records(path)} == {"<think>"}


def test_older_lines_of_vllm_hold_the_reply_itself(
    requests: list[dict[str, Any]], suite_file: str, tmp_path: Path
) -> None:
    lines = [{**answered(one), "response": answered(one)["response"]["body"]} for one in requests]
    _, board, _ = imported([write(tmp_path / "answers.jsonl", lines)], suite_file, tmp_path / "run")
    assert board["tasks"]["mini_instructions"]["not_judged"] == 0


BAD = [
    (lambda line: line.update(response=None), "line 2: it has neither response nor error"),
    (lambda line: line["response"].pop("body"), "line 2: the response has no body"),
    (lambda line: line["response"]["body"].update(object="list"), "and this is of the kind 'list'"),
    (lambda line: line["response"]["body"].update(object="response"), "and this is of the kind 'response'"),
    (lambda line: line["response"]["body"].pop("object"), "and this is of no kind that is named"),
    (lambda line: line["response"]["body"].update(choices=[]), "line 2: the reply has no choices"),
    (lambda line: line["response"]["body"]["choices"][0]["message"].update(content=[1]), "is list, not a string"),
    (lambda line: line["response"]["body"].update(model="other"), "line 2, column model: 'other' after 'org/tiny'"),
    (lambda line: line.pop("custom_id"), "line 2: not a line of a batch (it has no custom_id)"),
    (lambda line: line.update(custom_id="mini_instructions/900"), "line 2, column doc_id: mini_instructions has docs"),
    (
        lambda line: line.update(custom_id="mini_instructions/0/0"),
        "doc 0 of mini_instructions, repeat 0, is",
    ),
    (
        lambda line: line.update(custom_id="mini_instruction/1/0"),
        "with a task of suite copying; the nearest: mini_instructions",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), BAD)
def test_what_cannot_be_read_is_one_sentence(
    requests: list[dict[str, Any]], suite_file: str, tmp_path: Path, change: Any, sentence: str
) -> None:
    lines = [answered(one) for one in requests[:3]]
    change(lines[1])
    with pytest.raises(UserError) as caught:
        imported([write(tmp_path / "answers.jsonl", lines)], suite_file, tmp_path / "run")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_from_requests_to_a_scoreboard_on_the_command_line(tmp_path: Path) -> None:
    """The worked example of docs/generations.md."""
    done = spot_eval("tasks", "docs", "--suite", "miniature", "--tasks", "mini_instructions", "--batch", "org/tiny",
                     cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "requests.jsonl").write_text(done.stdout)
    asked = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["body"]["model"] for one in asked} == {"org/tiny"}
    write(tmp_path / "answers.jsonl", [answered(one) for one in asked])
    assert tool_of([tmp_path / "requests.jsonl"]) == tool_of([tmp_path / "answers.jsonl"]) == "batch"
    done = spot_eval("import", "answers.jsonl", "requests.jsonl", "--suite", "miniature", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    board = json.loads(done.stdout)
    assert board["model"] == "org-tiny"
    assert 0 < board["tasks"]["mini_instructions"]["mean"] < 0.5
    for words, sentence in (
        (["requests.jsonl"], "requests.jsonl holds requests only; name the file of the answers, too"),
        (["answers.jsonl", "none.jsonl"], "none.jsonl is no file"),
        (["answers.jsonl", "--family", "a=b"], "--family is for files of inspect, lighteval, lm-eval and promptfoo"),
    ):
        done = spot_eval("import", *words, "--suite", "miniature", cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert sentence in " ".join(done.stderr.split())
    done = spot_eval("grade", "answers.jsonl", "--suite", "miniature", cwd=tmp_path)
    assert "the answers of a batch are read by `spot-eval import`" in " ".join(done.stderr.split())
