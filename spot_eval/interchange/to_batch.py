"""A suite's requests in OpenAI's batch format, as `vllm run-batch` reads them; `spot-eval import` reads the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from spot_eval.core.keys import request_seed
from spot_eval.models.api.wire import Dialect, Form, body
from spot_eval.models.base import Request
from spot_eval.models.prompts import chat_prompt
from spot_eval.tasks.docs import LoadedTask
from spot_eval.tasks.suite import Suite


def batch_requests(suite: Suite, tasks: Sequence[LoadedTask], model: str, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a request for each doc and repeat, with the suite's sampling and the seed that `run --seed` would send.

    Args:
        suite: gives repeats, sampling and whether the model is to think.
        tasks: its tasks with their docs; those that ask log-likelihoods have no such requests and are passed over.
        model: the name under which the model is served.
        seed: the value of `run --seed`.
    """
    dialect = Dialect(model, Form.CHAT, thinking=bool(suite.thinking), budget="max_completion_tokens")
    for task in tasks:
        for doc in task.docs if not task.scored else ():
            prompt = chat_prompt(doc.messages, bool(suite.thinking))
            for repeat in range(suite.repeats(task.name)):
                drawn = request_seed(seed, task.name, doc.doc_hash, repeat)
                request = Request(
                    key="", prompt=prompt, sampling=suite.sampling_of(task.name), seed=drawn, until=task.until
                )
                yield {
                    "custom_id": f"{task.name}/{doc.doc_id}/{repeat}",
                    "method": "POST",
                    "url": f"/v1/{Form.CHAT.path}",
                    "body": body(request, dialect),
                }
