"""The model as training sees it: micro-batches in, token log-probs out.

`PolicyModel` is one module around a causal model, so that everything it does (backbone, head, log-probs) happens inside
one forward call, where FSDP has the weights at hand. `probe` finds out, on a few made-up tokens and against the model's
own logits, which layout the model can do and how its head makes logits; nothing is taken from a list of architectures.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.batches.packing import Kind, MicroBatch, lay_out
from trainer.batches.tokenize import Example
from trainer.errors import TrainError
from trainer.model.attention import NAME, Trees, Unsupported, register
from trainer.model.logprobs import Head, token_logprobs

TOLERANCE = {torch.float32: 2e-3, torch.bfloat16: 0.3, torch.float16: 0.1}
"""How far a probe's token log-probs may be from the model's own, in nats, root mean square. A wrong mask or head is
off by far more; what a layout costs in exactness is measured in the tests."""


@dataclass(frozen=True)
class Batch:
    """A micro-batch as tensors on the policy's device; see layout.MicroBatch."""

    kind: Kind
    tokens: Tensor
    trees: Trees | None
    positions: Tensor
    source: Tensor
    target: Tensor
    pair: Tensor
    side: Tensor
    edited: Tensor
    pairs: tuple[int, ...]


def to_batch(micro: MicroBatch, device: torch.device) -> Batch:
    """The tensors of a micro-batch."""
    tokens, positions, source, target, pair, side, edited = (
        torch.from_numpy(array.copy()).to(device, non_blocking=True)
        for array in (
            micro.tokens, micro.positions, micro.source, micro.target, micro.pair, micro.side, micro.edited,
        )
    )  # fmt: skip
    trees = None if micro.kind is Kind.SEPARATE else Trees(micro.units, device)
    return Batch(micro.kind, tokens, trees, positions, source, target, pair, side, edited.bool(), micro.pairs)


class PolicyModel(nn.Module):
    """A causal model with the log-probs on top. `own_attention` is what it was loaded with."""

    def __init__(self, causal: Any) -> None:
        super().__init__()
        register()
        self.causal = causal
        self.own_attention = causal.config._attn_implementation or "sdpa"
        self.scale: float = 1.0
        self.softcap: float | None = None
        _disable_dropout(causal)

    def use(self, kind: Kind) -> None:
        """Switch the model's attention to what the layout needs."""
        wanted = self.own_attention if kind is Kind.SEPARATE else NAME
        if self.causal.config._attn_implementation != wanted:
            self.causal.set_attn_implementation(wanted)

    def forward(self, batch: Batch, *, logits: bool = False) -> Tensor:
        """[n] token log-probs in fp32; with `logits` the model's own [rows, length, vocabulary] of a separate batch."""
        if logits:
            return self.causal(input_ids=batch.tokens, use_cache=False).logits
        extra = {} if batch.trees is None else {"trees": batch.trees, "position_ids": batch.positions}
        found = self.causal.get_decoder()(input_ids=batch.tokens, use_cache=False, **extra)
        hidden = found.last_hidden_state.flatten(0, 1).index_select(0, batch.source)
        return token_logprobs(hidden, batch.target, self.head())

    def head(self) -> Head:
        """The head as it stands; its weights are whole only inside `forward`."""
        linear = self.causal.get_output_embeddings()
        return Head(linear.weight, getattr(linear, "bias", None), self.scale, self.softcap)


