"""Many requests in flight at one endpoint, each text handed over as it comes.

A request that fails for good is refused and the rest go on; a server that is gone ends the run with one sentence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from spot_eval.core.errors import EngineDiedError
from spot_eval.display.messages import say
from spot_eval.models.api.background import Background
from spot_eval.models.api.client import Client, ExhaustedError, RefusedError
from spot_eval.models.api.scoring import read_score, score_body, together
from spot_eval.models.api.settings import ApiSettings
from spot_eval.models.api.wire import Dialect, Reply, body, read_reply
from spot_eval.models.base import Completion, Emit, Refusal, Request
from spot_eval.models.likelihood import ChoiceScore, LikelihoodRequest, ScoreEmit, Scores, Span
from spot_eval.models.prompts import Prompt
from spot_eval.tasks.suite import Sampling

MANY_IN_A_ROW = 16  # failures without one success between: then it is the server, not the requests
SILENCE_S = 120.0  # between words to the user while nothing is answered
STOPPED_SERVING = {401, 402, 404}
PERHAPS_STOPPED = 403  # of a key that is gone, and of a filter that minds one prompt
SEED_PROBE = Sampling(temperature=1.0, max_new_tokens=16)

HandOver = Callable[[Completion | Scores | Refusal], None]
Answer = Callable[[Client, Any], Awaitable[Completion | Scores]]


class ApiEngine:
    """A served model, ready to answer."""

    def __init__(self, url: str, settings: ApiSettings, dialect: Dialect) -> None:
        self._url, self._settings, self._dialect = url, settings, dialect
        self._operation = f"{url}/{dialect.form.path}"
        self._background: Background | None = None
        self._client: Client | None = None
        self._seeds = "not asked"
        self._in_a_row = self._thought = 0
        self._prompt_tokens = self._output_tokens = 0

    def description(self) -> dict[str, Any]:
        """The endpoint, how it was asked, and what it has used so far (tries that failed included)."""
        settings = self._settings
        found: dict[str, Any] = {
            "url": self._url,
            "in_flight": settings.in_flight,
            "tries": self._client.tries if self._client else 0,
            "retried": self._client.retried if self._client else 0,
            "seeds": self._seeds,
            "with_thinking": self._thought,
            "prompt_tokens": self._prompt_tokens,
            "output_tokens": self._output_tokens,
        }
        if settings.price_in is not None and settings.price_out is not None:
            prices = {"price_in": settings.price_in, "price_out": settings.price_out}
            cost = self._prompt_tokens * settings.price_in + self._output_tokens * settings.price_out
            found |= {**prices, "cost": cost / 1e6}
        remarks = self._remarks()
        return {**found, "remarks": remarks} if remarks else found

    def _remarks(self) -> list[str]:
        found = []
        if self._thought and not self._dialect.thinking:
            found.append(f"{self._thought} answers came with thinking, though the suite has it switched off")
        if self._seeds == "not honoured":
            found.append("the server does not honour seeds, so another run draws other samples")
        return found

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answers all requests; see `Engine.generate`. Raises EngineDiedError if the server is gone."""
        self._serve(requests, emit, self._answer)

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests; see `ScoringEngine.score`. Raises EngineDiedError if the server is gone."""
        self._serve(requests, emit, self._scores)

    def _serve(self, requests: Sequence[Any], emit: Callable[[Any], None], answer: Answer) -> None:
        """Have `answer` ask for each request and hand over what comes, as it comes."""
        results: SimpleQueue[Any] = SimpleQueue()
        self._background = self._background or Background()
        work = self._background.start(self._all(requests, results.put, answer))
        work.add_done_callback(results.put)
        try:
            while not isinstance(result := self._next(results), Future):
                emit(result)
            result.result()
        finally:
            work.cancel()

    def _next(self, results: SimpleQueue[Any]) -> Any:
        """Return the next result; while none comes, say now and then how long the server has been silent."""
        began = time.monotonic()
        while True:
            try:
                return results.get(timeout=SILENCE_S)
            except Empty:
                say(
                    f"no answer from {self._url} for {time.monotonic() - began:.0f} s; a request is given up after "
                    f"two tries of {self._settings.timeout:g} s (--engine-arg timeout={self._settings.timeout:g})"
                )

    def close(self) -> None:
        """Cut the connections."""
        if self._background:
            self._background.close()

    async def _all(self, requests: Sequence[Request], hand_over: HandOver, answer: Answer) -> None:
        async with Client(self._settings) as self._client:
            sampled = next(
                (request for request in requests if request.sampling.max_new_tokens and request.sampling.temperature),
                None,
            )
            if sampled:
                self._seeds = await self._try_seeds(self._client, sampled.prompt)
            waiting = iter(requests)
            workers = [
                asyncio.ensure_future(self._work(self._client, waiting, hand_over, answer))
                for _ in range(min(self._settings.in_flight, len(requests)))
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()

    async def _work(self, client: Client, waiting: Iterator[Request], hand_over: HandOver, answer: Answer) -> None:
        for request in waiting:
            hand_over(await self._or_refusal(client, request, answer))

    async def _or_refusal(self, client: Client, request: Request, answer: Answer) -> Completion | Scores | Refusal:
        try:
            found = await answer(client, request)
        except RefusedError as problem:
            if problem.status in STOPPED_SERVING or problem.code == "insufficient_quota":
                raise self._gone(problem) from problem
            if problem.status == PERHAPS_STOPPED:
                await self._raise_if_gone(client, problem)
            return Refusal(request.key, str(problem))
        except ExhaustedError as problem:
            await self._raise_if_gone(client, problem)
            return Refusal(request.key, str(problem))
        self._in_a_row = 0
        return found

    async def _answer(self, client: Client, request: Request) -> Completion:
        reply = await self._ask(client, request)
        self._thought += reply.thought
        return Completion(request.key, reply.text, reply.finish_reason, reply.prompt_tokens, reply.output_tokens)

    async def _ask(self, client: Client, request: Request) -> Reply:
        def read(payload: Any) -> Reply:
            reply = read_reply(payload, request, self._dialect.form)
            self._prompt_tokens += reply.prompt_tokens or 0
            self._output_tokens += reply.output_tokens or 0
            return reply

        return await client.call("POST", self._operation, body(request, self._dialect), read)

    async def _scores(self, client: Client, request: Any) -> Scores:
        """Ask for each continuation, one after the other: requests are many, so the server stays busy."""
        choices = []
        for one in request.continuations:
            windows = [await self._score_of(client, span) for span in one.spans]
            choices.append(windows[0] if len(windows) == 1 else together(windows))
        return Scores(request.key, tuple(choices))

    async def _score_of(self, client: Client, span: Span) -> ChoiceScore:
        def read(payload: Any) -> ChoiceScore:
            found = read_score(payload, span)
            self._prompt_tokens += len(span.ids)
            self._output_tokens += 1
            return found

        return await client.call("POST", self._operation, score_body(span, self._dialect), read)

    async def _raise_if_gone(self, client: Client, problem: RefusedError | ExhaustedError) -> None:
        """Raises EngineDiedError if it is the server that fails, and not this request alone."""
        self._in_a_row += 1
        if self._in_a_row >= MANY_IN_A_ROW:
            raise self._gone(problem)
        try:
            await client.get(f"{self._url}/models", retries=0)
        except RefusedError as refused:  # it answers
            if refused.status == PERHAPS_STOPPED:
                raise self._gone(problem) from problem
        except ExhaustedError:
            raise self._gone(problem) from problem

    def _gone(self, problem: Exception) -> EngineDiedError:
        return EngineDiedError(
            f"{self._url} no longer serves: {problem}; what was finished is kept, the same command goes on from there"
        )

    async def _try_seeds(self, client: Client, prompt: Prompt) -> str:
        """Return whether one seed gives one text, and another seed another, here and now."""
        if "seed" in self._dialect.not_taken:
            return "not taken"
        probes = [Request("seeds", prompt, SEED_PROBE, seed) for seed in (1, 1, 2)]
        try:
            first, again, other = await asyncio.gather(*(self._ask(client, probe) for probe in probes))
        except (RefusedError, ExhaustedError):
            return "unknown"
        if first.text != again.text:
            return "not honoured"
        return "honoured" if other.text != first.text else "unknown"
