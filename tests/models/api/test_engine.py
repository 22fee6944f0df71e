"""The api engine against a server that misbehaves in every way it can think of."""

from __future__ import annotations

import email.utils
import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import EngineDiedError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.models.api import client, engine, handshake, throttle
from spot_eval.models.api.client import retry_after
from spot_eval.models.api.engine import ApiEngine
from spot_eval.models.api.model import ServedModel
from spot_eval.models.api.settings import ApiSettings, base_url
from spot_eval.models.api.wire import OPTIONAL, Dialect, Form, MalformedReplyError, body, error_text, read_reply
from spot_eval.models.model import find_model
from spot_eval.models.prompts import chat_prompt
from spot_eval.models.registry import Completion, Refusal, Request
from spot_eval.tasks.suite import Sampling, load_suite
from tests.models.api.endpoint import ID, Cut, Endpoint, Move, Say, answer, good

GREEDY = Sampling(max_new_tokens=24)
PAPER = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=24)
CHAT = Dialect(model=ID, form=Form.CHAT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE_S", 0.01)
    monkeypatch.delenv("SPOT_EVAL_API_KEY", raising=False)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.stop()


def requests(count: int = 12, sampling: Sampling = GREEDY, until: tuple[str, ...] = ()) -> list[Request]:
    return [
        Request(
            str(n), chat_prompt([{"role": "user", "content": f"{n}?"}], False), sampling, seed=1000 + n, until=until
        )
        for n in range(count)
    ]


def ask(
    endpoint: Endpoint, asked: Sequence[Request], dialect: Dialect = CHAT, **arguments: Any
) -> tuple[dict[str, Completion | Refusal], ApiEngine]:
    settings = ApiSettings.parse({name: str(value) for name, value in {"timeout": 5, **arguments}.items()})
    made = ApiEngine(endpoint.url, settings, dialect)
    found: dict[str, Completion | Refusal] = {}

    def emit(result: Completion | Refusal) -> None:
        assert result.key not in found
        found[result.key] = result

    try:
        made.generate(asked, emit)
    finally:
        made.close()
    return found, made


def expected(request: Request, dialect: Dialect = CHAT) -> Completion:
    return Completion(request.key, answer(body(request, dialect)), "stop", 7, 11)


def meet(endpoint: Endpoint, *, said: list[str] | None = None, **changes: Any) -> ServedModel:
    options = {"model": endpoint.url, "model_id": ID, "engine": "api", **changes}
    arguments = {"timeout": "5", **options.pop("engine_args", {})}
    return ServedModel(
        RunOptions(engine_args=arguments, **options), load_suite("miniature"), (said if said is not None else []).append
    )


ONCE: dict[str, Move] = {
    "500": Say(500, {"error": {"message": "boom"}}),
    "503 in HTML": Say(503, "<html>try later</html>", {"Content-Type": "text/html"}),
    "408": Say(408, ""),
    "409": Say(409, {"detail": "conflict"}),
    "429 in seconds": Say(429, {"error": "slow down"}, {"Retry-After": "0.05"}),
    "429 by date": Say(429, "", {"Retry-After": email.utils.formatdate(0, usegmt=True)}),
    "429 by nonsense": Say(429, "", {"Retry-After": "soon"}),
    "cut": Cut(),
    "cut within the answer": Cut(within_body=True),
    "not JSON": Say(200, '{"choices": [{"mess'),
    "HTML": Say(200, "<html>ok</html>", {"Content-Type": "text/html"}),
    "nothing": Say(200, ""),
    "a list": Say(200, [1, 2]),
    "no choices": Say(200, {"id": "x"}),
    "empty choices": Say(200, {"choices": []}),
    "a choice of nothing": Say(200, {"choices": [None]}),
    "null content": Say(200, {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}),
    "a filtered answer": Say(200, {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
    "deep nesting": Say(200, "[" * 100_000),
    "bytes that are no text": Say(200, b"\xff\xfe\x00"),
    "a lying encoding": Say(200, "{}", {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("move", ONCE.values(), ids=ONCE.keys())
def test_what_fails_once_is_asked_again_and_answered(endpoint: Endpoint, move: Move) -> None:
    endpoint.behave = lambda asked, before: move if before == 0 else None
    asked = requests()
    found, made = ask(endpoint, asked)
    assert found == {request.key: expected(request) for request in asked}
    assert made.description()["retried"] == 12


@pytest.mark.parametrize("name", ["500", "cut", "empty choices", "not JSON", "HTML", "a filtered answer"])
def test_what_fails_for_good_is_refused_and_the_rest_goes_on(endpoint: Endpoint, name: str) -> None:
    poison = "3?"
    endpoint.behave = lambda asked, before: ONCE[name] if asked["messages"][0]["content"] == poison else None
    asked = requests()
    found, _ = ask(endpoint, asked, retries=3)
    refused = found.pop("3")
    assert isinstance(refused, Refusal)
    assert "tried 4 times" in refused.reason
    assert found == {request.key: expected(request) for request in asked if request.key != "3"}
    assert sum(body["messages"][0]["content"] == poison for body in endpoint.asked) == 4


def test_a_poisonous_request_alone_does_not_pass_for_a_dead_server(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: ONCE["500"]
    found, _ = ask(endpoint, requests(1), retries=3)
    assert isinstance(found["0"], Refusal)


def test_what_the_server_will_not_do_is_not_asked_twice(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(400, {"error": {"message": "This prompt is\nnot \x1b[31mfor me"}})
    found, _ = ask(endpoint, requests(3))
    assert {one.reason for one in found.values() if isinstance(one, Refusal)} == {
        "the server answered 400: This prompt is not  [31mfor me"
    }
    assert len(endpoint.asked) == 3


def test_slow_beyond_the_timeout_is_a_failure_that_is_retried(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(200, good(asked), after_s=1.0) if before == 0 else None
    asked = requests(4)
    found, made = ask(endpoint, asked, timeout=0.3)
    assert found == {request.key: expected(request) for request in asked}
    assert made.description()["retried"] == 4


def test_retry_after_is_waited_for_by_all_requests(endpoint: Endpoint) -> None:
    times: list[float] = []

    def behave(asked: dict[str, Any], before: int) -> Move:
        times.append(time.monotonic())
        return Say(429, "", {"Retry-After": "1"}) if len(times) == 5 else Say(200, good(asked), after_s=0.05)

    endpoint.behave = behave
    found, _ = ask(endpoint, requests(40), in_flight=3)
    assert all(isinstance(one, Completion) for one in found.values())
    # the others may have sent one more before the answer was read
    assert max(late - early for early, late in itertools.pairwise(times)) >= 0.8
    assert len(times) == 41


def test_many_429_are_patience_and_not_failure(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(429, {"error": "rate"}, {"Retry-After": "0"}) if before < 9 else None
    asked = requests(2)
    found, _ = ask(endpoint, asked, retries=3)
    assert found == {request.key: expected(request) for request in asked}


def test_a_server_that_throttles_for_ever_is_said_and_given_up(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(throttle, "SAY_EVERY_S", 0.2)
    endpoint.behave = lambda asked, before: Say(429, {"error": "rate"})
    began = time.monotonic()
    with pytest.raises(EngineDiedError, match=r"it throttles since .* longer than --engine-arg patience=1 seconds"):
        ask(endpoint, requests(40), patience=1)
    assert 0.9 < time.monotonic() - began < 15  # a busy machine; without an end it would be for ever
    said = capsys.readouterr().err
    assert re.search(r"throttles \(429, too many requests\) since [\d:]{8}; the next try is at [\d:]{8}, and the run "
                     r"gives up at [\d:]{8} \(--engine-arg patience=1\)", said)  # fmt: skip
    assert "answers again" not in said  # it answers the look-ups, and no request


def test_a_server_that_serves_again_is_said_and_patience_starts_anew(
    endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.behave = lambda asked, before: Say(429, "", {"Retry-After": "0.1"}) if before % 5 else None
    asked = requests(4)
    found, _ = ask(endpoint, asked, patience=2, in_flight=1)
    assert found == {request.key: expected(request) for request in asked}


def test_a_server_that_hangs_midway_is_asked_twice(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "SILENCE_S", 0.2)
    endpoint.behave = lambda asked, before: Say(200, good(asked), after_s=30)
    began = time.monotonic()
    with pytest.raises(EngineDiedError, match=r"no answer within 0.5 s \(tried twice|2 times\)"):
        ask(endpoint, requests(20), timeout=0.5)
    assert time.monotonic() - began < 20  # not the 30 that an answer takes
    assert "no answer from" in capsys.readouterr().err


def test_a_dead_server_ends_the_run_with_one_sentence_and_refuses_nothing(endpoint: Endpoint) -> None:
    asked = requests(60)
    found: dict[str, Completion | Refusal] = {}
    made = ApiEngine(endpoint.url, ApiSettings.parse({"in_flight": "4", "retries": "3"}), CHAT)

    def emit(result: Completion | Refusal) -> None:
        found[result.key] = result
        if len(found) == 10:
            endpoint.stop()

    with pytest.raises(EngineDiedError, match=r"no longer serves: no connection .*the same command goes on"):
        made.generate(asked, emit)
    made.close()
    assert 10 <= len(found) < 60
    assert all(isinstance(one, Completion) for one in found.values())


def test_a_server_that_only_fails_ends_the_run(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: ONCE["500"]
    with pytest.raises(EngineDiedError, match="the server answered 500: boom"):
        ask(endpoint, requests(100), retries=3, in_flight=8)
    assert len({body["seed"] for body in endpoint.asked}) < 60


@pytest.mark.parametrize(
    "move",
    [
        Say(401, {"error": {"message": "revoked"}}),
        Say(404, {"error": {"message": "gone"}}),
        Say(429, {"error": {"message": "no money left", "code": "insufficient_quota"}}),
    ],
)
def test_a_key_a_model_or_money_that_is_gone_ends_the_run_at_once(endpoint: Endpoint, move: Move) -> None:
    endpoint.behave = lambda asked, before: move if asked["seed"] == 1005 else None
    with pytest.raises(EngineDiedError, match="no longer serves: the server answered 4"):
        ask(endpoint, requests(400), in_flight=2)
    assert len(endpoint.asked) < 20


def test_a_filter_that_minds_one_prompt_does_not_end_the_run_a_lost_permission_does(endpoint: Endpoint) -> None:
    no = Say(403, {"error": {"message": "your input was flagged"}})
    endpoint.behave = lambda asked, before: no if asked["seed"] == 1005 else None
    found, _ = ask(endpoint, requests(40), in_flight=2)
    assert found["5"] == Refusal("5", "the server answered 403: your input was flagged")
    assert sum(isinstance(one, Completion) for one in found.values()) == 39

    endpoint.behave = lambda asked, before: no if asked["seed"] >= 1005 else None
    with pytest.raises(EngineDiedError, match="no longer serves: the server answered 403"):
        ask(endpoint, requests(400), in_flight=2)


def test_many_are_in_flight_but_no_more_than_allowed(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(200, good(asked), after_s=0.05)
    ask(endpoint, requests(60), in_flight=16)
    assert 8 < endpoint.most_at_once <= 16


def test_requests_a_minute_are_kept_to(endpoint: Endpoint) -> None:
    began = time.monotonic()
    ask(endpoint, requests(7), requests_per_minute=600)
    assert 0.6 <= time.monotonic() - began < 10  # on a busy machine


def test_all_sampling_is_said_so_that_no_default_of_the_server_leaks_in() -> None:
    sent = body(requests(1, PAPER)[0], CHAT)
    assert sent == {
        "model": ID,
        "messages": [{"role": "user", "content": "0?"}],
        "chat_template_kwargs": {"enable_thinking": False, "thinking": False},
        "max_tokens": 24,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": 1000,
    }
    assert body(requests(1, GREEDY)[0], CHAT)["top_k"] == -1


def test_an_open_turn_is_gone_on_with(endpoint: Endpoint) -> None:
    turns = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is"}]
    sent = body(Request("0", chat_prompt(turns, False), GREEDY, 1), CHAT)
    assert (sent["add_generation_prompt"], sent["continue_final_message"]) == (False, True)


@pytest.mark.parametrize(
    ("changes", "text", "reason"),
    [
        ({"finish_reason": "length"}, "abc", "length"),
        ({"finish_reason": "eos_token"}, "abc", "stop"),
        ({"finish_reason": None}, "abc", "unknown"),
        ({"finish_reason": ["stop"]}, "abc", "unknown"),
        ({"message": {"content": "so 4", "reasoning_content": "2+2"}}, "<think>2+2</think>so 4", "stop"),
        ({"message": {"content": None, "reasoning": "2+"}, "finish_reason": "length"}, "<think>2+", "length"),
    ],
)
def test_what_a_choice_says(changes: dict[str, Any], text: str, reason: str) -> None:
    choice = {"message": {"content": "abc"}, "finish_reason": "stop", **changes}
    reply = read_reply({"choices": [choice]}, requests(1)[0], Form.CHAT)
    assert (reply.text, reply.finish_reason, reply.prompt_tokens) == (text, reason, None)


def test_a_stop_string_that_the_server_leaves_in_is_cut() -> None:
    reply = read_reply(good({"prompt": "x"}, text="4\n\nQ: 3+3"), requests(1, until=("\n\n", "Q:"))[0], Form.TEXT)
    assert (reply.text, reply.finish_reason) == ("4", "stop")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "text", "usage", "error", "code", "prompt_tokens"]), inner
        )
    ),
    max_leaves=12,
)


@given(payload=json_values, form=st.sampled_from(Form))
def test_any_reply_is_read_or_called_malformed(payload: Any, form: Form) -> None:
    try:
        reply = read_reply(payload, requests(1)[0], form)
    except MalformedReplyError:
        pass
    else:
        assert isinstance(reply.text, str)
        assert reply.finish_reason in {"stop", "length", "unknown"}
        assert all(count is None or count >= 0 for count in (reply.prompt_tokens, reply.output_tokens))
    assert all(isinstance(part, str) for part in error_text(payload))


def test_retry_after_is_a_number_or_a_date() -> None:
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert retry_after("1.5") == 1.5
    assert 27 < (retry_after(soon) or 0) <= 30
    assert (retry_after("-3"), retry_after("nan"), retry_after("whenever"), retry_after(None)) == (
        0.0,
        None,
        None,
        None,
    )


# ---- before any generation


def test_fields_a_server_names_as_unknown_are_left_out_said_once_and_recorded(endpoint: Endpoint) -> None:
    unknown = {"top_k", "min_p", "repetition_penalty", "chat_template_kwargs", "max_tokens"}

    def strict(asked: dict[str, Any], before: int) -> Move | None:
        bad = sorted(unknown & asked.keys())
        if not bad:
            return None
        hint = ", use 'max_completion_tokens' instead" if bad[0] == "max_tokens" else ""
        return Say(400, {"error": {"message": f"Unsupported parameter: '{bad[0]}'{hint}."}})

    endpoint.behave = strict
    said: list[str] = []
    model = meet(endpoint, said=said)
    assert model.facts.identity["not_taken"] == sorted(unknown - {"max_tokens"})
    assert len(said) == 1
    assert "does not take chat_template_kwargs, min_p, repetition_penalty, top_k" in said[0]
    assert "thinking cannot be switched" in said[0]
    asked = requests(3)
    endpoint.asked.clear()
    found, _ = ask(endpoint, asked, model.dialect)
    assert all(isinstance(one, Completion) for one in found.values())
    assert not unknown & {name for body in endpoint.asked for name in body}
    assert all(body["seed"] and body["max_completion_tokens"] == 24 for body in endpoint.asked)


def test_fields_a_server_minds_without_naming_them_are_found(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(422, "bad request") if {"seed", "min_p"} & asked.keys() else None
    assert meet(endpoint).dialect.not_taken == {"seed", "min_p", "stop_token_ids"} & set(OPTIONAL) - {"stop_token_ids"}


def refused(endpoint: Endpoint, **changes: Any) -> str:
    with pytest.raises(UserError) as problem:
        meet(endpoint, **changes)
    assert "\n" not in str(problem.value)
    return str(problem.value)


def test_what_is_wrong_is_said_before_any_generation(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.models = [{"id": f"org/model-{n}"} for n in range(3)]
    assert "serves no model 'org/served'; there are: org/model-0, org/model-1, org/model-2" in refused(endpoint)
    endpoint.models = [{"id": f"org/model-{n}"} for n in range(300)]
    assert "the nearest: " in refused(endpoint, model_id="org/model-299x")
    endpoint.models = None  # a server need not list them
    assert meet(endpoint).facts.context is None
    endpoint.behave = lambda asked, before: Say(400, {"error": {"message": "temperature must be 1"}})
    assert "refuses to generate: the server answered 400: temperature must be 1" in refused(endpoint)
    endpoint.behave = lambda asked, before: Say(307, "", {"Location": "https://elsewhere/"})
    assert "answered 307: go to https://elsewhere/; give the base of that address as --model" in refused(endpoint)
    endpoint.behave = lambda asked, before: Say(200, "<html>", {"Content-Type": "text/html"})
    assert "its answer is not JSON (text/html) (tried 3 times)" in refused(endpoint)
    endpoint.key = "sk-right"
    assert "wants a key: SPOT_EVAL_API_KEY" in refused(endpoint)
    monkeypatch.setenv("SPOT_EVAL_API_KEY", "sk-wrong")
    said = refused(endpoint)
    assert "refuses the key in SPOT_EVAL_API_KEY" in said
    assert "sk-wrong" not in said
    endpoint.stop()
    assert "does not answer: no connection" in refused(endpoint)


def test_a_server_that_takes_requests_and_never_answers_is_not_waited_for_like_an_answer(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "FIRST_ANSWER_S", 0.1)
    endpoint.behave = lambda asked, before: Say(200, good(asked), after_s=3)
    said = refused(endpoint, engine_args={"timeout": "1800"})
    assert "does not answer: no answer within 0.1 s (tried 2 times); check that the server runs" in said

    monkeypatch.setattr(client, "LOOK_UP_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        assert "no answer within 0.1 s (tried 2 times)" in refused(endpoint, model=url)


def test_a_server_that_is_there_and_cannot_is_not_called_a_wrong_url(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(503, {"error": {"message": "loading"}})
    said = refused(endpoint)
    assert "is there and cannot answer: the server answered 503: loading (tried 3 times); try again" in said
    assert "URL" not in said


@pytest.mark.parametrize("key", ["sk-clé-never-shown", "sk-never-shown\nb: c", "Bearer sk-never-shown"])
def test_a_key_that_cannot_be_sent_is_one_sentence_without_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SPOT_EVAL_API_KEY", key)
    said = refused(endpoint)
    assert "SPOT_EVAL_API_KEY holds no key" in said
    assert "never-shown" not in said
    assert endpoint.keys_seen == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SSL_CERT_FILE", "/nowhere.pem", "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names"),
        ("HTTP_PROXY", "socks5://127.0.0.1:9", "the proxy that the environment names cannot be used"),
        ("HTTP_PROXY", "ftp://127.0.0.1:9", "the proxy that the environment names cannot be used"),
    ],
)
def test_an_environment_that_cannot_be_used_is_one_sentence(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    assert message in refused(endpoint)


def test_a_url_without_its_scheme_is_asked_about() -> None:
    for url in ("localhost:8000/v1", "10.0.0.7:8000", "localhost"):
        with pytest.raises(UserError, match="is that a URL"):
            find_model(RunOptions(model=url, engine="hf", model_id=ID), load_suite("miniature"), print)


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"model_id": None}, "say so with --model-id"),
    ({"model": "ftp://host/v1"}, "give the endpoint's base"),
    ({"model": "here"}, "'here' is none"),
    ({"model": "http://host:99999/v1"}, "not a URL"),
    ({"model": "http://me:secret@host/v1"}, "a URL that holds a user or a key"),
    ({"model": "http://host/v1?key=secret"}, "no queries here"),
    ({"model": "http://host/v1/chat/completions"}, "the path of one operation"),
    ({"engine_args": {"api_key": "secret"}}, "keys are read from the environment only"),
    ({"engine_args": {"key_env": "NOT_SET_ANYWHERE"}}, "this environment variable is not set"),
    ({"engine_args": {"key_env": "sk-secret"}}, "not the name of an environment variable"),
    ({"engine_args": {"retrys": "5"}}, "there is no such argument; the api engine takes tokenizer"),
    ({"engine_args": {"in_flight": "0"}}, "greater than or equal to 1"),
    ({"engine_args": {"tokenizer": "/nowhere"}}, "is not a folder"),
    ({"engine_args": {"price_in": "1"}}, "go together"),
    ({"chat_template": __file__}, "the server applies its own"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_OPTIONS, ids=[message for _, message in BAD_OPTIONS])
def test_bad_options_are_one_sentence(endpoint: Endpoint, changes: dict[str, Any], message: str) -> None:
    said = refused(endpoint, **changes)
    assert message in said
    assert "secret" not in said
    assert endpoint.asked == []


def test_a_base_url_may_leave_v1_away() -> None:
    assert base_url("http://host:8000") == base_url("http://host:8000/") == "http://host:8000/v1"
    assert base_url("https://host/api/v1/") == "https://host/api/v1"


def test_prompts_are_counted_by_the_server_where_they_might_not_fit(endpoint: Endpoint) -> None:
    endpoint.models = [{"id": ID, "max_model_len": 6000}]
    endpoint.counts = lambda asked: len(asked["messages"][0]["content"])
    model = meet(endpoint)
    assert model.facts.context == 6000
    short, long = ([{"role": "user", "content": "x" * size}] for size in (20, 5900))
    assert [prompt.length for prompt in model.render_many([short, long])] == [None, 5900]
    endpoint.counts = None
    said: list[str] = []
    model = meet(endpoint, said=said)
    assert [prompt.length for prompt in model.render_many([long, long])] == [None, None]
    assert [prompt.length for prompt in model.render_many([long])] == [None]
    assert len(said) == 1
    assert "does not count tokens" in said[0]


def test_with_a_tokenizer_here_prompts_are_sent_as_token_ids(endpoint: Endpoint, tiny: Path) -> None:
    model = meet(endpoint, engine_args={"tokenizer": str(tiny)})
    (prompt,) = model.render_many([[{"role": "user", "content": "2+2?"}]])
    asked = [Request("0", prompt, PAPER, 5)]
    endpoint.asked.clear()
    found, _ = ask(endpoint, asked, model.dialect)
    sent = endpoint.asked[-1]
    assert sent["prompt"] == list(prompt.token_ids)
    assert sent["stop_token_ids"]
    assert not {"messages", "chat_template_kwargs"} & sent.keys()
    one = found["0"]
    assert isinstance(one, Completion)
    assert one.prompt_tokens == len(prompt.token_ids)
    assert model.config()["tokenizer"]
    assert model.config()["chat_template"] == "checkpoint"


def test_a_server_that_reads_other_tokens_than_were_sent_is_refused(endpoint: Endpoint, tiny: Path) -> None:
    def with_bos(asked: dict[str, Any], before: int) -> Move:
        reply = good(asked)
        reply["usage"]["prompt_tokens"] += 1
        return Say(200, reply)

    endpoint.behave = with_bos
    assert "so it changes prompts" in refused(endpoint, engine_args={"tokenizer": str(tiny)})


def test_plain_text_prompts_for_a_base_model(endpoint: Endpoint) -> None:
    model = meet(endpoint, chat_template="none")
    (prompt,) = model.render_many([[{"role": "user", "content": "2 + 2 ="}]])
    ask(endpoint, [Request("0", prompt, GREEDY, 5)], model.dialect)
    assert endpoint.asked[-1]["prompt"] == "2 + 2 ="
    assert model.config()["chat_template"] == "none"


# ---- what a session records


def seeded(honour: bool) -> Callable[[dict[str, Any], int], Move]:
    calls = iter(range(10_000))

    def behave(asked: dict[str, Any], before: int) -> Move:
        known = asked if honour else {**asked, "seed": next(calls)}
        return Say(200, good(asked, message={"content": answer(known)}))

    return behave


def test_whether_seeds_are_honoured_is_found_out_and_recorded(endpoint: Endpoint) -> None:
    sampled = requests(2, PAPER)
    endpoint.behave = seeded(honour=True)
    assert ask(endpoint, sampled)[1].description()["seeds"] == "honoured"
    endpoint.behave = seeded(honour=False)
    description = ask(endpoint, sampled)[1].description()
    assert description["seeds"] == "not honoured"
    assert description["remarks"] == ["the server does not honour seeds, so another run draws other samples"]
    endpoint.behave = lambda asked, before: Say(200, good(asked, message={"content": "always"}))
    assert ask(endpoint, sampled)[1].description()["seeds"] == "unknown"
    without = Dialect(ID, Form.CHAT, not_taken=frozenset({"seed"}))
    assert ask(endpoint, sampled, without)[1].description()["seeds"] == "not taken"


def test_thinking_that_was_switched_off_and_came_anyway_is_counted_and_said(endpoint: Endpoint) -> None:
    endpoint.behave = lambda asked, before: Say(200, good(asked, message={"content": "4", "reasoning_content": "hm"}))
    description = ask(endpoint, requests(5))[1].description()
    assert description["with_thinking"] == 5
    assert description["remarks"] == ["5 answers came with thinking, though the suite has it switched off"]


def test_usage_and_prices_give_a_cost(endpoint: Endpoint) -> None:
    description = ask(endpoint, requests(10), price_in=2, price_out=10)[1].description()
    assert (description["prompt_tokens"], description["output_tokens"]) == (70, 110)
    assert description["cost"] == pytest.approx((70 * 2 + 110 * 10) / 1e6)
    assert "cost" not in ask(endpoint, requests(1))[1].description()


def test_no_reply_can_put_the_key_into_a_record(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    key = endpoint.key = "sk-very-secret"
    monkeypatch.setenv("SPOT_EVAL_API_KEY", key)

    def echo(asked: dict[str, Any], before: int) -> Move:
        if asked["seed"] % 2:
            return Say(400, {"error": {"message": f"Authorization: Bearer {key}"}})
        return Say(200, good(asked, message={"content": f"your key is {key}"}))

    endpoint.behave = echo
    found, made = ask(endpoint, requests(4))
    assert set(endpoint.keys_seen) == {f"Bearer {key}"}
    assert len(found) == 4
    assert key not in json.dumps([vars(one) for one in found.values()]) + json.dumps(made.description())


def test_a_placeholder_for_a_key_may_stand_in_an_answer(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.key = "EMPTY"
    monkeypatch.setenv("SPOT_EVAL_API_KEY", "EMPTY")
    endpoint.behave = lambda asked, before: Say(200, good(asked, message={"content": "the set is EMPTY"}))
    found, _ = ask(endpoint, requests(1))
    assert getattr(found["0"], "text", None) == "the set is EMPTY"


def test_what_a_server_says_of_itself_is_untrusted(endpoint: Endpoint) -> None:
    endpoint.models = [{"id": "\x1b[31mred"}, {"id": ID, "max_model_len": True}, {"id": 3}, "x"]  # type: ignore[list-item]
    assert meet(endpoint).facts.context is None
    assert "there are: org/served;" in refused(endpoint, model_id="org/other")
    endpoint.behave = lambda asked, before: Say(200, {**good(asked), "usage": {"prompt_tokens": 10**400}})
    description = ask(endpoint, requests(1), price_in=1, price_out=1)[1].description()
    assert description["cost"] == 0


def test_fifteen_thousand_queued_requests_cost_little_memory(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    class Quick:
        """A client without a network: what is measured is the engine's own."""

        tries = retried = 0

        def __init__(self, settings: ApiSettings) -> None:
            del settings

        async def __aenter__(self) -> Quick:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def call(self, method: str, url: str, body: Any, read: Callable[[Any], Any]) -> Any:
            return read(good(body))

    monkeypatch.setattr(engine, "Client", Quick)
    asked = requests(15_000)
    count = 0

    def emit(result: Completion | Refusal) -> None:
        nonlocal count
        count += 1

    tracemalloc.start()
    made = ApiEngine(endpoint.url, ApiSettings(), CHAT)
    made.generate(asked, emit)
    made.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 15_000
    assert peak < 100e6
