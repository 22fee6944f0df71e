"""Log-likelihoods by transformers, reading shared text once.

The texts of one doc become one row: what they share, then a branch per text. A branch sees the shared part and itself,
and its positions go on from the shared part, so one forward pass scores all continuations of the doc (answers of one
token even share one position). What many docs begin with, such as the few-shot examples of an MMLU subject, is read
once and its keys and values are kept for all of them:

    prefix (kept)   |  shared by the doc  |  branch 1  |  branch 2
    5 examples      |  question, "Answer:" |  (nothing, for answers of one token)

That needs an attention that takes any mask. Models that do not (sliding windows shorter than the text, recurrent
layers, flash attention) get a row per text, which is always right and slower. A layout is used only after it has given
the same log-probabilities as plain rows on a probe.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from spot_eval.models.base import Refusal
from spot_eval.models.likelihood import ChoiceScore, LikelihoodRequest, ScoreEmit, Scores, Span
from spot_eval.models.likelihood_rows import Row, alone, joined, layout, rows_of, shared_prefixes

PROBE_TOLERANCE = 2e-3  # nats; another order of sums gives 1e-5 in float32
MASK_TYPES = {"full_attention"}


@dataclass
class _Tally:
    """The state of a request: sums by choice, and the rows still to come."""

    missing: int
    sums: list[float]
    greedy: list[bool]
    tokens: list[int] = field(default_factory=list)


class HfScorer:
    """Scores continuations with a loaded model of transformers."""

    def __init__(self, model: Any, device: str, batch_size: int) -> None:
        self.model, self.device, self.batch_size = model, device, batch_size
        parameters = inspect.signature(model.forward).parameters
        self._keeps_logits = "logits_to_keep" in parameters
        self._layout: str | None = None

    def score(self, requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
        """Score all requests; see `ScoringEngine.score`."""
        longest = max(
            (len(span.ids) for one in requests for text in one.continuations for span in text.spans), default=0
        )
        branched = self._branches(longest)
        rows = [row for number, one in enumerate(requests) for row in rows_of(number, one, branched=branched)]
        tallies = [_tally(one) for one in requests]
        for row in rows:
            tallies[row.request].missing += 1
        groups = shared_prefixes(rows) if branched else [(0, rows)]
        for prefix, members in groups:
            cache = self._read_prefix(members[0].shared[:prefix]) if prefix else None
            waiting = sorted(members, key=lambda row: -row.width)
            while waiting:
                batch, waiting = waiting[: self.batch_size], waiting[self.batch_size :]
                try:
                    found = self._run(batch, prefix, cache) if branched else self._run_plain(batch)
                except torch.OutOfMemoryError as problem:
                    torch.cuda.empty_cache()
                    if len(batch) == 1:
                        tallies[batch[0].request].missing = -1
                        emit(Refusal(requests[batch[0].request].key, f"out of memory: {str(problem).splitlines()[0]}"))
                        continue
                    self.batch_size = len(batch) // 2
                    waiting = batch + waiting
                    continue
                for row, sums in zip(batch, found, strict=True):
                    self._count(row, sums, tallies[row.request], requests[row.request], emit)

    def _count(
        self,
        row: Row,
        sums: list[tuple[float, bool]],
        tally: _Tally,
        request: LikelihoodRequest,
        emit: ScoreEmit,
    ) -> None:
        for read, (logprob, greedy) in zip(row.reads, sums, strict=True):
            tally.sums[read.choice] += logprob
            tally.greedy[read.choice] &= greedy
        tally.missing -= 1
        if tally.missing == 0:
            choices = zip(tally.sums, tally.tokens, tally.greedy, strict=True)
            emit(Scores(request.key, tuple(ChoiceScore(*choice) for choice in choices)))

    # ---- one forward pass

    @torch.inference_mode()
    def _read_prefix(self, tokens: Sequence[int]) -> Any:
        """Return the keys and values of `tokens`, of a batch of one."""
        options = {"logits_to_keep": 1} if self._keeps_logits else {}
        ids = torch.tensor([tokens], device=self.device)
        return self.model(input_ids=ids, use_cache=True, **options).past_key_values

    @torch.inference_mode()
    def _run(self, rows: Sequence[Row], prefix: int, cache: Any) -> list[list[tuple[float, bool]]]:
        """Return (log-prob, greedy) of each read of each row; `cache` holds the first `prefix` tokens of all."""
        width = max(row.width for row in rows) - prefix
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        positions = torch.zeros_like(ids)
        segments = torch.full_like(ids, -1)  # 0: shared, n: branch n, -1: padding
        columns: list[list[list[int]]] = []
        for at, row in enumerate(rows):
            own, columns_of_row = layout(row, prefix)
            length = len(own.ids)
            ids[at, :length] = torch.tensor(own.ids)
            positions[at, :length] = torch.tensor(own.positions)
            positions[at, length:] = prefix
            segments[at, :length] = torch.tensor(own.segments)
            columns.append(columns_of_row)
        segments = segments.to(self.device)
        seen = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
        seen &= torch.ones(width, width, dtype=torch.bool, device=self.device).tril()
        if prefix:
            seen = torch.nn.functional.pad(seen, (prefix, 0), value=True)
        dtype = self.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=self.device).masked_fill_(~seen, torch.finfo(dtype).min)
        options = {"past_key_values": _expanded(cache, len(rows))} if prefix else {}
        given = {
            "input_ids": ids.to(self.device),
            "attention_mask": mask[:, None],
            "position_ids": positions.to(self.device),
            "use_cache": bool(prefix),
            **options,
        }
        return self._logprobs(rows, columns, given)

    @torch.inference_mode()
    def _run_plain(self, rows: Sequence[Row]) -> list[list[tuple[float, bool]]]:
        """Return the same for rows without branches, by nothing but a padding mask."""
        width = max(row.width for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : row.width] = torch.tensor(row.shared)
            mask[at, : row.width] = 1
        columns = [[range(read.start, read.start + len(read.tokens)) for read in row.reads] for row in rows]
        given = {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device), "use_cache": False}
        return self._logprobs(rows, columns, given)

    def _logprobs(
        self, rows: Sequence[Row], columns: Sequence[Sequence[Sequence[int]]], given: dict[str, Any]
    ) -> list[list[tuple[float, bool]]]:
        """Run the model and read the scored tokens, whose logits stand in `columns`."""
        needed = sorted({column for of_row in columns for of_read in of_row for column in of_read})
        place = {column: at for at, column in enumerate(needed)}
        if self._keeps_logits:
            given["logits_to_keep"] = torch.tensor(needed, device=self.device)
        logits = self.model(**given).logits
        if not self._keeps_logits:
            logits = logits[:, torch.tensor(needed, device=logits.device)]
        spots = [
            (at, place[column], token)
            for at, (row, of_row) in enumerate(zip(rows, columns, strict=True))
            for read, of_read in zip(row.reads, of_row, strict=True)
            for column, token in zip(of_read, read.tokens, strict=True)
        ]
        lines, kept, tokens = (torch.tensor(part, device=logits.device) for part in zip(*spots, strict=True))
        logprobs, greedy = _chosen(logits, lines, kept, tokens)
        values, best = iter(logprobs), iter(greedy)
        found: list[list[tuple[float, bool]]] = []
        for row in rows:
            of_row = []
            for read in row.reads:
                count = len(read.tokens)
                of_row.append((sum(islice(values, count)), sum(islice(best, count)) == count))
            found.append(of_row)
        return found

    # ---- which layout

    def _branches(self, longest: int) -> bool:
        """Return True if this model may read branches and kept prefixes in texts of `longest` tokens."""
        if not _full_attention(self.model.config, longest):
            return False
        if self._layout is None:
            self._layout = "branches" if self._probed() else "rows"
        return self._layout == "branches"

    @torch.inference_mode()
    def _probed(self) -> bool:
        """Score a few texts both ways, and return True if the log-probabilities agree."""
        generator = torch.Generator().manual_seed(0)
        vocabulary = int(self.model.get_input_embeddings().weight.shape[0])
        tokens = torch.randint(vocabulary, (60,), generator=generator).tolist()
        texts = [(*tokens[:32], *tokens[32:38]), (*tokens[:32], *tokens[38:50]), (*tokens[:32], *tokens[50:51])]
        spans = [Span(texts[0], 5), Span(texts[1], 11), Span(texts[2], 1)]
        (row,) = joined(0, spans, range(3))
        try:
            branched = self._run([row, row], 24, self._read_prefix(row.shared[:24]))[1]
            plain = [self._run_plain([alone(0, span, 0)])[0][0] for span in spans]
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
            return False
        half = self.model.dtype != torch.float32
        tolerance = PROBE_TOLERANCE if not half else 0.05 * max(abs(value) for value, _ in plain)
        return all(abs(a - b) <= tolerance for (a, _), (b, _) in zip(branched, plain, strict=True))


def _expanded(cache: Any, rows: int) -> Any:
    """Return a cache of its own for `rows` rows that begin with the one row of `cache`."""
    from transformers import DynamicCache

    wide = DynamicCache()
    for number, layer in enumerate(cache.layers):
        wide.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), number)
    return wide


def _chosen(
    logits: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, tokens: torch.Tensor
) -> tuple[list[float], list[bool]]:
    """Return the log-probability of each token at (row, column) of `logits`, and if it was the most likely one."""
    logprobs: list[float] = []
    greedy: list[bool] = []
    step = max(1, (1 << 24) // logits.shape[-1])
    for start in range(0, len(tokens), step):
        part = slice(start, start + step)
        lines = logits[rows[part], columns[part]].float()
        chosen = lines.gather(1, tokens[part, None])[:, 0]
        logprobs += (chosen - lines.logsumexp(-1)).tolist()
        greedy += (lines.argmax(-1) == tokens[part]).tolist()
    return logprobs, greedy


def _tally(request: LikelihoodRequest) -> _Tally:
    count = len(request.continuations)
    return _Tally(0, [0.0] * count, [True] * count, [one.tokens or 0 for one in request.continuations])


def _full_attention(config: Any, longest: int) -> bool:
    """Return True if every layer of the model attends to all tokens of a text of `longest` tokens."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    if getattr(text, "_attn_implementation", None) not in {"sdpa", "eager", None}:
        return False
    window = getattr(text, "sliding_window", None)
    windowed = isinstance(window, int) and window < longest and getattr(text, "use_sliding_window", True)
    kinds = set(getattr(text, "layer_types", None) or MASK_TYPES)
    if windowed and kinds == MASK_TYPES and getattr(text, "layer_types", None):
        windowed = False  # the configuration names a window that no layer uses
    return not windowed and kinds <= MASK_TYPES | {"sliding_attention"}
