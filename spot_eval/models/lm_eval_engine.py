"""A model of lm-eval that answers and scores requests, in chunks."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from spot_eval.core.errors import EngineDiedError
from spot_eval.core.keys import digest
from spot_eval.models.base import Completion, Emit, Refusal, Request
from spot_eval.models.likelihood import (
    ChoiceScore,
    LikelihoodRequest,
    ScoreEmit,
    Scores,
    unable,
)
from spot_eval.models.lm_eval_class import CLASS_ERRORS, PREFIX, line, takes
from spot_eval.models.prompts import (
    Prompt,
)


class LmEvalEngine:
    """An opened model of lm-eval, ready to answer."""

    def __init__(self, model: Any, name: str, chunk: int) -> None:
        from lm_eval.api.instance import Instance
        from lm_eval.models.api_models import LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER, TemplateAPI

        self._model, self._name, self._chunk = model, name, chunk
        self._instance, self._nothing = Instance, LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER
        self._over_http = isinstance(model, TemplateAPI)
        self._quiet = {"disable_tqdm": True} if takes(model.generate_until, "disable_tqdm") else {}

    def description(self) -> dict[str, Any]:
        """The class and the size of its chunks."""
        return {"class": self._name, "chunk": self._chunk, "seeds": "none of a request's own"}

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answers all requests, a chunk at a time; see `Engine.generate`.

        Raises EngineDiedError if the class breaks off.
        """
        for chunk in self._chunks(requests):
            asked: list[tuple[Request, Any]] = []
            for request, options in chunk:
                text = self._rendered(request.prompt)
                if reason := self._too_long(text, request):
                    emit(Refusal(request.key, reason))
                else:
                    asked.append((request, self._instance("generate_until", {}, (text, options), len(asked))))
            if not asked:
                continue
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    texts = self._model.generate_until([instance for _, instance in asked], **self._quiet)
            except CLASS_ERRORS as problem:
                raise EngineDiedError(
                    f"{PREFIX}{self._name} broke off: {line(problem)}; what was finished is kept, the same command "
                    "goes on from there"
                ) from problem
            for (request, _), text in zip(asked, texts, strict=True):
                if isinstance(text, str) and not (self._over_http and text == self._nothing):
                    emit(Completion(request.key, text, "unknown", None, None))
                else:
                    emit(Refusal(request.key, "the class gave no text"))

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests, a chunk at a time; see `ScoringEngine.score`.

        Raises UserError if the class gives no log-likelihoods, EngineDiedError if it breaks off.
        """
        groups: dict[bool, list[LikelihoodRequest]] = {False: [], True: []}
        for request in requests:
            groups[request.continuations[0].pair.context is None].append(request)
        for rolling, group in groups.items():
            for start in range(0, len(group), self._chunk):
                self._score_chunk(group[start : start + self._chunk], emit, rolling=rolling)

    def _score_chunk(self, chunk: Sequence[LikelihoodRequest], emit: ScoreEmit, *, rolling: bool) -> None:
        pairs = [one.pair for request in chunk for one in request.continuations]
        kind = "loglikelihood_rolling" if rolling else "loglikelihood"
        texts = [(pair.continuation,) if rolling else (pair.context, pair.continuation) for pair in pairs]
        instances = [self._instance(kind, {}, text, at) for at, text in enumerate(texts)]
        ask = getattr(self._model, kind)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                answers = ask(instances, **({"disable_tqdm": True} if takes(ask, "disable_tqdm") else {}))
        except NotImplementedError as problem:
            raise unable(f"lm-eval's class {self._name}", f"choose another engine ({line(problem)})") from problem
        except CLASS_ERRORS as problem:
            raise EngineDiedError(
                f"{PREFIX}{self._name} broke off: {line(problem)}; what was finished is kept, the same command "
                "goes on from there"
            ) from problem
        found = iter(answers)
        for request in chunk:
            scores = []
            for _ in request.continuations:
                answer = next(found)
                logprob, greedy = (answer, False) if rolling else answer
                scores.append(ChoiceScore(float(logprob), None, bool(greedy)))
            emit(Scores(request.key, tuple(scores)))

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _chunks(self, requests: Sequence[Request]) -> Iterator[list[tuple[Request, dict[str, Any]]]]:
        """Requests that one call can answer: of one sampling, and no prompt twice."""
        groups: dict[str, list[tuple[Request, dict[str, Any]]]] = defaultdict(list)
        asked_before = Counter[str]()
        for request in requests:
            turn = asked_before[request.prompt.text]
            asked_before[request.prompt.text] += 1
            options = self._options(request, turn)
            groups[digest(options, turn)].append((request, options))
        for group in groups.values():
            for start in range(0, len(group), self._chunk):
                yield group[start : start + self._chunk]

    def _options(self, request: Request, turn: int) -> dict[str, Any]:
        sampling = request.sampling
        options: dict[str, Any] = {"until": list(request.until), "max_gen_toks": sampling.max_new_tokens}
        if not sampling.temperature:
            return {**options, "do_sample": False, "temperature": 0.0}
        options |= {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p}
        if sampling.top_k or not self._over_http:  # OpenAI's own endpoints know no top_k
            options["top_k"] = sampling.top_k
        if self._over_http:  # these classes send one and the same seed for all, so that repeats would be equal
            options["seed"] = int(digest("lm_eval", turn)[:8], 16) & 0x7FFFFFFF
        return options

    def _rendered(self, prompt: Prompt) -> Any:
        if not prompt.messages:
            return prompt.text
        messages = [dict(message) for message in prompt.messages]
        return self._model.apply_chat_template(messages, add_generation_prompt=messages[-1]["role"] != "assistant")

    def _too_long(self, text: Any, request: Request) -> str | None:
        """Return why the class would cut the prompt without a warning; None if it fits or cannot be counted."""
        if not isinstance(text, str) or not getattr(self._model, "tokenized_requests", True):
            return None
        try:
            most, tokens = self._model.max_length, len(self._model.tok_encode(text))
        except (AttributeError, NotImplementedError, TypeError):
            return None
        budget = request.sampling.max_new_tokens
        if not isinstance(most, int) or tokens + budget <= most:
            return None
        return (
            f"{tokens} tokens of prompt and a budget of {budget} do not fit the class's max_length of {most}; "
            "--engine-arg max_length=N says how many the model takes"
        )