def _disable_dropout(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if getattr(module, "attention_dropout", 0.0):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010 - modules have no such field to mypy


def probe(policy: PolicyModel, device: torch.device, wanted: Kind, dtype: torch.dtype) -> tuple[Kind, str]:
    """Find the head's scale and softcap, and the best layout the model can do, at most `wanted`; why, if it is less.

    Every process must call it, since the model is run. Raises TrainError if the model's logits cannot be explained.

    Args:
        policy: the model.
        device: where it is.
        wanted: the best layout to try.
        dtype: the dtype it computes in, which sets the tolerance.
    """
    made_up = _made_up(policy.causal.config.get_text_config().vocab_size)
    separate = to_batch(lay_out(made_up, range(len(made_up)), Kind.SEPARATE), device)
    policy.use(Kind.SEPARATE)
    with torch.no_grad():
        own = policy(separate, logits=True).float().log_softmax(-1).flatten(0, 1)
        truth = own[separate.source, separate.target]
        _fit_head(policy, separate, truth, TOLERANCE[dtype])
        why = ""
        for kind in [kind for kind in (Kind.SHARED, Kind.PACKED) if wanted in (kind, Kind.SHARED)]:
            problem = _problem(
                policy, made_up, kind, device=device, separate=separate, truth=truth, most=TOLERANCE[dtype]
            )
            if not problem:
                policy.use(kind)
                return kind, why
            why = why or problem
    policy.use(Kind.SEPARATE)
    return Kind.SEPARATE, why


def _made_up(vocabulary: int) -> list[Example]:
    chance = random.Random("probe")  # noqa: S311 - nothing secret is drawn

    def some(count: int) -> tuple[int, ...]:
        return tuple(chance.randrange(vocabulary) for _ in range(count))

    examples = []
    for name, lengths in (("a", (9, 7, 12, 8)), ("b", (5, 3, 6, 11))):
        prompt, common, chosen, rejected = map(some, lengths)
        examples.append(Example(name, prompt, common + chosen, common + rejected))
    return examples


def _fit_head(policy: PolicyModel, batch: Batch, truth: Tensor, tolerance: float) -> None:
    """Sets scale and softcap so that our log-probs are the model's own."""
    config = policy.causal.config.get_text_config()
    softcap = getattr(config, "final_logit_softcapping", None)
    scales = [1.0]
    if scaling := getattr(config, "logits_scaling", None):
        scales += [1 / scaling, scaling]
    if scaling := getattr(config, "logit_scale", None):
        scales.append(scaling)
    for scale in scales:
        for cap in {softcap, None}:
            policy.scale, policy.softcap = scale, cap
            if _distance(policy(batch), truth) < tolerance:
                return
    raise TrainError(
        f"the logits of {type(policy.causal).__name__} are not its output matrix times its last hidden states, "
        "with a scale or a softcap that its config names; this model cannot be trained here"
    )


def _problem(
    policy: PolicyModel,
    made_up: list[Example],
    kind: Kind,
    *,
    device: torch.device,
    separate: Batch,
    truth: Tensor,
    most: float,
) -> str:
    """Return the reasons why the model cannot do a layout; empty if it can."""
    config = policy.causal.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or []
    if odd := sorted(set(kinds) - {"full_attention", "sliding_attention"}):
        return f"it has layers of {', '.join(odd)}"
    policy.use(kind)
    batch = to_batch(lay_out(made_up, range(len(made_up)), kind), device)
    assert batch.trees is not None
    try:
        found = policy(batch)
    except Unsupported as reason:
        return str(reason)
    if not batch.trees.windows:
        return f"{type(policy.causal).__name__} does not ask transformers' interface for its attention"
    windows = batch.trees.windows
    everywhere = len(windows) if getattr(config, "sliding_window", None) else 0
    sliding = kinds.count("sliding_attention") if kinds else everywhere
    if sliding != sum(window is not None for window in windows):
        return f"{type(policy.causal).__name__} does not tell its attention of its sliding window"
    expected, got = (_by_side(each, log_probs) for each, log_probs in ((separate, truth), (batch, found)))
    if (off := _distance(got, expected)) >= most:
        return f"its log-probs in the {kind} layout are off by {off:.2g} nats"
    return ""


def _by_side(batch: Batch, log_probs: Tensor) -> Tensor:
    """Log-probs of each pair's y+, then of its y-, token by token."""
    found = []
    for pair in range(len(batch.pairs)):
        for other in (2, 1):
            found.append(log_probs[(batch.pair == pair) & (batch.side != other)])
    return torch.cat(found)


def _distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean().sqrt())
