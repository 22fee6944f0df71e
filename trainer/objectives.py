"""Eight objectives and their mixtures, as pure functions of log-probs.

With l the sum of an answer's token log-probs, r = beta * (l - l_ref) and s the sigmoid (arXiv 2603.01683):

    sft, rft, sft+   - l+ / tokens                       (they differ in where y+ comes from)
    dft              - sum sg(p_t) log p_t / tokens
    reward-sft       - log s(r+)
    dpo              - log s(r+ - r-)
    spot-bce         - log s(r+) - log s(-r-)
    spot-bco         - log s(r+ - d) - log s(-(r- - d)),   d the running mean of all rewards, without gradient

Means over tokens and pairs are those of the whole optimizer step. `spot-bce + 0.1*sft` mixes. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trainer.batches.packing import CHOSEN, REJECTED
from trainer.errors import TrainError


class Scores(NamedTuple):
    """A micro-batch as an objective sees it. n counted tokens, p pairs; all fp32.

    tokens: [n] log-probs. chosen, rejected: [p] sums over y+ and y- (rejected of zeros where no y- was read).
    chosen_reward, rejected_reward: [p], beta times the log-ratio to the reference; None without one.
    chosen_member: bool [p, n], whether a token belongs to the pair's y+.
    """

    tokens: Tensor
    chosen: Tensor
    rejected: Tensor
    chosen_member: Tensor
    chosen_reward: Tensor | None = None
    rejected_reward: Tensor | None = None


def members(pair: Tensor, side: Tensor, pairs: int, without: int) -> Tensor:
    """bool [pairs, n]: whether a token belongs to a pair and not to the side `without` (CHOSEN or REJECTED).

    Args:
        pair: [n] number of each token's pair.
        side: [n] side of each token.
        pairs: number of pairs p.
        without: the side to leave out, CHOSEN or REJECTED.
    """
    mine = pair[None] == torch.arange(pairs, device=pair.device)[:, None]
    return mine & (side != without)[None]


def sums_over(member: Tensor, values: Tensor) -> Tensor:
    """fp64 [pairs]: the sum of values [n] over each row of `member`; a value that is no number spoils its own alone.

    Always by the same reduction, so that equal values give equal sums, to the last bit.
    """
    return torch.where(member, values.double()[None], 0.0).sum(1)


def answer_sums(tokens: Tensor, pair: Tensor, side: Tensor, pairs: int) -> Tensor:
    """fp64 [2, pairs]: the sums of token log-probs [n] over each y+ and each y-.

    Args:
        tokens: [n] log-probs of counted tokens.
        pair: [n] number of each token's pair.
        side: [n] side of each token: y+, y- or both.
        pairs: number of pairs p.
    """
    return torch.stack([sums_over(members(pair, side, pairs, other), tokens) for other in (REJECTED, CHOSEN)])


def score(
    tokens: Tensor, pair: Tensor, side: Tensor, pairs: int, *, reference: Tensor | None = None, beta: float = 0.1
) -> Scores:
    """Return token log-probs [n] as an objective needs them; `reference`: fp64 [2, pairs], its `answer_sums`.

    Args:
        tokens: [n] log-probs of counted tokens.
        pair: [n] number of each token's pair.
        side: [n] side of each token: y+, y- or both.
        pairs: number of pairs p.
        reference: fp64 [2, p], the reference's `answer_sums`; None if no objective reads it.
        beta: factor of the implicit reward.
    """
    sums = answer_sums(tokens, pair, side, pairs)
    rewards = (None, None) if reference is None else (beta * (sums - reference)).float()
    member = members(pair, side, pairs, REJECTED)
    return Scores(tokens, sums[0].float(), sums[1].float(), member, rewards[0], rewards[1])


Loss = Callable[[Scores, Tensor], Tensor]
"""(scores, d) to [p]: each pair's part of the sum that is divided by the step's pairs or tokens."""


def _likelihood(scores: Scores, shift: Tensor) -> Tensor:
    return -scores.chosen


def _dynamic(scores: Scores, shift: Tensor) -> Tensor:
    weighted = scores.tokens.exp().detach() * scores.tokens
    return -sums_over(scores.chosen_member, weighted).float()


def _tethered(scores: Scores, shift: Tensor) -> Tensor:
    return -functional.logsigmoid(_known(scores.chosen_reward))


def _preference(scores: Scores, shift: Tensor) -> Tensor:
    return -functional.logsigmoid(_known(scores.chosen_reward) - _known(scores.rejected_reward))


def _binary(scores: Scores, shift: Tensor) -> Tensor:
    up, down = _known(scores.chosen_reward), _known(scores.rejected_reward)
    return -functional.logsigmoid(up) - functional.logsigmoid(-down)


def _shifted(scores: Scores, shift: Tensor) -> Tensor:
    up, down = _known(scores.chosen_reward), _known(scores.rejected_reward)
    return -functional.logsigmoid(up - shift) - functional.logsigmoid(-(down - shift))


def _known(reward: Tensor | None) -> Tensor:
    assert reward is not None, "this objective needs the reference's log-probs"
    return reward


@dataclass(frozen=True)
class Term:
    """An objective. `per_token`: its mean is over the step's y+ tokens, not over its pairs."""

    name: str
    loss: Loss
    per_token: bool = False
    rejected: bool = False
    reference: bool = False
    shift: bool = False


