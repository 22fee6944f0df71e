"""Windows of log-likelihood requests: each request is handed over once, whole or refused; as hf scores them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spot_eval.models.base import Refusal
from spot_eval.models.likelihood import Continuation, LikelihoodRequest, Pair, Scores, Span, likelihood_request
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import open_engine
from spot_eval.models.vllm.scoring import Scoring
from tests.models.vllm.test_engine import IN_PROCESS

ROLLING = Continuation(Pair(None, "abc"), (Span((0, 5, 6), 2), Span((6, 7), 1)))
CHOICE = Continuation(Pair("a", "b"), (Span((1, 2, 3), 1),))


def places(span: Span, best: float = -5.0) -> list[dict[int, float]]:
    """Each scored token at a log-prob of its id in tenths, beside a best one."""
    return [{token: -token / 10, 99: best} for token in span.ids[-span.scored :]]


def test_windows_are_summed_and_requests_come_as_they_are_finished() -> None:
    found: list[Scores | Refusal] = []
    requests = [likelihood_request("rolling", [ROLLING], ""), likelihood_request("choices", [CHOICE, CHOICE], "a")]
    scoring = Scoring(requests, found.append)
    read = list(scoring.sequences())
    assert [(one.prompt, one.answer) for one in read] == [
        ((0,), (5, 6)), ((6,), (7,)), ((1, 2), (3,)), ((1, 2), (3,)),
    ]  # fmt: skip
    for one, best in zip(reversed(read), (-0.1, -5.0, -5.0, -5.0), strict=True):
        scoring.take(one.key, places(Span((*one.prompt, *one.answer), len(one.answer)), best))
    assert [one.key for one in found] == ["choices", "rolling"]
    first, second = found
    assert isinstance(first, Scores)
    assert isinstance(second, Scores)
    assert [(one.logprob, one.tokens, one.greedy) for one in first.choices] == [(-0.3, 1, True), (-0.3, 1, False)]
    assert second.choices[0].logprob == pytest.approx(-1.8)
    assert second.choices[0].tokens == 3


def test_a_refused_window_refuses_its_request_once() -> None:
    found: list[Scores | Refusal] = []
    scoring = Scoring([likelihood_request("r", [CHOICE, CHOICE], "a")], found.append)
    scoring.take("0", None, "too long")
    scoring.take("1", places(CHOICE.spans[0]))
    assert found == [Refusal("r", "vLLM refused it: too long")]


def scored(engine: str, path: Path, requests: Sequence[LikelihoodRequest], **arguments: str) -> dict[str, Any]:
    made: Any = open_engine(engine, path, ChatTokenizer(path), arguments)
    found: dict[str, Any] = {}
    try:
        made.score(requests, lambda one: found.update({one.key: one}))
    finally:
        made.close()
    return found


@pytest.mark.vllm
def test_the_scores_are_those_of_hf(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IN_PROCESS.items():
        monkeypatch.setenv(name, value)
    dice = random.Random(0)

    def span(length: int, count: int) -> Span:
        return Span(tuple(dice.randrange(3, 100) for _ in range(length)), count)

    choices = [
        [Continuation(Pair("a", "b"), (span(dice.randrange(4, 60), dice.randrange(1, 4)),)) for _ in "abcd"]
        for _ in range(12)
    ]
    requests = [likelihood_request(str(number), some, "") for number, some in enumerate(choices)]
    requests.append(likelihood_request("rolling", [Continuation(Pair(None, "x"), (span(40, 39), span(30, 10)))], ""))
    exact = scored("hf", tiny, requests, device="cpu", dtype="float32")
    found = scored("vllm", tiny, requests)
    assert found.keys() == exact.keys()
    for key, one in exact.items():
        for ours, theirs in zip(found[key].choices, one.choices, strict=True):
            assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-3)
            assert (ours.tokens, ours.greedy) == (theirs.tokens, theirs.greedy)
