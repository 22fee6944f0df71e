"""Take an optimizer step: forward, loss, backward over the step's micro-batches, then AdamW."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.batches.packing import BOTH, REJECTED
from trainer.batches.plan import Plan
from trainer.errors import TrainError
from trainer.model.policy import Batch
from trainer.objectives import Objective, Scores, Shift, score
from trainer.training.engine import Engine
from trainer.training.processes import Processes

SUMS = (
    "loss", "pairs", "chosen_reward", "rejected_reward", "chosen_logprob", "rejected_logprob", "tether", "accuracy",
    "edited", "mass", "chosen_tokens",
)  # fmt: skip
"""What is summed over the pairs of a step."""


@dataclass
class Tally:
    """Sums over this process's part of a step, and the pairs whose loss is no number."""

    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))
    broken: list[str] = field(default_factory=list)


def take_step(
    engine: Engine,
    plan: Plan,
    step: int,
    *,
    objective: Objective,
    shift: Shift,
    reference: Tensor | None,
    learning_rate: float,
) -> dict[str, float | None]:
    """Train on step number `step` of the plan; `reference`: fp64 [2, examples], sums over y+ and y-.

    Args:
        engine: model and optimizer; its weights are changed.
        plan: the micro-batches of every step of an epoch.
        step: 0-based number of the step in it.
        objective: the loss.
        shift: the running mean of SPoT-BCO, updated here.
        reference: fp64 [2, examples], sums over y+ and y-; None if the objective needs none.
        learning_rate: of this step.

    Returns the step's metrics. Raises TrainError, before any weight is touched, where a loss or the gradient is no
    number, naming the pairs.
    """
    processes, tally = engine.processes, Tally()
    counts = {"step_pairs": plan.pairs_in(step), "step_tokens": plan.chosen_tokens_in(step)}
    for number in range(engine.batches(plan, step)):
        batch, counts_for = engine.batch(plan, step, number)
        tokens = engine.policy(batch)
        leaf = tokens.detach().requires_grad_()
        scores = _scores(batch, leaf, reference, engine.settings.beta)
        if objective.has_shift and shift.semantics == "trl020":
            _add_micro_batch(shift, scores, processes, counts_for)
        losses = objective.losses(scores, torch.tensor(shift.value, device=leaf.device), **counts)
        losses.sum().backward()
        assert leaf.grad is not None
        # FSDP takes the mean over the processes, the loss is a sum over them
        tokens.backward(leaf.grad * (processes.count if counts_for else 0))
        if counts_for:
            _count(tally, plan, batch, scores, losses=losses.detach(), gradient=leaf.grad, objective=objective)
    total = dict(zip(SUMS, processes.sums([tally.sums[name] for name in SUMS]), strict=True))
    norm = engine.norm_of_gradient()
    _check(engine, plan, step, tally, loss=total["loss"], norm=norm)
    engine.update(learning_rate)
    engine.forget_gradient()
    if objective.has_shift and shift.semantics == "paper":
        shift.add(total["chosen_reward"] + total["rejected_reward"], 2 * total["pairs"])
    return _metrics(total, objective, engine.settings.beta) | {
        "gradient_norm": norm,
        "learning_rate": learning_rate,
        "shift": shift.value,
    }


def _scores(batch: Batch, tokens: Tensor, reference: Tensor | None, beta: float) -> Scores:
    own = None if reference is None else reference[:, list(batch.pairs)].to(tokens.device)
    return score(tokens, batch.pair, batch.side, len(batch.pairs), reference=own, beta=beta)


def _add_micro_batch(shift: Shift, scores: Scores, processes: Processes, counts_for: bool) -> None:
    assert scores.chosen_reward is not None
    assert scores.rejected_reward is not None
    mean = float(torch.cat([scores.chosen_reward, scores.rejected_reward]).detach().mean()) if counts_for else 0.0
    shift.add(*processes.sums([mean, float(counts_for)]))


def _count(
    tally: Tally,
    plan: Plan,
    batch: Batch,
    scores: Scores,
    *,
    losses: Tensor,
    gradient: Tensor,
    objective: Objective,
) -> None:
    sums = tally.sums
    finite = torch.isfinite(losses)
    if not finite.all():
        tally.broken += [
            plan.examples[index].id for index, fine in zip(batch.pairs, finite.tolist(), strict=True) if not fine
        ]
    sums["loss"] += float(losses.double().sum())
    sums["pairs"] += len(batch.pairs)
    sums["chosen_logprob"] += float(scores.chosen.detach().sum())
    sums["chosen_tokens"] += int((batch.side != REJECTED).sum())
    if objective.needs_rejected:
        sums["rejected_logprob"] += float(scores.rejected.detach().sum())
        # how far a token's logits are pushed: its coefficient in the loss times what its probability lacks of 1
        push = gradient.abs() * (1 - scores.tokens.detach().exp())
        sums["mass"] += float(push.sum())
        sums["edited"] += float(push[batch.edited & (batch.side != BOTH)].sum())
    if scores.chosen_reward is None or scores.rejected_reward is None:
        return
    sums["chosen_reward"] += float(scores.chosen_reward.detach().sum())
    sums["tether"] += float(torch.sigmoid(-scores.chosen_reward.detach()).sum())
    if objective.needs_rejected:
        sums["rejected_reward"] += float(scores.rejected_reward.detach().sum())
        sums["accuracy"] += int((scores.chosen_reward > scores.rejected_reward).sum())


def _check(engine: Engine, plan: Plan, step: int, tally: Tally, *, loss: float, norm: float) -> None:
    if math.isfinite(loss) and math.isfinite(norm):
        return
    broken = [name for names in engine.processes.from_all(tally.broken) for name in names]
    engine.forget_gradient()
    if broken:
        raise TrainError(
            f"the loss of pair {broken[0]} is no number"
            + (f" (and that of {len(broken) - 1} others in its step)" if broken[1:] else "")
            + "; no weight was changed by it: look at the pair, lower the learning rate, or compute in float32"
        )
    first = next(plan.examples[index].id for batch in plan.steps[step] for index in batch)
    raise TrainError(
        f"the gradient of the step that begins with pair {first} is no number; no weight was changed by it: "
        "lower the learning rate, or compute in float32"
    )


def _metrics(total: dict[str, float], objective: Objective, beta: float) -> dict[str, float | None]:
    """Means over the step's pairs (log-probs in nats an answer); None for what the objective does not look at.

    `kl` is the mean of log ref(y-) - log pi(y-). The reference wrote y-, so this estimates KL(reference || policy)
    over its wrong answers.
    """
    pairs = total["pairs"]

    def mean(name: str, known: bool) -> float | None:
        return total[name] / pairs if known else None

    both, reference = objective.needs_rejected, objective.needs_reference
    return {
        "loss": total["loss"],
        "reward_chosen": mean("chosen_reward", reference),
        "reward_rejected": mean("rejected_reward", reference and both),
        "accuracy": mean("accuracy", reference and both),
        "tether": mean("tether", reference),
        "kl": -total["rejected_reward"] / beta / pairs if reference and both else None,
        "logprob_chosen": mean("chosen_logprob", True),
        "logprob_rejected": mean("rejected_logprob", both),
        "edited_share": total["edited"] / total["mass"] if both and total["mass"] else None,
        "pairs": pairs,
        "chosen_tokens": total["chosen_tokens"],
    }
