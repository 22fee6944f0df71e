"""Continuous batches for transformers: where an answer ends, the next request takes its row.

A batch that waits for its longest answer computes rows that have long ended. Here the rows that run share one cache of
keys and values, padded on the left to the longest of them. Rows that ended are cut out of it, new requests are read
into a cache of their own and joined to it. What a row sees is what it would see alone: its own tokens at their own
positions, and padding that is masked.

Memory is bounded by tokens (rows x the longest of them), not by rows. Where the bound is met, the rows with the fewest
tokens wait until there is room again; they keep what they have. Draws are by (seed, step, token), so that none of this
changes a text.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from spot_eval.models.base import Refusal, Request
from spot_eval.models.hf_endings import Endings
from spot_eval.models.hf_sampling import draw

GROWS_BY = 64  # tokens of room at once
REFILLED_AT = 8  # a part of the rows that is free before they are filled again: each time costs a copy of the cache


def runs_continuously(model: Any) -> bool:
    """Return True if rows of the model's cache can be cut out and joined: every layer attends to all tokens.

    A sliding window, a recurrent state, or a forward pass that takes no positions is run in static batches.
    """
    takes = inspect.signature(model.forward).parameters
    if not {"position_ids", "attention_mask", "past_key_values"} <= takes.keys():
        return False
    try:
        layers = DynamicCache(config=model.config).layers
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


@dataclass
class Row:
    """A request and the tokens that were drawn for it so far."""

    request: Request
    tokens: list[int] = field(default_factory=list)
    ended: bool = False

    @property
    def length(self) -> int:
        """The number of tokens of prompt and answer."""
        return len(self.request.prompt.token_ids) + len(self.tokens)


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, shape (rows, heads, tokens, size), with room for the tokens to come.

    Another token is written behind the last one. transformers' own layer copies all that it holds at every token.
    """

    keys: torch.Tensor
    values: torch.Tensor
    _room: list[torch.Tensor]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add the keys and values of new tokens; return those of all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._put(key_states, value_states)
            return self.keys, self.values
        held, added = self.keys.shape[2], key_states.shape[2]
        if held + added > self._room[0].shape[2]:
            self._put(self.keys, self.values, added)
        for room, new in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, held : held + added] = new
        self.keys, self.values = (room[:, :, : held + added] for room in self._room)
        return self.keys, self.values

    def join(self, other: RoomyLayer, width: int) -> None:
        """Put the rows of `other` below these, all padded on the left to `width` tokens."""
        joined = []
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            rows, heads, held, size = mine.shape
            both = mine.new_zeros((rows + theirs.shape[0], heads, width + GROWS_BY, size))
            both[:rows, :, width - held : width] = mine
            both[rows:, :, width - theirs.shape[2] : width] = theirs
            joined.append(both)
        self._room = joined
        self.keys, self.values = (room[:, :, :width] for room in joined)

    def keep(self, rows: torch.Tensor, first: int) -> None:
        """Keep these rows, from the token `first` on."""
        self._put(self.keys[rows, :, first:], self.values[rows, :, first:])

    def _put(self, keys: torch.Tensor, values: torch.Tensor, added: int = 0) -> None:
        width = keys.shape[2]
        self._room = []
        for part in (keys, values):
            room = part.new_zeros((*part.shape[:2], width + added + GROWS_BY, part.shape[3]))
            room[:, :, :width] = part
            self._room.append(room)
        self.keys, self.values = (room[:, :, :width] for room in self._room)