TERMS = {
    term.name: term
    for term in (
        Term("sft", _likelihood, per_token=True),
        Term("rft", _likelihood, per_token=True),
        Term("sft+", _likelihood, per_token=True),
        Term("dft", _dynamic, per_token=True),
        Term("reward-sft", _tethered, reference=True),
        Term("dpo", _preference, rejected=True, reference=True),
        Term("spot-bce", _binary, rejected=True, reference=True),
        Term("spot-bco", _shifted, rejected=True, reference=True, shift=True),
    )
}


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms, most often of one."""

    terms: tuple[tuple[float, Term], ...]

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read `spot-bco`, or a mixture: `spot-bce + 0.1*sft`. Raises TrainError naming the unknown term."""
        terms = []
        # a plus sign with a space before it adds; that of sft+ belongs to its name
        for part in re.split(r"\s+\+\s*", text.strip()):
            weight, _, name = part.rpartition("*")
            try:
                terms.append((float(weight) if weight else 1.0, TERMS[name.strip()]))
            except (KeyError, ValueError) as problem:
                known = ", ".join(TERMS)
                raise TrainError(
                    f"objective {part!r} is not known; there are {known}, and mixtures such as 'spot-bce + 0.1*sft'"
                ) from problem
        return cls(tuple(terms))

    def __str__(self) -> str:
        return " + ".join(term.name if weight == 1 else f"{weight:g}*{term.name}" for weight, term in self.terms)

    @property
    def needs_rejected(self) -> bool:
        """True if y- is read at all."""
        return any(term.rejected for _, term in self.terms)

    @property
    def needs_reference(self) -> bool:
        """True if log-probs of the reference are needed."""
        return any(term.reference for _, term in self.terms)

    @property
    def has_shift(self) -> bool:
        """True if the running mean d plays a part."""
        return any(term.shift for _, term in self.terms)

    def losses(self, scores: Scores, shift: Tensor, *, step_pairs: int, step_tokens: int) -> Tensor:
        """[p]: each pair's part of the step's loss, which is the sum over all micro-batches of all processes.

        Args:
            scores: a micro-batch.
            shift: the running mean d of SPoT-BCO, a scalar.
            step_pairs: pairs of the whole step, over all processes.
            step_tokens: counted y+ tokens of the whole step, over all processes.
        """
        total = torch.zeros_like(scores.chosen)
        for weight, term in self.terms:
            total = total + weight / (step_tokens if term.per_token else step_pairs) * term.loss(scores, shift)
        return total


@dataclass
class Shift:
    """d of SPoT-BCO, a running mean of rewards over all processes.

    `paper`: d_t is the mean of all r+ and r- over the steps before t, every pair weighing the same, and d_0 is 0.
    `trl020`: as TRL 0.20's `bco_pair`, the mean of the means of all micro-batches so far, the current one included.
    """

    semantics: str = "paper"
    total: float = 0.0
    weight: float = 0.0

    def __post_init__(self) -> None:
        if self.semantics not in ("paper", "trl020"):
            raise TrainError(f"shift {self.semantics!r} is not known; there are paper and trl020")

    @property
    def value(self) -> float:
        """d; 0 before anything was seen."""
        return self.total / self.weight if self.weight else 0.0

    def add(self, total: float, weight: float) -> None:
        """Take in rewards: their sum and number (paper), or the sum of micro-batch means and their number (trl020)."""
        self.total += total
        self.weight += weight
