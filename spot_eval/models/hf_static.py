"""Static batches for transformers: all rows run until the last has ended.

For models whose caches cannot be cut and joined (`hf_continuous.runs_continuously`): a sliding window, a recurrent
state, code of their own. transformers' own `generate` runs them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from spot_eval.models.base import Completion, Refusal, Request
from spot_eval.models.hf_endings import Endings
from spot_eval.models.hf_sampling import BrokenRows, SeededSampling


class StaticBatches:
    """Answer requests batch by batch.

    Args:
        model: a causal language model.
        device: where it lies.
        most_rows: rows of a batch, at most.
        sampling: temperature (0: greedy), top_p and top_k.
        endings: decides if an answer has ended, and emits it.
    """

    def __init__(
        self, model: Any, device: str, *, most_rows: int, sampling: tuple[float, float, int], endings: Endings
    ) -> None:
        self.model, self.device, self.most_rows = model, device, most_rows
        self.sampling, self.endings = sampling, endings

    def answer(self, requests: Sequence[Request]) -> None:
        """Answer all requests. Where memory does not suffice batches shrink; one that fits nowhere is refused."""
        waiting = deque(requests)
        while waiting:
            batch = [waiting.popleft() for _ in range(min(self.most_rows, len(waiting)))]
            waiting.extendleft(reversed(self._batch(batch)))

    def _batch(self, requests: Sequence[Request]) -> list[Request]:
        """Answer one batch; return what has to be asked again, in smaller batches."""
        emitted: set[str] = set()

        def emit_once(result: Completion | Refusal) -> None:
            emitted.add(result.key)
            self.endings.emit(result)

        try:
            self._run(requests, Endings(self.endings.stop_ids, self.endings.until, self.endings.decode, emit_once))
            return []
        except torch.OutOfMemoryError as problem:
            reason = str(problem).splitlines()[0]
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if len(requests) == 1:
            self.endings.emit(Refusal(requests[0].key, f"out of memory: {reason}"))
            return []
        self.most_rows = len(requests) // 2
        return [request for request in requests if request.key not in emitted]

    @torch.inference_mode()
    def _run(self, requests: Sequence[Request], endings: Endings) -> None:
        width = max(len(request.prompt.token_ids) for request in requests)
        pad = min(endings.stop_ids, default=0)
        ids = torch.full((len(requests), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, request in enumerate(requests):
            tokens = torch.tensor(request.prompt.token_ids)
            ids[row, width - len(tokens) :] = tokens
            mask[row, width - len(tokens) :] = 1
        temperature, top_p, top_k = self.sampling
        drawing = [SeededSampling([r.seed for r in requests], width, temperature, top_p, top_k)] if temperature else []
        broken = BrokenRows(len(requests))
        self.model.generate(
            input_ids=ids.to(self.device),
            attention_mask=mask.to(self.device),
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=max(request.sampling.max_new_tokens for request in requests),
                pad_token_id=pad,
            ),
            logits_processor=LogitsProcessorList([broken, *drawing]),
            stopping_criteria=StoppingCriteriaList([FinishedRows(requests, width, endings, broken)]),
        )


class FinishedRows(StoppingCriteria):
    """Watches a batch while it is generated and emits each row at the step that finishes it.

    Args:
        requests: one per row.
        width: tokens of the padded prompts; what follows is the answer.
        endings: decides if a row has ended, and emits it.
        broken: the rows whose logits were NaN.
    """

    def __init__(self, requests: Sequence[Request], width: int, endings: Endings, broken: BrokenRows) -> None:
        self.requests, self.width, self.endings, self.broken = requests, width, endings, broken
        self.done = torch.zeros(len(requests), dtype=torch.bool)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Return True for each row that is finished, shape (batch,)."""
        drawn = input_ids[:, self.width :].tolist()
        broken = self.broken.rows.tolist()
        for row in (~self.done).nonzero().flatten().tolist():
            if broken[row]:
                self.endings.broken(self.requests[row])
                self.done[row] = True
            else:
                self.done[row] = self.endings.ends(self.requests[row], drawn[row])
        return self.done.to(input_ids.device)