class ContinuousBatch:
    """The rows that run at once.

    Args:
        model: a causal language model for which `runs_continuously`.
        device: where it lies.
        most_rows: rows at once, at most.
        token_budget: rows times the longest of them, at most; a single row may be longer.
        sampling: temperature (0: greedy), top_p and top_k.
        endings: what ends an answer.
    """

    def __init__(
        self,
        model: Any,
        device: str,
        *,
        most_rows: int,
        token_budget: int,
        sampling: tuple[float, float, int],
        endings: Endings,
    ) -> None:
        self.model, self.device = model, device
        self.most_rows, self.token_budget = most_rows, token_budget
        self.rows_now = most_rows  # fewer where memory did not suffice
        self.sampling, self.endings = sampling, endings
        self.options = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        self.waiting: deque[Row] = deque()
        self._clear()

    def _clear(self) -> None:
        self.rows: list[Row] = []
        self.cache: Any = None
        self.mask = torch.zeros((0, 0), dtype=torch.long)

    @torch.inference_mode()
    def answer(self, requests: Sequence[Request]) -> None:
        """Answer all requests. Where memory does not suffice fewer run at once; one that fits nowhere is refused."""
        self.waiting.extend(map(Row, requests))
        while self.waiting or self.rows:
            arriving: list[Row] = []
            try:
                self._give_back()
                arriving = self._arriving()
                if arriving:
                    self._admit(arriving)
                elif self.rows:
                    self._step()
            except torch.OutOfMemoryError as problem:
                self._shrink([*self.rows, *arriving], str(problem).splitlines()[0])

    def _give_back(self) -> None:
        """Let the rows with the fewest tokens wait where all together would outgrow the budget."""
        if len(self.rows) * (self.mask.shape[1] + 1) <= self.token_budget or len(self.rows) < 2:
            return
        self._keep([row for row in self.rows if not row.ended])
        while len(self.rows) > 1 and len(self.rows) * (self.mask.shape[1] + 1) > self.token_budget:
            least = min(self.rows, key=lambda row: len(row.tokens))
            self._keep([row for row in self.rows if row is not least])
            self.waiting.appendleft(least)

    def _arriving(self) -> list[Row]:
        """Return the rows that have room now; those that ended are cut out first."""
        open_rows = [row for row in self.rows if not row.ended]
        ended = len(self.rows) - len(open_rows)
        free = self.rows_now - len(open_rows)
        few = max(1, self.rows_now // REFILLED_AT)
        if ended >= min(few, len(self.rows)) and ended:
            self._keep(open_rows)
        if not self.waiting or (free < min(few, len(self.waiting)) and open_rows):
            return []
        width = self.mask.shape[1]
        arriving: list[Row] = []
        while self.waiting and len(arriving) < free:
            width = max(width, self.waiting[0].length)
            if (len(self.rows) + len(arriving) + 1) * (width + 1) > self.token_budget and (self.rows or arriving):
                break
            arriving.append(self.waiting.popleft())
        return arriving

    def _admit(self, arriving: list[Row]) -> None:
        """Read what the arriving rows hold so far and join them to those that run."""
        width = max(row.length for row in arriving)
        ids = torch.zeros((len(arriving), width), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for at, row in enumerate(arriving):
            ids[at, width - row.length :] = torch.tensor([*row.request.prompt.token_ids, *row.tokens])
            mask[at, width - row.length :] = 1
        mask = mask.to(self.device)
        cache = DynamicCache(config=self.model.config)
        cache.layers = [RoomyLayer() for _ in cache.layers]
        logits = self._forward(ids.to(self.device), mask, (mask.cumsum(dim=-1) - 1).clamp(min=0), cache)
        if self.cache is None:
            self.cache, self.mask = cache, mask
        else:
            width = max(self.mask.shape[1], width)
            for layer, other in zip(self.cache.layers, cache.layers, strict=True):
                layer.join(other, width)
            self.mask = torch.cat([_padded_mask(self.mask, width), _padded_mask(mask, width)])
        self.rows.extend(arriving)
        self._take(arriving, logits)

    def _step(self) -> None:
        """Draw one more token for every row."""
        last = torch.tensor([[row.tokens[-1]] for row in self.rows]).to(self.device)
        mask = torch.cat([self.mask, self.mask.new_ones((len(self.rows), 1))], dim=-1)
        logits = self._forward(last, mask, mask.sum(dim=-1, keepdim=True) - 1, self.cache)
        self.mask = mask
        self._take(self.rows, logits)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
        """Return the logits after the last token of each row, shape (rows, vocabulary)."""
        found = self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True,
            **self.options,
        )  # fmt: skip
        return found.logits[:, -1]

    def _take(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        """Give each row its next token, and emit those that it ends."""
        broken = torch.isnan(logits[:, 0])  # a NaN in the hidden state reaches every logit; checked weights cannot
        temperature, top_p, top_k = self.sampling
        if temperature:
            seeds = torch.tensor([row.request.seed for row in rows])
            steps = torch.tensor([len(row.tokens) for row in rows])
            drawn = draw(logits, seeds, steps, temperature=temperature, top_p=top_p, top_k=top_k)
        else:
            drawn = logits.argmax(dim=-1)
        for row, token, is_broken in zip(rows, drawn.tolist(), broken.tolist(), strict=True):
            if row.ended:
                continue
            row.tokens.append(token)
            if is_broken:
                self.endings.broken(row.request)
                row.ended = True
            else:
                row.ended = self.endings.ends(row.request, row.tokens)

    def _keep(self, rows: list[Row]) -> None:
        """Cut all other rows out of the cache, and the padding that none of these needs."""
        if len(rows) == len(self.rows):
            return
        if not rows:
            self._clear()
            return
        kept = {id(row) for row in rows}
        at = torch.tensor([n for n, row in enumerate(self.rows) if id(row) in kept]).to(self.device)
        mask = self.mask[at]
        first = mask.shape[1] - int(mask.sum(dim=-1).max())
        self.mask = mask[:, first:]
        for layer in self.cache.layers:
            layer.keep(at, first)
        self.rows = [row for row in self.rows if id(row) in kept]

    def _shrink(self, rows: Sequence[Row], reason: str) -> None:
        """Let `rows`, which did not fit, wait and run half as many at once; refuse one that did not fit alone."""
        tried = [row for row in rows if not row.ended]
        self._clear()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if len(tried) == 1:
            self.endings.emit(Refusal(tried[0].request.key, f"out of memory: {reason}"))
            self.rows_now = self.most_rows  # it may have been this one's fault
        else:
            self.waiting.extendleft(reversed(tried))
            self.rows_now = max(1, len(tried) // 2)


def _padded_mask(mask: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(mask, (width - mask.shape[1], 0))
