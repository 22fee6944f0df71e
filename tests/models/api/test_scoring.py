"""Log-probabilities from an endpoint: those of hf on the same checkpoint; what a server does not tell is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from spot_eval.models.api.scoring import read_score, score_body
from spot_eval.models.api.wire import Dialect, Form, MalformedReplyError
from spot_eval.models.likelihood import Span
from tests.command_line import records, spot_eval
from tests.likelihood_tasks import write_suite, write_tasks
from tests.models.api.endpoint import ID, Endpoint, Say, good

SPAN = Span((4, 5, 6, 7), 2)


def reply(token_logprobs: Any, top_logprobs: Any = None) -> dict[str, Any]:
    return {"choices": [{"text": "x", "logprobs": {"token_logprobs": token_logprobs, "top_logprobs": top_logprobs}}]}


def test_the_scored_tokens_are_summed_and_the_generated_one_is_left_aside() -> None:
    best = [None, {"a": -1.0}, {"b": -0.5}, {"c": -0.25}, {"d": -9.0}]
    found = read_score(reply([None, -1.0, -0.5, -0.25, -9.0], best), SPAN)
    assert (found.logprob, found.tokens, found.greedy) == (-0.75, 2, True)
    best[3] = {"c": -0.25, "other": -0.125}
    assert not read_score(reply([None, -1.0, -0.5, -0.25], best), SPAN).greedy
    assert not read_score(reply([None, -1.0, -0.5, -0.25]), SPAN).greedy  # not told


@pytest.mark.parametrize(
    "payload",
    [
        None, {}, {"choices": []}, {"choices": [{"text": "x"}]}, {"choices": [{"logprobs": None}]}, reply(None),
        reply([None, -1.0]), reply([None, -1.0, -1.0, -1.0, -1.0, -1.0]), reply([None, -1.0, -1.0, None]),
        reply([None, -1.0, -1.0, float("nan")]), reply([None, -1.0, -1.0, "-1"]), reply([None, -1.0, 0.5, -1.0]),
        reply([None, -1.0, True, -1.0]),
    ],
)  # fmt: skip
def test_what_is_not_told_is_no_score(payload: Any) -> None:
    with pytest.raises(MalformedReplyError):
        read_score(payload, SPAN)


def test_the_prompt_comes_back_and_nothing_is_drawn() -> None:
    asked = score_body(SPAN, Dialect(model="m", form=Form.TOKEN_IDS))
    assert asked["prompt"] == [4, 5, 6, 7]
    assert asked["echo"] is True
    assert (asked["temperature"], asked["max_tokens"]) == (0.0, 1)


class Scorer:
    """Answers as a server of the checkpoint does."""

    def __init__(self, path: Path) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(path).eval()

    @torch.inference_mode()
    def __call__(self, asked: dict[str, Any], before: int) -> Say | None:
        del before
        if not asked.get("echo"):
            return None
        ids = torch.tensor([asked["prompt"]])
        logprobs = torch.log_softmax(self.model(ids).logits[0].float(), dim=-1)
        own = logprobs[:-1].gather(-1, ids[0, 1:, None])[:, 0].tolist()
        best = [{str(int(row.argmax())): float(row.max())} for row in logprobs]
        found = {"token_logprobs": [None, *own, best[-1].popitem()[1]], "top_logprobs": [None, *best]}
        return Say(200, good(asked, logprobs=found))


@pytest.fixture
def endpoint(tiny: Path) -> Iterator[Endpoint]:
    made = Endpoint(Scorer(tiny), models=[{"id": ID, "max_model_len": 512}])
    yield made
    made.stop()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made")
    return write_suite(write_tasks(made / "tasks"), made / "made.yaml")


def run(endpoint: Endpoint, suite: Path, out: Path, *more: Any) -> Any:
    return spot_eval("run", "--model", endpoint.url, "--model-id", ID, "--suite", suite, "--out", out, *more)


def test_a_run_is_that_of_the_checkpoint_itself(endpoint: Endpoint, suite: Path, tiny: Path, tmp_path: Path) -> None:
    done = run(endpoint, suite, tmp_path / "served", "--engine-arg", f"tokenizer={tiny}")
    assert done.returncode == 0, done.stderr
    local = spot_eval(
        "run", "--model", tiny, "--suite", suite, "--out", tmp_path / "local", "--engine-arg", "max_model_len=510"
    )
    assert local.returncode == 0, local.stderr
    served, own = (
        {(row["task"], row["doc_id"]): row["choices"] for row in records(tmp_path / name)}
        for name in ("served", "local")
    )
    assert served.keys() == own.keys()
    for key, choices in own.items():
        for one, other in zip(served[key], choices, strict=True):
            assert one["logprob"] == pytest.approx(other["logprob"], abs=1e-4)
            assert (one["tokens"], one["greedy"]) == (other["tokens"], other["greedy"])


def test_without_the_tokenizer_it_is_refused_before_anything_is_asked(
    endpoint: Endpoint, suite: Path, tmp_path: Path
) -> None:
    done = run(endpoint, suite, tmp_path / "run")
    assert done.returncode == 2
    assert "--engine-arg tokenizer=DIR" in done.stderr
    assert not any(asked.get("echo") for asked in endpoint.asked)


@pytest.mark.parametrize(
    "behave",
    [
        lambda asked, before: None,  # takes echo and says nothing of it
        lambda asked, before: Say(400, {"error": {"message": "echo is not supported"}}) if asked.get("echo") else None,
    ],
    ids=["ignored", "refused"],
)
def test_a_server_that_does_not_tell_is_found_out_by_one_question(
    behave: Any, suite: Path, tiny: Path, tmp_path: Path
) -> None:
    endpoint = Endpoint(behave)
    done = run(endpoint, suite, tmp_path / "run", "--engine-arg", f"tokenizer={tiny}")
    endpoint.stop()
    assert done.returncode == 2
    assert "gives no log-probabilities of a prompt" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    assert sum(bool(asked.get("echo")) for asked in endpoint.asked) == 1
    assert not (tmp_path / "run").exists()
